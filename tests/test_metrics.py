"""What /metrics shows: routes rather than paths, and no label that a caller can multiply."""

import pytest
from flask import Flask

from loans import __version__, metrics


@pytest.fixture
def measured_app() -> Flask:
    app = Flask("measured")
    app.add_url_rule("/loans/<int:number>", "loan", lambda number: f"loan {number}")
    app.add_url_rule("/health", "health", lambda: "healthy")
    metrics.init_app(app)
    return app


def scrape(app: Flask) -> dict[str, float]:
    """Read /metrics as series and figures."""
    text = app.test_client().get("/metrics").text
    rows = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {series: float(figure) for series, figure in rows}


class TestMetrics:
    def test_counts_requests_by_route_and_not_by_path(self, measured_app):
        client = measured_app.test_client()
        for number in (1, 2, 3):
            client.get(f"/loans/{number}")

        figures = scrape(measured_app)

        duration = "flask_http_request_duration_seconds"
        assert figures['flask_http_request_total{method="GET",status="200"}'] == 3
        assert figures[f'{duration}_count{{method="GET",status="200",url_rule="/loans/<int:number>"}}'] == 3
        assert not [series for series in figures if "/loans/1" in series]

    def test_puts_all_unknown_paths_into_one_series(self, measured_app):
        client = measured_app.test_client()
        for path in ("/a", "/b", "/c"):
            client.get(path)

        figures = scrape(measured_app)

        (count,) = [series for series in figures if "_count{" in series]
        assert count == 'flask_http_request_duration_seconds_count{method="GET",status="404",url_rule="None"}'
        assert figures[count] == 3

    def test_puts_all_invented_methods_into_one_series(self, measured_app):
        client = measured_app.test_client()
        for method in ("FOO", "BAR", "BAZ"):
            client.open("/loans/1", method=method)

        figures = scrape(measured_app)

        assert figures['flask_http_request_total{method="UNKNOWN",status="405"}'] == 3
        assert not [series for series in figures if "FOO" in series]

    def test_leaves_health_and_itself_out(self, measured_app):
        client = measured_app.test_client()
        client.get("/health")
        client.get("/metrics")

        figures = scrape(measured_app)

        assert not [series for series in figures if series.startswith("flask_http_request_total")]

    def test_has_the_buckets_of_the_dashboards(self, measured_app):
        measured_app.test_client().get("/loans/1")

        buckets = [series for series in scrape(measured_app) if "_bucket{" in series]

        limits = [series.split('le="')[1].split('"')[0] for series in buckets]
        assert limits == [
            "0.005",
            "0.01",
            "0.025",
            "0.05",
            "0.1",
            "0.25",
            "0.5",
            "1.0",
            "2.5",
            "5.0",
            "10.0",
            "+Inf",
        ]

    @pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text; version=1.0.0", "text/html"])
    def test_always_answers_in_the_text_format(self, measured_app, accept):
        answer = measured_app.test_client().get("/metrics?name[]=app_info", headers={"Accept": accept})

        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "# HELP refusals_total Requests refused by a rule." in answer.text

    def test_tells_the_version(self, measured_app):
        assert scrape(measured_app)[f'app_info{{version="{__version__}"}}'] == 1

    def test_shows_the_counters_of_the_business_to_every_application(self, measured_app):
        other_app = Flask("other")
        metrics.init_app(other_app)
        series = 'repayments_total{currency="XTS"}'

        metrics.repayments.labels(currency="XTS").inc(2)

        assert scrape(measured_app)[series] == scrape(other_app)[series] == 2

    def test_names_its_counters_as_the_dashboards_do(self, measured_app):
        metrics.repayments.labels(currency="XTS")
        metrics.repayments_reversed.labels(currency="XTS")
        metrics.loans_disbursed.labels(currency="XTS")
        metrics.loans_applied.labels(currency="XTS")
        metrics.transaction_retries.labels(sqlstate="40001")
        metrics.authentication_failures.labels(reason="expired")
        metrics.refusals.labels(code="overpayment")

        figures = scrape(measured_app)

        assert figures.keys() >= {
            'repayments_total{currency="XTS"}',
            'repayments_reversed_total{currency="XTS"}',
            'loans_disbursed_total{currency="XTS"}',
            'loans_applied_total{currency="XTS"}',
            "idempotent_replays_total",
            'transaction_retries_total{sqlstate="40001"}',
            'authentication_failures_total{reason="expired"}',
            'refusals_total{code="overpayment"}',
        }
