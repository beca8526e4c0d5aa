"""Shapes: how much of a thing an answer shows, by `view`, `fields` and `expand`.

A view is a named choice of fields; `fields` chooses among those of the view; `expand` puts what an identifier stands
for beside it, if the key may read that too.
"""

import copy
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import marshmallow as ma

from loans.api import security
from loans.api.errors import InvalidRequest

ITEMS = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What can be shown: `whole` has every field there is, `views` names those of each view.

    `expansions` are what can be put beside it, each with the scopes that it wants.
    """

    whole: type[ma.Schema]
    views: Mapping[str, frozenset[str]]
    expansions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def schema(self, args: dict[str, Any]) -> ma.Schema:
        """Give the schema of what is asked for, and take from the arguments what no view needs to know.

        :raises InvalidRequest: if a field is asked for that the view does not have.
        :raises ScopeMissing: if the key may not read what is to be put beside it.
        """
        names, chosen = self.views[args["view"]], args.pop("chosen")
        if chosen is not None:
            unknown = [name for name in chosen if name not in names]
            if unknown:
                shown = ", ".join(unknown)
                raise InvalidRequest(
                    {"query": {"fields": [f"The view {args['view']} does not have: {shown}."]}}
                )
            names = frozenset(chosen)
        for name in args["expand"]:
            for scope in self.expansions[name]:
                security.demand(scope)
        return _schema(self.whole, names | {name.partition(".")[0] for name in args["expand"]})

    def documented(self, returns: type[ma.Schema]) -> dict[str, Any]:
        """Give what OpenAPI says of the answer: the whole of it, or some of its fields."""
        return {"anyOf": [returns, _part(self.whole)]}


# Few clients ask for many different choices; one that does so on purpose fills no memory.
@functools.lru_cache(maxsize=256)
def _schema(whole: type[ma.Schema], names: frozenset[str]) -> ma.Schema:
    declared = whole().fields
    if ITEMS not in declared:
        return whole(only=_in_order(declared, names))
    items = declared[ITEMS].inner.schema.fields  # type: ignore[attr-defined] # a List of Nested
    others = [name for name in declared if name != ITEMS]
    return whole(only=[*(f"{ITEMS}.{name}" for name in _in_order(items, names)), *others])


def _in_order(declared: Iterable[str], names: frozenset[str]) -> list[str]:
    """Give names in the order of the schema: a set has another in each process, and with it an ETag."""
    return [name for name in declared if name in names]


@functools.cache
def _part(whole: type[ma.Schema]) -> type[ma.Schema]:
    """Make the schema of any choice of a schema's fields."""
    fields: dict[str, Any] = {}
    for name, declared in whole().fields.items():
        if name == ITEMS:
            items = declared.inner.schema.__class__  # type: ignore[attr-defined] # a List of Nested
            fields[name] = ma.fields.List(
                ma.fields.Nested(_part(items)), required=True, attribute=declared.attribute
            )
            continue
        fields[name] = copy.deepcopy(declared)
        if name != "next_cursor":
            fields[name].required = False
    described = {"__doc__": f"Some of the fields of {whole.__name__}.", **fields}
    return type(f"{whole.__name__}Part", (ma.Schema,), described)
