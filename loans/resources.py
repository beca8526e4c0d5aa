"""What this container uses of what it may: memory and CPU against the limits of its control group.

Every worker of a container reads the same files, so that it does not matter which one is asked. Linux has these files
in two layouts (v1 and v2); where one is missing, or sets no limit, there is no series.
"""

from collections.abc import Iterable
from pathlib import Path

from loans.metrics import Reading, Sample

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
# How v1 writes "no limit": the largest multiple of a page; nothing has that much memory.
UNLIMITED_BYTES = 2**60


def readings(*, root: Path = ROOT, own: Path = OWN) -> Iterable[Reading]:
    """Read the control group of this process."""
    found = _v2(root, own=own) if (root / "cgroup.controllers").exists() else _v1(root, own=own)
    for name, text, kind in (
        ("branchloans_memory_bytes", "Memory in use, without file caches that can be dropped.", "gauge"),
        ("branchloans_memory_limit_bytes", "Memory beyond which the container is killed.", "gauge"),
        ("branchloans_cpu_seconds_total", "CPU time used.", "counter"),
        ("branchloans_cpu_limit_cores", "CPU time that may be used in a second.", "gauge"),
        ("branchloans_cpu_throttled_seconds_total", "Time spent waiting for want of CPU time.", "counter"),
    ):
        value = found.get(name)
        if value is not None:
            yield Reading(name, text, (Sample(value),), kind)


def _v2(root: Path, *, own: Path) -> dict[str, float | None]:
    folder = _folder(root, own=own, controller="")
    memory = _words(folder / "memory.stat")
    cpu = _words(folder / "cpu.stat")
    quota = _text(folder / "cpu.max").split()
    return {
        "branchloans_memory_bytes": _less(_number(folder / "memory.current"), memory.get("inactive_file")),
        "branchloans_memory_limit_bytes": _limit(_number(folder / "memory.max")),
        "branchloans_cpu_seconds_total": _divided(cpu.get("usage_usec"), 10**6),
        "branchloans_cpu_limit_cores": _cores(*quota) if len(quota) == 2 else None,  # noqa: PLR2004 - quota, period
        "branchloans_cpu_throttled_seconds_total": _divided(cpu.get("throttled_usec"), 10**6),
    }


def _v1(root: Path, *, own: Path) -> dict[str, float | None]:
    memory = _folder(root, own=own, controller="memory")
    cpu = _folder(root, own=own, controller="cpu")
    statistics = _words(memory / "memory.stat")
    used = _number(_folder(root, own=own, controller="cpuacct") / "cpuacct.usage")
    quota, period = _text(cpu / "cpu.cfs_quota_us").strip(), _text(cpu / "cpu.cfs_period_us").strip()
    return {
        "branchloans_memory_bytes": _less(
            _number(memory / "memory.usage_in_bytes"), statistics.get("total_inactive_file")
        ),
        "branchloans_memory_limit_bytes": _limit(_number(memory / "memory.limit_in_bytes")),
        "branchloans_cpu_seconds_total": _divided(used, 10**9),
        "branchloans_cpu_limit_cores": _cores(quota, period),
        "branchloans_cpu_throttled_seconds_total": _divided(
            _words(cpu / "cpu.stat").get("throttled_time"), 10**9
        ),
    }


def _folder(root: Path, *, own: Path, controller: str) -> Path:
    """Find the folder of this process's group; in a container it is the root, whatever the path says."""
    mount = root / controller
    for line in _text(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") and (mount / path.lstrip("/")).is_dir():
            return mount / path.lstrip("/")
    return mount


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path) -> float | None:
    text = _text(path).strip()
    return float(text) if text.isdecimal() else None


def _words(path: Path) -> dict[str, float]:
    """Read lines of a name and a number."""
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}  # noqa: PLR2004


def _less(used: float | None, droppable: float | None) -> float | None:
    return None if used is None else max(0.0, used - (droppable or 0.0))


def _limit(value: float | None) -> float | None:
    return value if value is not None and value < UNLIMITED_BYTES else None


def _divided(value: float | None, by: int) -> float | None:
    return None if value is None else value / by


def _cores(quota: str, period: str) -> float | None:
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None
