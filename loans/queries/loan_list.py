"""The list of loans: what it is filtered by, the orders it has, and its pages.

Whatever is asked for, a page is read from a few places of an index (migration 0009): the start and the end of what is
wanted are bounds on all columns of the order together. Plain equalities would leave the planner the choice to walk the
book from its end and throw away what does not fit, for it takes every value to be spread evenly over time.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from loans.core.lifecycle import Status
from loans.models.loan import NEVER, OUTSTANDING
from loans.queries import ownership, paging
from loans.queries.loans import LOANS, LoanRecord

# A page shows the terms of each loan, but not day by day the holidays that were pinned.
COLUMNS = tuple(
    LOANS.c.terms.delete_path(["holidays"]).label("terms") if name == "terms" else LOANS.c[name]
    for name in LoanRecord.__dataclass_fields__
)
# Filters with an index of their own over (filter, id), the narrowest first.
LEADING = ("owner_id", "borrower_id", "product_id", "status", "currency")
Value = int | date | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order of the list: its column, and how a loan's place in it is written into a cursor and read again."""

    column: sa.ColumnElement[Any]
    write: Callable[[LoanRecord], Value]
    read: Callable[[str], Value]
    of_money: bool = False
    is_reversed: bool = False


def _or_never(name: str) -> Order:
    return Order(
        column=sa.func.coalesce(LOANS.c[name], sa.literal_column(NEVER, sa.Date())),
        write=lambda record: getattr(record, name) or date.max,
        read=date.fromisoformat,
    )


# Amounts of different currencies have no order, so those of money want one. Days past due go against the due date.
ORDERS: Mapping[str, Order] = {
    "created": Order(
        column=LOANS.c.created_at, write=lambda record: record.created_at, read=datetime.fromisoformat
    ),
    "principal": Order(
        column=LOANS.c.principal, write=lambda record: record.principal, read=int, of_money=True
    ),
    "outstanding": Order(
        column=sa.literal_column(f"({OUTSTANDING})", sa.BigInteger()),
        write=lambda record: record.total_outstanding,
        read=int,
        of_money=True,
    ),
    "days_past_due": Order(
        **{name: getattr(_or_never("next_due_date"), name) for name in ("column", "write", "read")},
        is_reversed=True,
    ),
    "applied_on": Order(
        column=LOANS.c.applied_on, write=lambda record: record.applied_on, read=date.fromisoformat
    ),
    "disbursed_on": _or_never("disbursed_on"),
    "maturity_date": _or_never("maturity_date"),
}


# Dates that some loans do not have, and the last that one can have.
WITHOUT_SOME = ("disbursed_on", "maturity_date")
LAST = date.max - timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which loans, in which order. `ranges` are by the name of the order, both ends within; None is open.

    That of `days_past_due` are days, counted on the day `on`.
    """

    statuses: tuple[str, ...] = ()
    currency: str | None = None
    owner_id: uuid.UUID | None = None
    borrower_id: uuid.UUID | None = None
    product_id: uuid.UUID | None = None
    external_id: str | None = None
    ranges: Mapping[str, tuple[Value | None, Value | None]] = field(default_factory=dict)
    order: str = "created"
    is_descending: bool = True
    on: date = date.max

    def bounds(self, name: str) -> tuple[Any, Any]:
        """Give the ends of a range in terms of the column of its order."""
        low, high = self.ranges.get(name, (None, None))
        if name in WITHOUT_SOME:
            # What never was lies beyond every date, and in no range.
            return low, LAST if high is None and low is not None else high
        if name != "days_past_due":
            return low, high
        # Nothing is less than 0 days past due, whenever it falls due.
        first = None if not isinstance(high, int) else self.on - timedelta(days=high)
        return first, None if not isinstance(low, int) or low == 0 else self.on - timedelta(days=low)

    @property
    def equal(self) -> dict[str, object]:
        """The filters that ask for one value."""
        named = {
            name: getattr(self, name)
            for name in ("owner_id", "borrower_id", "product_id", "currency", "external_id")
        }
        if len(self.statuses) == 1:
            named["status"] = self.statuses[0]
        return {name: value for name, value in named.items() if value is not None}


def page(session: Session, *, wanted: Wanted, cursor: str | None, limit: int) -> paging.Page[LoanRecord]:
    """Give a page of loans that fit every filter given; their terms come without the holidays.

    :raises InvalidCursor: if the cursor is not one of this list with these filters in this order.
    """
    # A restricted client leads the list as a borrower does: what it made is not the whole book.
    wanted = replace(wanted, owner_id=ownership.owner(session))
    mark = tag(wanted)
    by_id = wanted.order == "created" and "created" not in wanted.ranges
    order = None if by_id else ORDERS[wanted.order]
    after = paging.after(cursor, tag=mark, reads=(uuid.UUID,) if order is None else (order.read, uuid.UUID))
    if (
        wanted.owner_id is not None
        or wanted.borrower_id is not None
        or wanted.external_id is not None
        or (by_id and len(wanted.statuses) <= 1)
    ):
        query = _led(wanted, order=order, after=after, limit=limit + 1)
    else:
        query = _merged(wanted, order=order, after=after, limit=limit + 1)
    query = ownership.own(session, query, column=LOANS.c.owner_id)
    records = [LoanRecord(**row) for row in session.execute(query).mappings()]
    keys = [(record.id,) if order is None else (order.write(record), record.id) for record in records]
    return paging.page(records, limit=limit, keys=keys, tag=mark)


def tag(wanted: Wanted) -> str:
    """Mark the list of what is wanted; it stays the same over midnight."""
    return paging.tag("loans", {name: value for name, value in asdict(wanted).items() if name != "on"})


def newest_of_borrowers(
    session: Session, *, borrower_ids: Sequence[uuid.UUID], at_most: int
) -> dict[uuid.UUID, tuple[LoanRecord, ...]]:
    """Give the newest loans of each borrower, without the holidays of their terms."""
    borrower = sa.func.unnest(sa.cast(list(borrower_ids), ARRAY(sa.Uuid()))).column_valued("borrower")
    newest = (
        ownership.own(
            session,
            sa.select(*COLUMNS).where(LOANS.c.borrower_id == borrower),
            column=LOANS.c.owner_id,
        )
        .order_by(LOANS.c.id.desc())
        .limit(at_most)
        .lateral("newest")
    )
    query = (
        sa.select(newest)
        .select_from(sa.join(borrower.scalar_alias, newest, sa.true()))
        .order_by(newest.c.id.desc())
    )
    grouped: dict[uuid.UUID, list[LoanRecord]] = {each: [] for each in borrower_ids}
    for row in session.execute(query).mappings():
        grouped[row["borrower_id"]].append(LoanRecord(**row))
    return {borrower_id: tuple(records) for borrower_id, records in grouped.items()}


def _led(wanted: Wanted, *, order: Order | None, after: tuple[Any, ...] | None, limit: int) -> sa.Select[Any]:
    """Select what fits, led by one filter: a borrower's few loans in any order, or many in that of their ids."""
    equal, query = wanted.equal, sa.select(*COLUMNS)
    leading = next((name for name in LEADING if name in equal), None)
    first: tuple[Any, ...] = ()
    if leading is not None and order is None:
        column, value = LOANS.c[leading], equal.pop(leading)
        first, after = (column,), after and (sa.literal(value, column.type), *after)
        # Where the page begins behind a place, that is one of the two bounds (see `_merged`).
        if after is None or wanted.is_descending:
            query = query.where(column >= value)
        if after is None or not wanted.is_descending:
            query = query.where(column <= value)
    for name, value in equal.items():
        query = query.where(LOANS.c[name] == value)
    if len(wanted.statuses) > 1:
        query = query.where(LOANS.c.status.in_(wanted.statuses))
    place = (*first, LOANS.c.id) if order is None else (order.column, LOANS.c.id)
    query = query.where(*_ranges(wanted, but=None))
    return _from(query, place=place, after=after, is_descending=_falls(wanted, order)).limit(limit)


def _merged(
    wanted: Wanted, *, order: Order | None, after: tuple[Any, ...] | None, limit: int
) -> sa.Select[Any]:
    """Select the first loans of each status in the order of its index, merge them, and fetch those that remain."""
    statuses = sa.cast(list(wanted.statuses or [each.value for each in Status]), ARRAY(sa.Text()))
    status = sa.func.unnest(statuses).column_valued("wanted_status")
    columns: list[Any] = [LOANS.c.status]
    values: list[Any] = [status]
    equal = {name: value for name, value in wanted.equal.items() if name != "status"}
    if order is not None and order.of_money:
        columns.append(LOANS.c.currency)
        values.append(sa.literal(equal.pop("currency"), LOANS.c.currency.type))
    key: Any = LOANS.c.id if order is None else order.column
    low, high = (None, None) if order is None else wanted.bounds(wanted.order)
    place = (*columns, LOANS.c.id) if order is None else (*columns, key, LOANS.c.id)
    falls = _falls(wanted, order)
    query = sa.select(LOANS.c.id, key.label("place"))
    # Of two bounds on one side PostgreSQL starts at either and walks to the other: where a page begins behind a place,
    # that is the bound, and the end of the range is only looked at.
    if after is None or falls:
        query = query.where(_row(columns, key, low) >= _row(values, low))
    elif low is not None:
        query = query.where(key >= low)
    if after is None or not falls:
        query = query.where(_row(columns, key, high) <= _row(values, high))
    elif high is not None:
        query = query.where(key <= high)
    for name, value in equal.items():
        query = query.where(LOANS.c[name] == value)
    query = query.where(*_ranges(wanted, but=None if order is None else wanted.order))
    after = after and (*values, *after)
    first = _from(query, place=place, after=after, is_descending=falls).limit(limit).lateral("first")
    merged = sa.select(first).select_from(sa.join(status.scalar_alias, first, sa.true()))
    ends = [first.c.place.desc(), first.c.id.desc()] if falls else [first.c.place, first.c.id]
    found = merged.order_by(*ends).limit(limit).subquery("found")
    ends = [found.c.place.desc(), found.c.id.desc()] if falls else [found.c.place, found.c.id]
    return sa.select(*COLUMNS).join(found, LOANS.c.id == found.c.id).order_by(*ends)


def _from(
    query: sa.Select[Any], *, place: tuple[Any, ...], after: tuple[Any, ...] | None, is_descending: bool
) -> sa.Select[Any]:
    """Put a query in the order of some columns, and begin it behind a place."""
    ends = [column.desc() if is_descending else column for column in place]
    if after is not None:
        here, there = sa.tuple_(*place), sa.tuple_(*after)
        query = query.where(here < there if is_descending else here > there)
    return query.order_by(*ends)


def _ranges(wanted: Wanted, *, but: str | None) -> list[sa.ColumnElement[bool]]:
    """Give the conditions of the ranges, but for that of the order itself."""
    conditions = []
    for name in wanted.ranges:
        if name != but:
            column, (low, high) = ORDERS[name].column, wanted.bounds(name)
            conditions += [column >= low] if low is not None else []
            conditions += [column <= high] if high is not None else []
    return conditions


def _row(columns: Sequence[Any], *more: Any) -> Any:
    """Give some columns, or what they are compared with, and a last one unless that end of the range is open."""
    return sa.tuple_(*columns, *more[:1]) if more[-1] is not None else sa.tuple_(*columns)


def _falls(wanted: Wanted, order: Order | None) -> bool:
    return wanted.is_descending != (order is not None and order.is_reversed)
