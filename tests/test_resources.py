"""The control group's files in both layouts, written out as Linux writes them."""

import pytest

from loans import resources


@pytest.fixture
def group(tmp_path):
    """Write files of a control group and read them: `group({"memory.max": "..."}, own="0::/")`."""

    def read(files, *, own="0::/\n"):
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "own").write_text(own)
        found = resources.readings(root=tmp_path / "cgroup", own=tmp_path / "own")
        return {each.name: (each.kind, each.samples[0].value) for each in found}

    return read


V2 = {
    "cgroup.controllers": "cpu memory pids\n",
    "memory.current": "209715200\n",
    "memory.max": "536870912\n",
    "memory.stat": "anon 104857600\nfile 52428800\ninactive_file 41943040\n",
    "cpu.max": "150000 100000\n",
    "cpu.stat": "usage_usec 12500000\nuser_usec 9000000\nnr_periods 10\nthrottled_usec 250000\n",
}
V1 = {
    "memory/memory.usage_in_bytes": "209715200\n",
    "memory/memory.limit_in_bytes": "536870912\n",
    "memory/memory.stat": "cache 1\ninactive_file 1\ntotal_inactive_file 41943040\n",
    "cpu/cpu.cfs_quota_us": "150000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "cpu/cpu.stat": "nr_periods 10\nnr_throttled 3\nthrottled_time 250000000\n",
    "cpuacct/cpuacct.usage": "12500000000\n",
}
# 200 MiB less 40 MiB of droppable cache; 512 MiB; 12.5 s; one and a half cores; a quarter of a second.
READ = {
    "branchloans_memory_bytes": ("gauge", 167772160),
    "branchloans_memory_limit_bytes": ("gauge", 536870912),
    "branchloans_cpu_seconds_total": ("counter", 12.5),
    "branchloans_cpu_limit_cores": ("gauge", 1.5),
    "branchloans_cpu_throttled_seconds_total": ("counter", 0.25),
}


class TestReadings:
    @pytest.mark.parametrize("files", [V1, V2], ids=["v1", "v2"])
    def test_are_the_same_in_both_layouts(self, group, files):
        assert group(files) == READ

    @pytest.mark.parametrize(
        "files",
        [
            V2 | {"memory.max": "max\n", "cpu.max": "max 100000\n"},
            V1 | {"memory/memory.limit_in_bytes": "9223372036854771712\n", "cpu/cpu.cfs_quota_us": "-1\n"},
        ],
        ids=["v1", "v2"],
    )
    def test_have_no_limit_where_there_is_none(self, group, files):
        found = group(files)

        assert "branchloans_memory_limit_bytes" not in found
        assert "branchloans_cpu_limit_cores" not in found
        assert found["branchloans_memory_bytes"] == ("gauge", 167772160)

    def test_are_absent_where_the_files_are(self, group):
        assert group({"some/other": ""}) == {}

    @pytest.mark.parametrize("text", ["", "many\n", "\N{SUPERSCRIPT TWO}"])
    def test_leave_out_what_is_no_number(self, group, text):
        found = group(V2 | {"memory.current": text, "cpu.max": text})

        assert found.keys() == READ.keys() - {"branchloans_memory_bytes", "branchloans_cpu_limit_cores"}

    def test_follow_the_path_of_the_own_group(self, group):
        service = {f"system.slice/loans.service/{name}": text for name, text in V2.items()}
        root = V2 | {"memory.current": "1\n", "cpu.stat": "usage_usec 1\n"}

        assert group(root | service, own="0::/system.slice/loans.service\n") == READ

    def test_follow_it_for_each_controller_of_the_older_layout(self, group):
        own = "4:memory:/docker/ab12\n2:cpu,cpuacct:/docker/ab12\n0::/\n"
        service = {
            "memory/docker/ab12/memory.usage_in_bytes": "1048576\n",
            "cpuacct/docker/ab12/cpuacct.usage": "7000000000\n",
        }

        found = group(V1 | service, own=own)

        assert found["branchloans_memory_bytes"] == ("gauge", 1048576)
        assert found["branchloans_cpu_seconds_total"] == ("counter", 7)
        assert found["branchloans_cpu_limit_cores"] == ("gauge", 1.5)
