"""What the tests of dashboards understand of PromQL."""

import pytest

from tests.stack.dashboards import promql


class TestMetrics:
    @pytest.mark.parametrize(
        ("expr", "names"),
        [
            ("up", {"up"}),
            ('sum by (le, route) (rate(a_bucket{job="x y", le=~"b|c"}[5m]))', {"a_bucket"}),
            ("a / on (job) group_left (x) b unless c > 0.5", {"a", "b", "c"}),
            ("job:a:ratio_rate5m offset 1h > bool 14.4e-3", {"job:a:ratio_rate5m"}),
            ("histogram_quantile(0.99, sum(rate(a_bucket[5m])) by (le)) or 0 * vector(1)", {"a_bucket"}),
            ("time() - max(a_seconds) + Inf", {"a_seconds"}),
        ],
    )
    def test_are_those_an_expression_reads(self, expr, names):
        assert promql.metrics(expr) == names


class TestCounted:
    def test_is_what_a_rate_is_taken_of(self):
        assert promql.counted("rate(a[5m]) + increase( b{c='d'}[5m]) + delta(e[5m])") == {"a", "b"}


class TestExpand:
    def test_puts_values_in(self):
        assert promql.expand('a{b=~"$b"}[${c}]', {"b": ".*", "c": "5m"}) == 'a{b=~".*"}[5m]'

    def test_refuses_a_variable_that_nobody_defines(self):
        with pytest.raises(KeyError):
            promql.expand("$nobody", {})


class TestLabelValues:
    def test_gives_selector_and_label(self):
        assert promql.label_values('label_values(up{job="a", x=~"b.*"}, instance)') == (
            'up{job="a", x=~"b.*"}',
            "instance",
        )

    def test_refuses_what_is_not_bound_to_a_metric(self):
        with pytest.raises(ValueError, match="instance"):
            promql.label_values("label_values(instance)")
