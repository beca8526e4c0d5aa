"""The vocabulary of the dashboards: queries and panels, each without its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
GREEN, AMBER, RED, BLUE = "green", "#EAB839", "red", "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One PromQL expression and how its series are called."""

    expr: str
    legend: str = "__auto"
    instant: bool = False
    kind: str = "time_series"

    def target(self, ref: str) -> Json:
        """Give it as a target of a panel."""
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": self.expr,
            "format": self.kind,
            "instant": self.instant,
            "legendFormat": self.legend,
            "range": not self.instant,
            "refId": ref,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel without its place."""

    kind: str
    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    width: int
    height: int
    defaults: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A heading."""

    title: str


def or_zero(expr: str, *, zero: str, label: str) -> str:
    """Show one series of 0 where an expression has none; `zero` is 0 where there is traffic, else nothing."""
    return f'{expr} or label_replace({zero} unless on () {expr}, "{label}", "none", "", "")'


def thresholds(*steps: tuple[float, str], base: str = GREEN) -> Json:
    """Colour a figure: `base` below the first step, then each step's colour from its value on."""
    first: Json = {"color": base, "value": None}
    return {
        "mode": "absolute",
        "steps": [first, *({"color": color, "value": round(value, 6)} for value, color in steps)],
    }


def at_most(limit: float, *, warn: float | None = None) -> Json:
    """Colour a figure that is good below a limit."""
    return thresholds(*([] if warn is None else [(warn, AMBER)]), (limit, RED))


def at_least(limit: float, *, good: float | None = None) -> Json:
    """Colour a figure that is good from a limit on: red below it, and amber until it is good beyond doubt."""
    if good is None:
        return thresholds((limit, GREEN), base=RED)
    return thresholds((limit, AMBER), (good, GREEN), base=RED)


def graph(  # noqa: PLR0913 - what a graph can be told; each has a default
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    width: int = 12,
    height: int = 8,
    limits: Json | None = None,
    stacked: bool = False,
    minimum: float | None = 0,
    maximum: float | None = None,
    overrides: Sequence[Json] = (),
) -> Panel:
    """Draw figures over time; `limits` are drawn as lines."""
    custom = {
        "drawStyle": "line",
        "fillOpacity": 25 if stacked else 8,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": 60_000,
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    return Panel(
        kind="timeseries",
        title=title,
        description=description,
        unit=unit,
        queries=queries,
        width=width,
        height=height,
        defaults={
            "color": {"mode": "palette-classic"},
            "custom": custom,
            "thresholds": limits or thresholds(),
            **({} if minimum is None else {"min": minimum}),
            **({} if maximum is None else {"max": maximum}),
        },
        options={
            "legend": {
                "calcs": ["lastNotNull", "max"],
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        overrides=overrides,
    )


def stat(  # noqa: PLR0913 - likewise
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    width: int = 4,
    height: int = 4,
    limits: Json | None = None,
    decimals: int | None = None,
    spark: bool = True,
    mappings: Sequence[Json] = (),
) -> Panel:
    """Show the newest figure, large. Its colour is never the only sign: the figure stands beside it."""
    return Panel(
        kind="stat",
        title=title,
        description=description,
        unit=unit,
        queries=queries,
        width=width,
        height=height,
        defaults={
            "color": {"mode": "thresholds"} if limits else {"fixedColor": BLUE, "mode": "fixed"},
            "mappings": list(mappings),
            "thresholds": limits or thresholds(),
            **({} if decimals is None else {"decimals": decimals}),
        },
        options={
            "colorMode": "value",
            "graphMode": "area" if spark else "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "auto",
        },
    )


def bars(  # noqa: PLR0913 - likewise
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    width: int = 8,
    height: int = 8,
    limits: Json | None = None,
) -> Panel:
    """Compare the newest figures of several series, as bars."""
    return Panel(
        kind="bargauge",
        title=title,
        description=description,
        unit=unit,
        queries=(query,),
        width=width,
        height=height,
        defaults={
            "color": {"mode": "thresholds"} if limits else {"fixedColor": BLUE, "mode": "fixed"},
            "min": 0,
            "thresholds": limits or thresholds(),
        },
        options={
            "displayMode": "basic",
            "orientation": "horizontal",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "showUnfilled": True,
            "valueMode": "text",
        },
    )


def heatmap(
    title: str, description: str, query: Query, *, unit: str, width: int = 12, height: int = 8
) -> Panel:
    """Show how the buckets of a histogram fill over time."""
    return Panel(
        kind="heatmap",
        title=title,
        description=description,
        unit=unit,
        queries=(query,),
        width=width,
        height=height,
        options={
            "calculate": False,
            "cellGap": 1,
            "color": {
                "exponent": 0.5,
                "mode": "scheme",
                "scale": "exponential",
                "scheme": "Blues",
                "steps": 64,
            },
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        },
    )


def table(  # noqa: PLR0913 - likewise
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    names: dict[str, str],
    units: dict[str, str] | None = None,
    hidden: Sequence[str] = (),
    width: int = 24,
    height: int = 9,
) -> Panel:
    """List instant figures, a column for each query; `names` and `units` are those of the columns."""
    overrides = [
        {
            "matcher": {"id": "byName", "options": names.get(column, column)},
            "properties": [{"id": "unit", "value": value}],
        }
        for column, value in (units or {}).items()
    ]
    return Panel(
        kind="table",
        title=title,
        description=description,
        unit=unit,
        queries=queries,
        width=width,
        height=height,
        defaults={"custom": {"align": "auto", "filterable": False}, "thresholds": thresholds()},
        options={"cellHeight": "sm", "footer": {"show": False}, "showHeader": True},
        overrides=overrides,
        transformations=(
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": dict.fromkeys(("Time", *hidden), True),
                    "renameByName": names,
                },
            },
        ),
    )
