"""What Prometheus reads at /metrics: the HTTP series of each route and the counters of the lending business.

Labels are routes, currencies and codes, never ids. Under gunicorn, with PROMETHEUS_MULTIPROC_DIR set before this
module is imported, the figures of all workers are summed at each scrape.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_flask_exporter import PrometheusMetrics

from loans import __version__

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LATENCY_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
EXCLUDED_PATHS = ("^/health$", "^/health-db$", "^/metrics$")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# A second series beside each counter, which workers together do not have anyway.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the package types only some functions

repayments = Counter("repayments_total", "Repayments recorded.", ["currency"], registry=None)
repayments_reversed = Counter(
    "repayments_reversed_total", "Repayments reversed.", ["currency"], registry=None
)
loans_disbursed = Counter("loans_disbursed_total", "Loans paid out.", ["currency"], registry=None)
loans_applied = Counter("loans_applied_total", "Loans applied for.", ["currency"], registry=None)
idempotent_replays = Counter(
    "idempotent_replays_total", "Answers replayed for a known Idempotency-Key.", registry=None
)
transaction_retries = Counter(
    "transaction_retries_total", "Transactions tried again after a conflict.", ["sqlstate"], registry=None
)
authentication_failures = Counter(
    "authentication_failures_total", "Requests without a valid key.", ["reason"], registry=None
)
refusals = Counter("refusals_total", "Requests refused by a rule.", ["code"], registry=None)

COUNTERS = (
    repayments,
    repayments_reversed,
    loans_disbursed,
    loans_applied,
    idempotent_replays,
    transaction_retries,
    authentication_failures,
    refusals,
)


def init_app(app: Flask) -> None:
    """Measure the requests of `app` and serve /metrics from it."""
    registry = CollectorRegistry()
    for counter in COUNTERS:
        registry.register(counter)
    exporter = _Exporter(
        app=None,
        # The default, the raw path, would make one series of every loan id and of every mistyped address.
        group_by="url_rule",
        buckets=LATENCY_BUCKETS_SECONDS,
        excluded_paths=list(EXCLUDED_PATHS),
        registry=registry,
    )
    exporter.init_app(app)
    exporter.info("app_info", "The version that runs.", version=__version__)
    app.wsgi_app = _limit_methods(app.wsgi_app)  # type: ignore[assignment]  # Flask documents this assignment


class _Exporter(PrometheusMetrics):  # type: ignore[misc]  # the package has no types
    """Answers every scrape in the text format, whole.

    The base class follows PROMETHEUS_MULTIPROC_DIR by itself: set, a scrape sums the files of all workers; not
    set, it reads the registry of this application.
    """

    def info(self, name: str, description: str, **labels: str) -> Gauge:
        """Report what does not change: a gauge of 1 with the facts as labels, one for all workers together."""
        gauge = Gauge(name, description, list(labels), registry=self.registry, multiprocess_mode="livemax")
        gauge.labels(**labels).set(1)
        return gauge

    def generate_metrics(
        self, accept_header: str | None = None, names: list[str] | None = None
    ) -> tuple[str, str]:
        """Return the page and its content type.

        The caller's wishes are not passed on: OpenMetrics would rename series that dashboards know, and a
        selection by name cannot be served across processes.
        """
        del accept_header, names
        content: str
        content, _ = super().generate_metrics(CONTENT_TYPE_PLAIN_0_0_4, None)
        return content, CONTENT_TYPE_PLAIN_0_0_4


def _limit_methods(
    application: "WSGIApplication",
) -> "Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]":
    """Call every method that HTTP does not know UNKNOWN: the method is a label, and a caller may invent any."""

    def limited(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") not in METHODS:
            environ["REQUEST_METHOD"] = "UNKNOWN"
        return application(environ, start_response)

    return limited
