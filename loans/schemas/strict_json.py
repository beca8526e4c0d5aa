"""Strict JSON: UTF-8, no duplicate names, no NaN or Infinity, no float, limited depth."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

DEPTH_MAX = 20


class NotJson(ValueError):
    """The bytes are not JSON of that kind; the text says what they are, as "is not valid JSON: ..."."""


def read(raw: bytes) -> Any:
    """Parse a document; numbers with a point become Decimal.

    :raises NotJson: if it is not JSON of that kind.
    """
    try:
        parsed = json.loads(
            raw.decode("utf-8"),
            parse_float=Decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except RecursionError as error:
        raise NotJson(f"is nested more than {DEPTH_MAX} levels deep") from error
    except InvalidOperation as error:
        raise NotJson("is not valid JSON: a number has too large an exponent") from error
    except ValueError as error:
        raise NotJson(f"is not valid JSON: {error}") from error
    if _depth(parsed) > DEPTH_MAX:
        raise NotJson(f"is nested more than {DEPTH_MAX} levels deep")
    return parsed


def _integer(text: str) -> int:
    if len(text) > 20:  # noqa: PLR2004 - longer than any number a field takes, and int() is quadratic
        raise ValueError("a number is too long")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a field twice")
    return found


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
