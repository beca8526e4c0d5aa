"""What a test has to understand of PromQL and of Grafana's variables; no more."""

import re
from collections.abc import Mapping

# Words that look like metrics but are the language's.
WORDS = frozenset(
    {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right"}
    | {"offset", "bool", "inf", "nan", "start", "end", "atan2"}
)
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
CLAUSE = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
LABEL_VALUES = re.compile(rf"label_values\((?:(?P<selector>.+),\s*)?(?P<label>{NAME})\)")


def metrics(expr: str) -> frozenset[str]:
    """Name every metric that an expression reads."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expr)
    bare = re.sub(r"\{[^{}]*\}", " ", bare)
    bare = re.sub(r"\[[^\[\]]*\]", " ", bare)
    bare = CLAUSE.sub(" ", bare)
    found = re.finditer(rf"(?<![\w:.$])({NAME})(?!\s*\()(?![\w:])", bare)
    return frozenset(match[1] for match in found if match[1].lower() not in WORDS)


def counted(expr: str) -> frozenset[str]:
    """Name what rate, irate and increase are applied to."""
    return frozenset(re.findall(rf"\b(?:rate|irate|increase)\s*\(\s*({NAME})", expr))


def expand(expr: str, values: Mapping[str, str]) -> str:
    """Put values in for variables.

    :raises KeyError: if a variable has no value.
    """
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: values[match[1] or match[2]], expr)


def label_values(query: str) -> tuple[str, str]:
    """Read a variable's `label_values(selector, label)`: the selector and the label.

    :raises ValueError: if it is something else.
    """
    match = LABEL_VALUES.fullmatch(query)
    if match is None or match["selector"] is None:
        raise ValueError(query)
    return match["selector"], match["label"]
