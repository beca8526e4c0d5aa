"""Rules about Grafana's dashboards as JSON; what needs a Prometheus is in tests/stack/dashboards."""

import re
from collections.abc import Collection, Mapping
from typing import Any

Json = dict[str, Any]

PANELS_MAX = 20
COLUMNS = 24
# Grafana's own ids; another one shows the bare id as the unit.
UNITS = frozenset(
    {"none", "short", "s", "ms", "bytes", "Bps", "percentunit", "reqps", "ops", "rowsps", "bool_on_off"}
)


def figures(dashboard: Json) -> list[Json]:
    """Give the panels that show figures, without headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def incomplete_panels(dashboard: Json) -> tuple[str, ...]:
    """Name panels that say too little of themselves."""
    faults = []
    for panel in figures(dashboard):
        if not panel.get("title"):
            faults.append(f"panel {panel['id']} has no title")
        if not panel.get("description", "").endswith("."):
            faults.append(f"{panel['title']} has no description in sentences")
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            faults.append(f"{panel['title']} has no unit that Grafana knows")
        if not panel["targets"] or not all(target["expr"].strip() for target in panel["targets"]):
            faults.append(f"{panel['title']} asks nothing")
    return tuple(faults)


def misplaced_panels(dashboard: Json) -> tuple[str, ...]:
    """Name panels that are too many, not unique, or cover one another."""
    faults = []
    panels = dashboard["panels"]
    if len(figures(dashboard)) > PANELS_MAX:
        faults.append(f"more than {PANELS_MAX} panels")
    if len({panel["id"] for panel in panels}) < len(panels):
        faults.append("panels with the same id")
    titles = [panel["title"] for panel in figures(dashboard)]
    faults += [
        f"{title} is there twice" for title in sorted({one for one in titles if titles.count(one) > 1})
    ]
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        covered = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        if cells & covered or place["x"] + place["w"] > COLUMNS:
            faults.append(f"{panel['title']} covers another panel or the edge")
        cells |= covered
    return tuple(faults)


def datasources(node: object) -> frozenset[str]:
    """Collect the uid of every data source that anything in a dashboard names."""
    if isinstance(node, dict):
        own = {node["datasource"]["uid"]} if "datasource" in node else set()
        return frozenset(own).union(*(datasources(child) for child in node.values()))
    if isinstance(node, list):
        return frozenset().union(*(datasources(child) for child in node))
    return frozenset()


def wrong_queries(dashboard: Json) -> tuple[str, ...]:
    """Name queries that add up what does not add up, or count over a window that Grafana's step may outrun."""
    faults = []
    for panel in figures(dashboard):
        for target in panel["targets"]:
            expr = target["expr"]
            wanted = len(re.findall(r"\bhistogram_quantile\s*\(", expr))
            if len(re.findall(r"\bby\s*\([^()]*\ble\b[^()]*\)", expr)) < wanted:
                faults.append(f"{panel['title']} takes a quantile of what is not grouped by le")
            if "_amount" in expr and re.search(r"\bsum\s*\(|\bsum by \((?![^()]*currency)", expr):
                faults.append(f"{panel['title']} adds money of different currencies")
            if re.search(r"\b(?:rate|increase|irate)\([^\[\]]*\[(?!\$__rate_interval\]|\$__range\])", expr):
                faults.append(f"{panel['title']} takes a rate over a window of its own")
    return tuple(faults)


def unknown_variables(dashboard: Json) -> tuple[str, ...]:
    """Name variables that queries use and nobody defines."""
    defined = {variable["name"] for variable in dashboard["templating"]["list"]} | {
        "__rate_interval",
        "__range",
    }
    exprs = [target["expr"] for panel in figures(dashboard) for target in panel["targets"]]
    exprs += [variable["definition"] for variable in dashboard["templating"]["list"]]
    used = {name for expr in exprs for name in re.findall(r"\$\{?(\w+)", expr)}
    return tuple(sorted(used - defined))


def documents(dashboard: Json, *, base: str) -> frozenset[str]:
    """Collect the paths of this project's documents that a dashboard links to."""
    return frozenset(
        link["url"].removeprefix(base) for link in dashboard["links"] if link.get("url", "").startswith(base)
    )


def missing_documents(paths: Collection[str], *, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Name linked documents, or headings in them, that do not exist; `texts` are the documents there are."""
    faults = []
    for path in sorted(paths):
        name, _, anchor = path.partition("#")
        headings = {
            re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", texts.get(name, ""), re.MULTILINE)
        }
        if name not in texts or (anchor and anchor not in headings):
            faults.append(path)
    return tuple(faults)
