"""SLO and error budget: do we keep what we promise, and how fast do we use up what we may fail?

The figures are Prometheus' recording rules (prometheus/rules/recording.yml), the same that the alerts look at.
"""

from grafana.source import objectives
from grafana.source.page import dashboard as make
from grafana.source.panels import (
    AMBER,
    GREEN,
    RED,
    Json,
    Panel,
    Query,
    Row,
    at_least,
    at_most,
    graph,
    stat,
    table,
    thresholds,
)

PERIOD = "30d"
WINDOWS = ("5m", "1h", "6h", "3d")
BUDGETS = {
    "availability": 1 - objectives.AVAILABILITY,
    "latency": 1 - objectives.LATENCY_SHARE,
}
SUMS = {
    "availability": ("job:flask_http_request_errors:rate5m", "job:flask_http_requests:rate5m"),
    "latency": ("job:flask_http_requests_slow:rate5m", "job:flask_http_requests_answered:rate5m"),
}
PAGES = 'count(ALERTS{alertstate="firing", severity="page"}) or vector(0)'


def dashboard() -> Json:
    """Make it."""
    return make(
        uid="slo",
        title="SLO and error budget",
        description="Availability 99.9 % and 99 % within 250 ms over 30 days; books that always balance.",
        runbooks={
            "errors and latency": "docs/runbooks/alerts/api.md",
            "ledger and verification": "docs/runbooks/verification.md",
        },
        period="now-7d",
        panels=[
            *NOW_PANELS,
            Row("Error budget"),
            *BUDGETS_PANELS,
            Row("How fast it is used up"),
            *_burning(),
            Row("Alerts"),
            _alerts(),
        ],
    )


def _bad(objective: str) -> str:
    """The share of a month's requests that broke the objective, each request weighing the same."""
    bad, every = SUMS[objective]
    return f'(sum_over_time({bad}{{job="flask-api"}}[{PERIOD}]) / sum_over_time({every}{{job="flask-api"}}[{PERIOD}]))'


def _left(objective: str) -> str:
    return f"1 - {_bad(objective)} / {BUDGETS[objective]:.4g}"


def _burn(objective: str, window: str) -> str:
    return f'job:slo_{objective}_errors:ratio_rate{window}{{job="flask-api"}} / {BUDGETS[objective]:.4g}'


LEFT = thresholds((0, AMBER), (0.25, GREEN), base=RED)
NOW_PANELS: tuple[Panel, ...] = (
    stat(
        "Availability",
        "Share of requests of the last 30 days that were not answered with a 5xx. Promised: 99.9 %.",
        Query(expr=f"1 - {_bad('availability')}"),
        unit="percentunit",
        decimals=3,
        limits=at_least(objectives.AVAILABILITY),
    ),
    stat(
        "Budget left: availability",
        "What is left of the 0.1 % that may fail in 30 days. Below 0 the promise is broken: no risky deployment.",
        Query(expr=_left("availability")),
        unit="percentunit",
        decimals=1,
        limits=LEFT,
    ),
    stat(
        "Within 250 ms",
        "Share of answered requests of the last 30 days that took at most 250 ms in the API. Promised: 99 %.",
        Query(expr=f"1 - {_bad('latency')}"),
        unit="percentunit",
        decimals=2,
        limits=at_least(objectives.LATENCY_SHARE),
    ),
    stat(
        "Budget left: latency",
        "What is left of the 1 % that may be slow in 30 days.",
        Query(expr=_left("latency")),
        unit="percentunit",
        decimals=1,
        limits=LEFT,
    ),
    stat(
        "Ledger imbalance",
        "What debits and credits differ by, the worst currency. Promised: 0, with no budget.",
        Query(expr='max(abs(branchloans_ledger_imbalance_amount{job="flask-api"}))'),
        unit="none",
        limits=thresholds((0.000001, RED)),
    ),
    stat(
        "Pages",
        "Alerts firing that wake somebody.",
        Query(expr=PAGES),
        unit="none",
        limits=at_most(1),
        spark=False,
    ),
)


BUDGETS_PANELS: tuple[Panel, ...] = (
    graph(
        "Budget left",
        "What is left of each budget of 30 days, over time. A cliff is an incident, a slope a habit.",
        Query(expr=_left("availability"), legend="availability"),
        Query(expr=_left("latency"), legend="latency"),
        unit="percentunit",
        minimum=None,
        maximum=1,
        limits=at_least(0),
    ),
    graph(
        "Requests that broke an objective",
        "Requests per second that failed, and that were answered too late: what the budgets are spent on.",
        Query(expr='job:flask_http_request_errors:rate5m{job="flask-api"}', legend="failed"),
        Query(expr='job:flask_http_requests_slow:rate5m{job="flask-api"}', legend="slow"),
        unit="reqps",
    ),
)


def _burning() -> list[Panel]:
    limits = at_most(objectives.BURN_PAGE, warn=objectives.BURN_TICKET)
    return [
        graph(
            f"Burn rate: {objective}",
            "How many times faster than allowed the budget is used up, seen over several windows. At 1 it lasts 30 "
            "days; at 14.4 over an hour somebody is paged.",
            *(Query(expr=_burn(objective, window), legend=window) for window in WINDOWS),
            unit="none",
            limits=limits,
        )
        for objective in BUDGETS
    ]


def _alerts() -> Panel:
    return table(
        "Alerts",
        "What fires or is about to. Each alert's runbook_url leads to what to do. Watchdog always fires.",
        Query(
            expr='max by (alertname, alertstate, severity) (ALERTS{alertstate=~"firing|pending"})',
            instant=True,
            kind="table",
            legend="",
        ),
        unit="none",
        names={"alertname": "Alert", "alertstate": "State", "severity": "Severity"},
        hidden=("Value",),
        height=8,
    )
