"""Write the dashboards that Grafana loads: `python -m grafana.build`, or `--check` to see that they are up to date."""

import json
import sys
from pathlib import Path

from grafana.source import application, database, lending, resources, routes, slo
from grafana.source.panels import Json

FOLDER = Path(__file__).parent / "dashboards"
DASHBOARDS = (slo, application, routes, database, resources, lending)


def render() -> dict[str, str]:
    """Give every dashboard's file name and text."""
    made: list[Json] = [module.dashboard() for module in DASHBOARDS]
    return {f"{one['uid']}.json": json.dumps(one, indent=2, sort_keys=True) + "\n" for one in made}


def stale(folder: Path = FOLDER) -> tuple[str, ...]:
    """Name the files that are missing, out of date, or written by no module."""
    wanted = render()
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return tuple(sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)))


def write(folder: Path = FOLDER) -> None:
    """Write every dashboard and remove what no module writes any more."""
    folder.mkdir(exist_ok=True)
    wanted = render()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write, or with `--check` say what is out of date."""
    if arguments == ["--check"]:
        names = stale()
        if names:
            sys.stderr.write(f"Out of date: {', '.join(names)}. Run: python -m grafana.build\n")
        return 1 if names else 0
    if arguments:
        sys.stderr.write("python -m grafana.build [--check]\n")
        return 2
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
