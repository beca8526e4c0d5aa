"""Application performance: is the service well, and if not, since when and in which way?"""

from grafana.source import objectives
from grafana.source.page import choice
from grafana.source.page import dashboard as make
from grafana.source.panels import (
    Json,
    Panel,
    Query,
    Row,
    at_least,
    at_most,
    graph,
    heatmap,
    or_zero,
    stat,
)

CHOSEN = 'job="flask-api", instance=~"$instance"'
REQUESTS = f"sum(rate(flask_http_request_total{{{CHOSEN}}}[$__rate_interval]))"
FAILED = f'sum(rate(flask_http_request_total{{{CHOSEN}, status=~"5.."}}[$__rate_interval]))'
BUCKETS = f"sum by (le) (rate(flask_http_request_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval]))"
# A series that never counted does not exist; where there is traffic that means 0, without traffic it means nothing.
ZERO = f"0 * {REQUESTS}"
FAILED_SHARE = f"({FAILED} or {ZERO}) / ({REQUESTS} > 0)"


def dashboard() -> Json:
    """Make it."""
    return make(
        uid="application",
        title="Application performance",
        description="Rate, errors and duration of all requests to the API, and what holds it up.",
        runbooks={
            "errors and latency": "docs/runbooks/alerts/api.md",
            "database down": "docs/runbooks/database-down.md",
            "keys": "docs/runbooks/keys.md",
        },
        variables=[choice("instance", "Instance", 'label_values(up{job="flask-api"}, instance)')],
        panels=[
            *NOW_PANELS,
            Row("Requests"),
            *REQUESTS_PANELS,
            Row("What holds requests up, and what is refused"),
            *PRESSURE_PANELS,
        ],
    )


NOW_PANELS: tuple[Panel, ...] = (
    stat(
        "Instances up",
        "Instances of the API that answer Prometheus. Two while a deployment switches, else one.",
        Query(expr='sum(up{job="flask-api", instance=~"$instance"})'),
        unit="none",
        limits=at_least(1),
    ),
    stat(
        "Requests",
        "Requests per second, health checks and scrapes not counted.",
        Query(expr=REQUESTS),
        unit="reqps",
    ),
    stat(
        "Failed",
        "Share of requests answered with a 5xx. The objective leaves 0.1 % of a month.",
        Query(expr=FAILED_SHARE),
        unit="percentunit",
        decimals=2,
        limits=at_most(
            objectives.BURN_PAGE * (1 - objectives.AVAILABILITY), warn=1 - objectives.AVAILABILITY
        ),
    ),
    stat(
        "95th percentile",
        "95 of 100 requests are answered faster than this.",
        Query(expr=f"histogram_quantile(0.95, {BUCKETS})"),
        unit="s",
        limits=at_most(objectives.LATENCY_SECONDS),
    ),
    stat(
        "Pool in use",
        "Database connections in use, of those that the pools of all workers may open. At 100 % requests wait, "
        "then answer 503.",
        Query(
            expr=f"sum(branchloans_db_pool_in_use{{{CHOSEN}}}) / sum(branchloans_db_pool_size{{{CHOSEN}}})"
        ),
        unit="percentunit",
        limits=at_most(objectives.POOL_SHARE, warn=0.7),
    ),
    stat(
        "Alerts firing",
        "Alerts that fire now. One always does: Watchdog, which proves that alerting works.",
        Query(expr='count(ALERTS{alertstate="firing"})'),
        unit="none",
        limits=at_most(3, warn=2),
        spark=False,
    ),
)


REQUESTS_PANELS: tuple[Panel, ...] = (
    graph(
        "Requests by status",
        "Requests per second by status code. 4xx is what callers did wrong, 5xx is our fault.",
        Query(
            expr=f"sum by (status) (rate(flask_http_request_total{{{CHOSEN}}}[$__rate_interval]))",
            legend="{{status}}",
        ),
        unit="reqps",
        stacked=True,
    ),
    graph(
        "Duration",
        "How long requests take in the API, at three percentiles; the line is the objective for 99 of 100.",
        *(
            Query(expr=f"histogram_quantile({share}, {BUCKETS})", legend=f"p{share * 100:g}")
            for share in (0.5, 0.95, 0.99)
        ),
        unit="s",
        limits=at_most(objectives.LATENCY_SECONDS),
    ),
    heatmap(
        "Duration, all requests",
        "How many requests per second fall into each bucket of the histogram: two bands are two kinds of request.",
        Query(expr=BUCKETS, legend="{{le}}", kind="heatmap"),
        unit="s",
    ),
    graph(
        "Failed requests",
        "Share of requests answered with a 5xx. The line is the objective: above it the month's budget shrinks "
        "faster than time passes.",
        Query(expr=FAILED_SHARE, legend="failed"),
        unit="percentunit",
        limits=at_most(1 - objectives.AVAILABILITY),
    ),
)


def _by(label: str, counter: str) -> str:
    expr = f"sum by ({label}) (rate({counter}{{{CHOSEN}}}[$__rate_interval]))"
    return or_zero(expr, zero=ZERO, label=label)


PRESSURE_PANELS: tuple[Panel, ...] = (
    graph(
        "Database connections",
        "Connections in use against what the pools of all workers may open.",
        Query(
            expr=f"sum by (instance) (branchloans_db_pool_in_use{{{CHOSEN}}})",
            legend="in use {{instance}}",
        ),
        Query(
            expr=f"sum by (instance) (branchloans_db_pool_size{{{CHOSEN}}})",
            legend="at most {{instance}}",
        ),
        unit="none",
        width=8,
    ),
    graph(
        "Refused by a rule",
        "Requests refused by a rule of lending or of the wire, by code (docs/errors.md).",
        Query(
            expr=_by("code", "refusals_total"),
            legend="{{code}}",
        ),
        unit="reqps",
        width=8,
    ),
    graph(
        "Without a valid key",
        "Requests whose key is missing, unknown, revoked or expired. Many at once are somebody who tries keys.",
        Query(
            expr=_by("reason", "authentication_failures_total"),
            legend="{{reason}}",
        ),
        unit="reqps",
        width=8,
    ),
    graph(
        "Replayed answers",
        "Answers given again for a known Idempotency-Key: clients that retried. A surge is a client that sees "
        "time-outs.",
        Query(
            expr=f"sum(rate(idempotent_replays_total{{{CHOSEN}}}[$__rate_interval])) or {ZERO}",
            legend="replays",
        ),
        unit="reqps",
        width=8,
    ),
    graph(
        "Transactions tried again",
        "Transactions repeated after a conflict with another, by SQLSTATE: 40001 serialization, 40P01 deadlock.",
        Query(
            expr=_by("sqlstate", "transaction_retries_total"),
            legend="{{sqlstate}}",
        ),
        unit="ops",
        width=8,
    ),
    graph(
        "Version",
        "The version that each instance runs; a deployment shows as one line ending where another begins.",
        Query(expr=f"count by (instance, version) (app_info{{{CHOSEN}}})", legend="{{version}} {{instance}}"),
        unit="none",
        width=8,
    ),
)
