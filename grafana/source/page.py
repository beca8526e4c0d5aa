"""A dashboard as Grafana's classic JSON: panels in their places, variables, links.

Panels flow from left to right in rows of 24 columns, in the order in which they are written.
"""

from collections.abc import Sequence

from grafana.source.panels import DATASOURCE, RED, Json, Panel, Row

COLUMNS = 24
# Version 41 of the classic schema, Grafana 12's. Later versions of Grafana bring it up to theirs when they load it.
SCHEMA_VERSION = 41
TAG = "branch-loans"
# nginx serves the runbooks to operators below this address (nginx/nginx.conf); another host name changes this line and
# runs `make dashboards`.
DOCUMENTS = "https://branchloans.com/"


def choice(name: str, label: str, query: str, *, many: bool = True) -> Json:
    """A variable whose values come from Prometheus; "All" is everything there is."""
    return {
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "datasource": DATASOURCE,
        "definition": query,
        "includeAll": True,
        "label": label,
        "multi": many,
        "name": name,
        "options": [],
        "query": {"qryType": 1, "query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "type": "query",
    }


def dashboard(  # noqa: PLR0913 - what a dashboard is made of
    *,
    uid: str,
    title: str,
    description: str,
    runbooks: dict[str, str],
    panels: Sequence[Panel | Row],
    variables: Sequence[Json] = (),
    period: str = "now-3h",
) -> Json:
    """Put panels together; `runbooks` are documents of this project by the names of their links."""
    return {
        "annotations": {"list": _annotations()},
        "description": description,
        "editable": False,
        "fiscalYearStartMonth": 0,
        # Crosshair and tooltip at the same moment in every panel.
        "graphTooltip": 2,
        "id": None,
        "links": _links(runbooks),
        "panels": _place(panels),
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": [TAG],
        "templating": {"list": list(variables)},
        "time": {"from": period, "to": "now"},
        "timepicker": {},
        "timezone": "utc",
        "title": title,
        "uid": uid,
        "version": 1,
        "weekStart": "monday",
    }


def _links(runbooks: dict[str, str]) -> list[Json]:
    """Lead to the other dashboards and to what to do."""
    dashboards: list[Json] = [
        {
            "asDropdown": True,
            "icon": "external link",
            "includeVars": False,
            "keepTime": True,
            "tags": [TAG],
            "targetBlank": False,
            "title": "Dashboards",
            "type": "dashboards",
        }
    ]
    return dashboards + [
        {
            "icon": "doc",
            "targetBlank": True,
            "title": f"Runbook: {name}",
            "tooltip": path,
            "type": "link",
            "url": DOCUMENTS + path,
        }
        for name, path in runbooks.items()
    ]


def _annotations() -> list[Json]:
    """Mark where alerts that page were firing."""
    return [
        {
            "datasource": DATASOURCE,
            "enable": True,
            "expr": 'max by (alertname) (ALERTS{alertstate="firing", severity="page"})',
            "hide": False,
            "iconColor": RED,
            "name": "Pages",
            "step": "60s",
            "tagKeys": "alertname",
            "titleFormat": "{{alertname}}",
        }
    ]


def _place(panels: Sequence[Panel | Row]) -> list[Json]:
    placed: list[Json] = []
    x = y = line = 0
    for number, panel in enumerate(panels, start=1):
        width, height = (COLUMNS, 1) if isinstance(panel, Row) else (panel.width, panel.height)
        if x + width > COLUMNS:
            x, y, line = 0, y + line, 0
        position = {"h": height, "w": width, "x": x, "y": y}
        x, line = x + width, max(line, height)
        placed.append({"gridPos": position, "id": number, **_json(panel)})
    return placed


def _json(panel: Panel | Row) -> Json:
    if isinstance(panel, Row):
        return {"collapsed": False, "panels": [], "title": panel.title, "type": "row"}
    return {
        "datasource": DATASOURCE,
        "description": panel.description,
        "fieldConfig": {
            "defaults": {**panel.defaults, "unit": panel.unit},
            "overrides": list(panel.overrides),
        },
        "options": panel.options,
        "targets": [query.target(chr(ord("A") + index)) for index, query in enumerate(panel.queries)],
        "title": panel.title,
        "transformations": list(panel.transformations),
        "type": panel.kind,
    }
