"""Grafana's dashboards: complete, up to date with their source, and drawn at the lines that the alerts have."""

import copy
import json

import pytest
import yaml

from grafana import build
from grafana.source import objectives, page
from tests.conventions import dashboard_rules, tree

FILES = sorted((tree.ROOT / "grafana" / "dashboards").glob("*.json"))
DASHBOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


def read(path):
    return (tree.ROOT / path).read_text(encoding="utf-8")


@pytest.fixture
def broken():
    """A dashboard to break."""
    return copy.deepcopy(DASHBOARDS["application"])


class TestDashboards:
    def test_are_the_promised_ones(self):
        assert set(DASHBOARDS) == {"application", "routes", "database", "resources", "lending", "slo"}

    def test_are_what_their_source_says(self):
        assert build.stale() == (), "run: python -m grafana.build"

    def test_are_noticed_when_they_are_not(self, tmp_path):
        build.write(tmp_path)
        (tmp_path / "slo.json").write_text("{}")
        (tmp_path / "routes.json").unlink()
        (tmp_path / "old.json").write_text("{}")

        assert build.stale(tmp_path) == ("old.json", "routes.json", "slo.json")

    def test_are_written_anew_without_what_no_module_writes(self, tmp_path):
        (tmp_path / "old.json").write_text("{}")

        build.write(tmp_path)

        assert build.stale(tmp_path) == ()

    @each_dashboard
    def test_cannot_be_changed_in_the_browser_and_share_their_crosshair(self, dashboard):
        assert dashboard["editable"] is False
        assert dashboard["id"] is None
        assert dashboard["graphTooltip"] == 2

    def test_have_names_of_their_own(self):
        assert all(dashboard["uid"] == name for name, dashboard in DASHBOARDS.items())
        assert len({dashboard["title"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


class TestPanels:
    @each_dashboard
    def test_have_a_title_a_description_a_unit_and_a_query(self, dashboard):
        assert dashboard_rules.incomplete_panels(dashboard) == ()

    @each_dashboard
    def test_are_few_and_lie_side_by_side(self, dashboard):
        assert dashboard_rules.misplaced_panels(dashboard) == ()

    @each_dashboard
    def test_ask_what_can_be_added_up(self, dashboard):
        assert dashboard_rules.wrong_queries(dashboard) == ()

    @each_dashboard
    def test_use_variables_that_exist(self, dashboard):
        assert dashboard_rules.unknown_variables(dashboard) == ()

    def test_are_noticed_when_incomplete(self, broken):
        first = broken["panels"][0]
        first["description"] = ""
        first["fieldConfig"]["defaults"]["unit"] = "parsecs"
        first["targets"][0]["expr"] = " "

        assert dashboard_rules.incomplete_panels(broken) == (
            "Instances up has no description in sentences",
            "Instances up has no unit that Grafana knows",
            "Instances up asks nothing",
        )

    def test_are_noticed_when_misplaced(self, broken):
        broken["panels"].append(broken["panels"][0])

        assert dashboard_rules.misplaced_panels(broken) == (
            "panels with the same id",
            "Instances up is there twice",
            "Instances up covers another panel or the edge",
        )

    @pytest.mark.parametrize(
        ("expr", "fault"),
        [
            (
                "histogram_quantile(0.9, sum by (x) (rate(a_bucket[$__rate_interval])))",
                "takes a quantile of what is not grouped by le",
            ),
            ("sum(branchloans_repaid_amount)", "adds money of different currencies"),
            ("sum by (bucket) (branchloans_arrears_amount)", "adds money of different currencies"),
            ("rate(a_total[5m])", "takes a rate over a window of its own"),
        ],
    )
    def test_are_noticed_when_they_ask_wrongly(self, broken, expr, fault):
        broken["panels"][0]["targets"][0]["expr"] = expr

        assert dashboard_rules.wrong_queries(broken) == (f"Instances up {fault}",)

    def test_are_noticed_when_a_variable_is_unknown(self, broken):
        broken["panels"][0]["targets"][0]["expr"] = 'up{job=~"$job", x="${route}"}'

        assert dashboard_rules.unknown_variables(broken) == ("job", "route")


class TestDatasource:
    @pytest.fixture
    def provisioned(self):
        (one,) = yaml.safe_load(read("grafana/provisioning/datasources/prometheus.yml"))["datasources"]
        return one

    def test_is_the_prometheus_of_the_stack(self, provisioned):
        assert (provisioned["uid"], provisioned["url"]) == ("prometheus", "http://prometheus:9090")
        assert provisioned["isDefault"] is True

    @each_dashboard
    def test_is_the_one_that_dashboards_name(self, provisioned, dashboard):
        assert dashboard_rules.datasources(dashboard) == {provisioned["uid"]}

    def test_knows_how_often_prometheus_scrapes(self, provisioned):
        scraped = yaml.safe_load(read("prometheus/prometheus.yml"))["global"]["scrape_interval"]

        assert provisioned["jsonData"]["timeInterval"] == scraped

    def test_is_noticed_when_it_is_another(self, broken):
        broken["panels"][0]["targets"][0]["datasource"]["uid"] = "other"

        assert dashboard_rules.datasources(broken) == {"prometheus", "other"}


class TestProvider:
    def test_reads_the_folder_that_the_stack_mounts(self):
        (provider,) = yaml.safe_load(read("grafana/provisioning/dashboards/branchloans.yml"))["providers"]
        mounted = yaml.safe_load(read("docker-compose.yml"))["services"]["grafana"]["volumes"]

        assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounted
        assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in mounted
        assert provider["allowUiUpdates"] is False


class TestRunbooks:
    @pytest.fixture
    def texts(self):
        return tree.sources(tree.ROOT, "docs", suffix=".md")

    @each_dashboard
    def test_exist(self, dashboard, texts):
        linked = dashboard_rules.documents(dashboard, base=page.DOCUMENTS)

        assert linked
        assert dashboard_rules.missing_documents(linked, texts=texts) == ()

    def test_are_noticed_when_they_do_not(self):
        texts = {"docs/a.md": "# A\n\n## The disk's full\n"}
        paths = ["docs/a.md", "docs/a.md#the-disks-full", "docs/a.md#b", "docs/b.md"]

        assert dashboard_rules.missing_documents(paths, texts=texts) == ("docs/a.md#b", "docs/b.md")


class TestObjectives:
    """The lines in the dashboards are where the alerts fire."""

    @pytest.mark.parametrize(
        ("figure", "expected", "written"),
        [
            (objectives.AVAILABILITY, 0.999, "ratio_rate1h > 14.4 * 0.001"),
            (objectives.LATENCY_SHARE, 0.99, "ratio_rate1h > 14.4 * 0.01"),
            (objectives.BURN_PAGE, 14.4, "ratio_rate1h > 14.4 * 0.001"),
            (objectives.BURN_TICKET, 1, "ratio_rate3d > 1 * 0.001"),
            (objectives.CONNECTIONS_SHARE, 0.8, "instance:pg_connections:ratio > 0.8"),
            (objectives.POOL_SHARE, 0.9, "instance:branchloans_db_pool:ratio > 0.9"),
            (objectives.MEMORY_SHARE, 0.9, "instance:branchloans_memory:ratio > 0.9"),
            (objectives.DISK_FREE_SHARE, 0.15, "instance:node_filesystem_avail:ratio < 0.15"),
            (objectives.CERTIFICATE_DAYS, 21, "time() < 21 * 86400"),
            (objectives.BACKUP_HOURS, 26, "branchloans_backup_timestamp_seconds) > 26 * 3600"),
            (objectives.VERIFICATION_HOURS, 26, "branchloans_verification_timestamp_seconds) > 26 * 3600"),
            (objectives.FIGURES_SECONDS, 900, "branchloans_portfolio_timestamp_seconds) > 15 * 60"),
        ],
    )
    def test_are_those_of_the_alerts(self, figure, expected, written):
        assert figure == expected
        assert written in read("prometheus/rules/alerts.yml")

    def test_have_the_same_limit_for_a_slow_request(self):
        assert objectives.LATENCY_SECONDS == 0.25
        assert 'le="0.25"' in read("prometheus/rules/recording.yml")
