"""What Prometheus reads at /metrics: the HTTP series of each route and the counters of the lending business.

The HTTP series are those of prometheus_flask_exporter: flask_http_request_total, flask_http_request_exceptions_total
and flask_http_request_duration_seconds.

Labels are routes, currencies and codes, never ids. Under gunicorn, with PROMETHEUS_MULTIPROC_DIR set before this
module is imported, the figures of all workers are summed at each scrape. What every worker would read alike (the book,
the control group) is not summed: the worker that is asked reads it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Flask
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from prometheus_flask_exporter import PrometheusMetrics

from loans import __version__, clock

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
loans_disbursed = Counter(
    "loans_disbursed_total", "Loans paid out, whole or their first part.", ["currency"], registry=None
)
loans_applied = Counter("loans_applied_total", "Loans applied for.", ["currency"], registry=None)
# Without the currency: on the first API it is any three characters that a caller invents.
legacy_loans_created = Counter(
    "legacy_loans_created_total", "Loan requests recorded by the first API.", registry=None
)
idempotent_replays = Counter(
    "idempotent_replays_total", "Answers replayed for a known Idempotency-Key.", registry=None
)
transaction_retries = Counter(
    "transaction_retries_total", "Transactions tried again after a conflict.", ["sqlstate"], registry=None
)
authentication_failures = Counter(
    "authentication_failures_total",
    "Requests without a valid key or access token.",
    ["reason"],
    registry=None,
)
staff_logins = Counter("staff_logins_total", "Logins of staff.", ["outcome"], registry=None)
rate_limited = Counter(
    "rate_limited_total", "Requests refused because there were too many.", ["policy"], registry=None
)
refusals = Counter("refusals_total", "Requests refused by a rule.", ["code"], registry=None)

db_pool_in_use = Gauge(
    "branchloans_db_pool_in_use",
    "Connections of the pools that a request holds.",
    registry=None,
    multiprocess_mode="livesum",
)
db_pool_size = Gauge(
    "branchloans_db_pool_size",
    "Connections that the pools may hold at most.",
    registry=None,
    multiprocess_mode="livesum",
)
start_time = Gauge(
    "branchloans_start_time_seconds",
    "When the newest worker started.",
    registry=None,
    multiprocess_mode="livemax",
)

COLLECTORS = (
    repayments,
    repayments_reversed,
    loans_disbursed,
    loans_applied,
    legacy_loans_created,
    idempotent_replays,
    transaction_retries,
    authentication_failures,
    staff_logins,
    rate_limited,
    refusals,
    db_pool_in_use,
    db_pool_size,
    start_time,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure with its labels."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric as it was read at a scrape; all its samples have the same labels."""

    name: str
    help: str
    samples: tuple[Sample, ...]
    kind: str = "gauge"


Source = Callable[[], Iterable[Reading]]


def init_app(app: Flask, *, sources: Sequence[Source] = ()) -> None:
    """Measure the requests of `app` and serve /metrics from it, with what each source reads at a scrape."""
    registry = CollectorRegistry()
    for collector in COLLECTORS:
        registry.register(collector)
    start_time.set(clock.now().timestamp())
    exporter = _Exporter(
        app=None,
        # The default, the raw path, would make one series of every loan id and of every mistyped address.
        group_by="url_rule",
        buckets=LATENCY_BUCKETS_SECONDS,
        excluded_paths=list(EXCLUDED_PATHS),
        registry=registry,
    )
    for source in sources:
        exporter.read_too.register(_Source(source))
    exporter.init_app(app)
    exporter.info("app_info", "The version that runs.", version=__version__)
    app.wsgi_app = _limit_methods(app.wsgi_app)  # type: ignore[assignment]  # Flask documents this assignment


class _Exporter(PrometheusMetrics):  # type: ignore[misc]  # the package has no types
    """Answers every scrape in the text format, whole.

    The base class follows PROMETHEUS_MULTIPROC_DIR by itself: set, a scrape sums the files of all workers; not
    set, it reads the registry of this application. What `read_too` holds is added as this process reads it.
    """

    def __init__(self, **given: object) -> None:
        super().__init__(**given)
        self.read_too = CollectorRegistry()

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
        return content + generate_latest(self.read_too).decode(), CONTENT_TYPE_PLAIN_0_0_4


class _Source(Collector):
    """Reads a source at each scrape."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name nothing in advance: to be registered is no reason to read."""
        return ()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Give what the source reads, metric by metric."""
        for reading in self._source():
            if reading.samples:
                labels = tuple(reading.samples[0].labels)
                family = CounterMetricFamily if reading.kind == "counter" else GaugeMetricFamily
                metric = family(reading.name, reading.help, labels=labels)
                for sample in reading.samples:
                    metric.add_metric([sample.labels[label] for label in labels], sample.value)
                yield metric


def _limit_methods(
    application: "WSGIApplication",
) -> "Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]":
    """Call every method that HTTP does not know UNKNOWN: the method is a label, and a caller may invent any."""

    def limited(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") not in METHODS:
            environ["REQUEST_METHOD"] = "UNKNOWN"
        return application(environ, start_response)

    return limited
