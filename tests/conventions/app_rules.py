"""Rules about the running application: its routes and its refusals. Each gives a sentence for every violation."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

from flask import Flask

PREFIX = "/api/"
IMPLIED_METHODS = {"HEAD", "OPTIONS"}


def routes(app: Flask) -> Iterator[tuple[str, Callable[..., object]]]:
    """Give every route below /api as ("POST /api/v1/loans", view), views in classes method by method."""
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(PREFIX):
            continue
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - IMPLIED_METHODS):
            view_class = getattr(view, "view_class", None)
            yield f"{method} {rule.rule}", getattr(view_class, method.lower()) if view_class else view


def routes_without_scope(app: Flask, *, scopes: Collection[str]) -> tuple[str, ...]:
    """Name routes that declare no scope, or one that no key can carry."""
    return tuple(
        f"{name} declares {getattr(view, '__scope__', None)!r}"
        for name, view in routes(app)
        if getattr(view, "__scope__", None) not in scopes
    )


def commands_not_idempotent(app: Flask) -> tuple[str, ...]:
    """Name routes that create or change something and would do so twice if asked twice.

    A POST that stores nothing says so, and so does one that takes a password or a token, and one that is idempotent
    row by row; each is one of the four.
    """
    return tuple(
        name
        for name, view in routes(app)
        if not name.startswith("GET ")
        and [
            getattr(view, "__idempotent__", False),
            stores_nothing(view),
            is_exchange(view),
            is_idempotent_by_row(view),
        ].count(True)
        != 1
    )


def stores_nothing(view: Callable[..., object]) -> bool:
    """Tell whether a view is a calculation."""
    return getattr(view, "__stores_nothing__", False) is True


def is_idempotent_by_row(view: Callable[..., object]) -> bool:
    """Tell whether a view takes a file, each row of which is done once (tests/api/test_bulk_retries.py)."""
    return getattr(view, "__idempotent_by_row__", False) is True


def is_exchange(view: Callable[..., object]) -> bool:
    """Tell whether a view exchanges a password or a token for something."""
    return getattr(view, "__is_exchange__", False) is True


def routes_without_reach(app: Flask, *, public: str, lists: Collection[Collection[str]]) -> tuple[str, ...]:
    """Name endpoints that are not in exactly one list of what a restricted client may reach, and lists of nothing."""
    known = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        and getattr(app.view_functions[rule.endpoint], "__scope__", None) != public
    }
    counted = Counter(endpoint for each in lists for endpoint in each)
    return (
        *(f"{endpoint} is no route" for endpoint in sorted(set(counted) - known)),
        *(
            f"{endpoint} is in {counted[endpoint]} lists of loans/api/reach.py"
            for endpoint in sorted(known)
            if counted[endpoint] != 1
        ),
    )


def leaves(base: type) -> Iterator[type]:
    """Give the classes below `base` that nobody specializes further."""
    for child in base.__subclasses__():
        if child.__subclasses__():
            yield from leaves(child)
        else:
            yield child


def error_faults(
    errors: Collection[type],
    *,
    statuses: Mapping[type, int],
    others: Collection[str],
    documented: Collection[str],
) -> tuple[str, ...]:
    """Name refusals without a status, without a paragraph or with another's code, and paragraphs without one.

    `others` are codes that have no class of ours behind them, such as that of an unknown path.
    """
    codes = Counter([*(getattr(error, "code", None) for error in errors), *others])
    return (
        *(f"{error.__name__} has no HTTP status" for error in errors if error not in statuses),
        *(f"{code} is the code of {times} refusals" for code, times in codes.items() if times > 1),
        *(f"{code} has no paragraph" for code in codes if code not in documented),
        *(f"{code} is documented but never raised" for code in documented if code not in codes),
    )
