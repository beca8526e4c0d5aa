"""Every panel of every dashboard shows something: its query is run against a Prometheus that saw real traffic."""

import json

import pytest

from tests.stack.dashboards import promql
from tests.stack.nginx.edge import ROOT

FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
DASHBOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
# What Grafana puts in for its own variables, at this Prometheus' pace of a second.
BUILT_IN = {"__rate_interval": "10s", "__range": "30s", "__interval": "1s"}


def targets():
    """Every query with what it is called in a report."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                yield pytest.param(dashboard, target, id=f"{name}-{panel['title']}-{target['refId']}")


def variables():
    for name, dashboard in DASHBOARDS.items():
        for variable in dashboard["templating"]["list"]:
            yield pytest.param(dashboard, variable, id=f"{name}-{variable['name']}")


def expanded(expr, dashboard):
    """The expression as Grafana sends it when "All" is chosen everywhere."""
    chosen = {variable["name"]: variable["allValue"] for variable in dashboard["templating"]["list"]}
    return promql.expand(expr, BUILT_IN | chosen)


class TestPrometheus:
    def test_reaches_every_target(self, prometheus):
        def down():
            up = {
                one["metric"]["job"]: one["value"][1] for one in prometheus.get("query", query="up")["result"]
            }
            return {job: up.get(job) for job in prometheus.jobs if up.get(job) != "1"}

        prometheus.until(lambda: not down())

        assert down() == {}


class TestPanels:
    @pytest.mark.parametrize(("dashboard", "target"), list(targets()))
    def test_show_figures(self, prometheus, dashboard, target):
        expr = expanded(target["expr"], dashboard)
        ask = prometheus.instant if target["instant"] else prometheus.over_time

        assert prometheus.until(lambda: ask(expr)), f"no figures: {expr}"

    @pytest.mark.parametrize(("dashboard", "target"), list(targets()))
    def test_read_metrics_that_exist(self, prometheus, dashboard, target):
        named = promql.metrics(expanded(target["expr"], dashboard))

        assert named
        assert prometheus.until(lambda: named <= prometheus.known()), named - prometheus.known()

    @pytest.mark.parametrize(("dashboard", "target"), list(targets()))
    def test_take_rates_of_counters_only(self, prometheus, dashboard, target):
        counted = promql.counted(target["expr"])

        prometheus.until(lambda: counted <= prometheus.known())

        kinds = prometheus.kinds()
        families = {
            name: {name, name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")}
            for name in counted
        }
        wrong = {
            name
            for name, family in families.items()
            if not {kinds.get(one) for one in family} & {"counter", "histogram", "summary"}
        }
        assert wrong == set()


class TestVariables:
    @pytest.mark.parametrize(("dashboard", "variable"), list(variables()))
    def test_have_values_to_choose_from(self, prometheus, dashboard, variable):
        selector, label = promql.label_values(expanded(variable["definition"], dashboard))

        assert prometheus.until(lambda: prometheus.label_values(selector, label)), variable["definition"]


class TestAnnotations:
    def test_read_metrics_that_exist(self, prometheus):
        exprs = [one["expr"] for dashboard in DASHBOARDS.values() for one in dashboard["annotations"]["list"]]

        named = frozenset().union(*(promql.metrics(expr) for expr in exprs))

        assert prometheus.until(lambda: named <= prometheus.known()), named - prometheus.known()


class TestThisTest:
    """It fails where it should."""

    def test_finds_nothing_in_a_query_for_what_is_not_there(self, prometheus):
        assert prometheus.over_time("rate(no_such_metric_total[10s])") == []
        assert prometheus.instant("vector(0) / 0") == []

    def test_shows_what_is_wrong_with_a_query(self, prometheus):
        with pytest.raises(AssertionError, match="parse error"):
            prometheus.instant("sum(")
