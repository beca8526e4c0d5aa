"""Request rates and latencies by route: which one is busy, slow or failing?"""

from grafana.source import objectives
from grafana.source.page import choice
from grafana.source.page import dashboard as make
from grafana.source.panels import Json, Panel, Query, Row, at_most, graph, table

CHOSEN = 'job="flask-api", method=~"$method", url_rule=~"$route"'
COUNT = "flask_http_request_duration_seconds_count"
BY = "sum by (method, url_rule)"
NAME = "{{method}} {{url_rule}}"


def dashboard() -> Json:
    """Make it."""
    return make(
        uid="routes",
        title="Requests by route",
        description="Rate, errors and duration of each route of the API.",
        runbooks={"errors and latency": "docs/runbooks/alerts/api.md"},
        variables=[
            choice("method", "Method", f'label_values({COUNT}{{job="flask-api"}}, method)'),
            choice(
                "route", "Route", f'label_values({COUNT}{{job="flask-api", method=~"$method"}}, url_rule)'
            ),
        ],
        panels=[_overview(), Row("Rate"), *RATES_PANELS, Row("Duration"), *_durations()],
    )


def _rate(extra: str = "", *, window: str = "$__rate_interval") -> str:
    return f"{BY} (rate({COUNT}{{{CHOSEN}{extra}}}[{window}]))"


def _quantile(share: float, *, window: str = "$__rate_interval") -> str:
    series = f"flask_http_request_duration_seconds_bucket{{{CHOSEN}}}"
    return f"histogram_quantile({share}, sum by (le, method, url_rule) (rate({series}[{window}])))"


def _share(extra: str, *, window: str = "$__rate_interval") -> str:
    """The share of a route's requests that have these labels, 0 where none has."""
    every = _rate(window=window)
    return f"({_rate(extra, window=window)} or 0 * {every}) / ({every} > 0)"


def _overview() -> Panel:
    return table(
        "Routes",
        "Every route over the chosen period, to sort: requests per second, share of 4xx and of 5xx, median and 99th "
        "percentile. None is what has no route: addresses that do not exist.",
        *(
            Query(expr=expr, instant=True, kind="table", legend="")
            for expr in (
                _rate(window="$__range"),
                _share(', status=~"4.."', window="$__range"),
                _share(', status=~"5.."', window="$__range"),
                _quantile(0.5, window="$__range"),
                _quantile(0.99, window="$__range"),
            )
        ),
        unit="reqps",
        names={
            "method": "Method",
            "url_rule": "Route",
            "Value #A": "Requests",
            "Value #B": "4xx",
            "Value #C": "5xx",
            "Value #D": "Median",
            "Value #E": "p99",
        },
        units={
            "Value #A": "reqps",
            "Value #B": "percentunit",
            "Value #C": "percentunit",
            "Value #D": "s",
            "Value #E": "s",
        },
        height=10,
    )


RATES_PANELS: tuple[Panel, ...] = (
    graph(
        "Requests by route",
        "Requests per second of each route.",
        Query(expr=_rate(), legend=NAME),
        unit="reqps",
        stacked=True,
    ),
    graph(
        "Requests by method",
        "Requests per second by method: GET reads, POST moves money or registers.",
        Query(
            expr=f"sum by (method) (rate({COUNT}{{{CHOSEN}}}[$__rate_interval]))",
            legend="{{method}}",
        ),
        unit="reqps",
        stacked=True,
    ),
    graph(
        "Failed by route",
        "Share of each route's requests answered with a 5xx; the line is the objective.",
        Query(expr=_share(', status=~"5.."'), legend=NAME),
        unit="percentunit",
        limits=at_most(1 - objectives.AVAILABILITY),
    ),
    graph(
        "Refused by route",
        "Share of each route's requests answered with a 4xx: a client that changed, or a rule that bites.",
        Query(expr=_share(', status=~"4.."'), legend=NAME),
        unit="percentunit",
        maximum=1,
    ),
)


def _durations() -> list[Panel]:
    seconds = f"{BY} (rate(flask_http_request_duration_seconds_sum{{{CHOSEN}}}[$__rate_interval]))"
    within = f'{CHOSEN}, le="{objectives.LATENCY_SECONDS}"'
    quick = f"{BY} (rate(flask_http_request_duration_seconds_bucket{{{within}}}[$__rate_interval]))"
    limits = at_most(objectives.LATENCY_SECONDS)
    return [
        *(
            graph(
                f"{title} by route",
                f"{share:.0%} of a route's requests are answered faster than this; the line is the objective for 99 %.",
                Query(expr=_quantile(share), legend=NAME),
                unit="s",
                limits=limits,
                width=8,
            )
            for title, share in (("Median", 0.5), ("95th percentile", 0.95), ("99th percentile", 0.99))
        ),
        graph(
            "Slow by route",
            f"Share of each route's requests that take longer than {objectives.LATENCY_SECONDS} s; the line is the "
            "objective.",
            Query(expr=f"1 - {quick} / ({_rate()} > 0)", legend=NAME),
            unit="percentunit",
            limits=at_most(1 - objectives.LATENCY_SHARE),
        ),
        graph(
            "Where the time goes",
            "Seconds of work per second that each route costs: what to make faster first.",
            Query(expr=seconds, legend=NAME),
            unit="none",
            stacked=True,
        ),
    ]
