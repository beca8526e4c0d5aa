"""Events as JSON-like documents: as they are spoken on the wire, and the part of them that is stored as one.

On the wire an event has a type, a date and what its type takes; its `id`, any text, is what a reversal or a
chargeback in the same list calls it, and without one its place in the list. In the core every event has a UUID.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from loans.core import documents, money, rates, term_documents
from loans.core.documents import Fault, Fields, Malformed
from loans.core.events import DECISIONS, RECEIPTS, REVERSIBLE, Event, EventKind, RefundOf
from loans.core.terms import INSTALLMENTS_MAX, Component, Grace

EVENTS_MAX = 1000
ID_LENGTH_MAX = 100
# Beside the installments, rows for a down payment and for what is charged after the last due date.
ROWS_MAX = INSTALLMENTS_MAX + EVENTS_MAX

Name = str | int

# An event of a request has the same id each time the request is sent, so that its answer is the same, too.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "events.branch-loans")
TYPES: Mapping[EventKind, str] = {kind: kind.value for kind in EventKind} | {
    EventKind.DISBURSED: "disbursement"
}
WIRE_TYPES: Mapping[str, EventKind] = {name: kind for kind, name in TYPES.items() if kind not in DECISIONS}
AMOUNT_REQUIRED = frozenset(
    {
        EventKind.REPAYMENT,
        EventKind.FEE,
        EventKind.LATE_FEE,
        EventKind.RECOVERY,
        EventKind.REFUND,
        EventKind.GOODWILL_CREDIT,
    }
)
# Left out, it means all there is.
AMOUNT_OPTIONAL = frozenset(
    {
        EventKind.DISBURSED,
        EventKind.PAYOFF,
        EventKind.FEE_WAIVER,
        EventKind.INTEREST_WAIVER,
        EventKind.CHARGEBACK,
    }
)
_RESCHEDULE = ("first_due_date", "installments", "installment_amount", "grace")
_REQUIRED: Mapping[EventKind, tuple[str, ...]] = {
    EventKind.RATE_CHANGE: ("annual_rate",),
    EventKind.INTEREST_PAUSE: ("until",),
    EventKind.CHARGEBACK: ("repayment",),
    EventKind.REVERSAL: ("event",),
}
_OPTIONAL: Mapping[EventKind, tuple[str, ...]] = {
    EventKind.RESCHEDULE: _RESCHEDULE,
    EventKind.RE_AGE: _RESCHEDULE,
    EventKind.FEE_WAIVER: ("installment", "component"),
    EventKind.REFUND: ("of",),
}
# What an event may have beyond the columns it is stored in, except that a reversal is one of them.
_DETAILS = (*_RESCHEDULE, "annual_rate", "until", "installment", "component", "repayment", "of")


@dataclass(frozen=True, slots=True)
class History:
    """Events in the order of their list, and what the list calls each: its own id, or else its place from 0."""

    events: tuple[Event, ...]
    names: Mapping[uuid.UUID, Name]


def read(
    document: object,
    *,
    event_id: uuid.UUID,
    currency: str,
    ids: Mapping[Name, uuid.UUID],
    pointer: str = "#",
) -> Event:
    """Read one event; `ids` are the events that it may refer to, by what the document calls them.

    :raises InvalidDocument: if anything in it is not as it must be; it names every fault.
    """
    faults: list[Fault] = []
    fields = Fields(document, pointer=pointer, faults=faults, currency=currency)
    fields.read("id", documents.text(longest=ID_LENGTH_MAX))
    event = take(fields, event_id=event_id, ids=ids)
    return documents.accept(event, faults=faults)


def read_all(
    listed: object, *, currency: str, known: Iterable[Event] = (), pointer: str = "#/events"
) -> History:
    """Read a list of events, which may refer to one another and, by its UUID, to each of those already known.

    :raises InvalidDocument: if anything in it is not as it must be; it names every fault.
    """
    faults: list[Fault] = []
    above, _, name = pointer.rpartition("/")
    history = take_all(
        Fields({name: listed}, pointer=above, faults=faults, currency=currency), name, known=known
    )
    return documents.accept(history, faults=faults)


def take_all(fields: Fields, name: str, *, known: Iterable[Event] = ()) -> History:
    """Read the list of events that a larger document has under a name, noting faults."""
    children = fields.children(name, most=EVENTS_MAX) or []
    told = tuple(known)
    ids: dict[Name, uuid.UUID] = {str(event.id): event.id for event in told}
    names: dict[uuid.UUID, Name] = {}
    for place, child in enumerate(children):
        own = child.read("id", documents.text(longest=ID_LENGTH_MAX))
        if own is not None and own in ids:
            child.note("id", "Another event has this id.")
        event_id = uuid.uuid5(_NAMESPACE, f"place {place}" if own is None else f"id {own}")
        ids[place] = event_id
        names[event_id] = place
        if own is not None:
            ids[own] = event_id
            names[event_id] = own
    taken = [take(child, event_id=ids[place], ids=ids) for place, child in enumerate(children)]
    _check_references(list(zip(children, taken, strict=True)), told)
    return History(events=tuple(event for event in taken if event is not None), names=names)


def take(fields: Fields, *, event_id: uuid.UUID, ids: Mapping[Name, uuid.UUID]) -> Event | None:
    """Read one event out of a larger document, noting faults; None if it cannot be made."""
    fields.require("type", "date")
    # Whoever reads the list reads what it calls the event.
    fields.has("id")
    kind = fields.read("type", _wire_type)
    on = fields.read("date", documents.day)
    if kind is None:
        # What else it must and may have depends on its type.
        return None
    required = _REQUIRED.get(kind, ())
    fields.require(*required)
    values = _take_details(fields, (*required, *_OPTIONAL.get(kind, ())), _reference(ids))
    values["amount"] = _take_amount(fields, kind)
    fields.finish()
    if values.get("component") not in {None, Component.PENALTY, Component.FEE}:
        fields.note("component", "Must be one of: penalty, fee.")
    for name in ("until", "first_due_date"):
        day = values.get(name)
        if on is not None and isinstance(day, dt.date) and day <= on:
            fields.note(name, "Must be after the date of the event.")
    if "event" in values:
        values["reverses"] = values.pop("event")
    if fields.faulty or on is None:
        return None
    return _make(event_id, kind, on, values)


def write(event: Event, *, currency: str, names: Mapping[uuid.UUID, Name] | None = None) -> dict[str, object]:
    """Write an event as `read_all` takes it; `names` are what events are called, by default their UUID."""
    called = names or {}
    own = called.get(event.id, str(event.id))
    written: dict[str, object] = {"id": own} if isinstance(own, str) else {}
    written |= {"type": TYPES[event.kind], "date": event.date.isoformat()}
    if event.amount is not None and event.kind in AMOUNT_REQUIRED | AMOUNT_OPTIONAL:
        written["amount"] = money.format_amount(event.amount, currency)
    written |= details(event, currency=currency)
    if event.repayment is not None:
        written["repayment"] = called.get(event.repayment, str(event.repayment))
    if event.reverses is not None:
        written["event"] = called.get(event.reverses, str(event.reverses))
    return written


def details(event: Event, *, currency: str) -> dict[str, object]:
    """Write what belongs to an event of its kind alone: all but its id, kind, date, amount and what it reverses."""
    amount = event.installment_amount
    written: dict[str, object | None] = {
        "annual_rate": None if event.annual_rate is None else rates.format_rate(event.annual_rate),
        "until": None if event.until is None else event.until.isoformat(),
        "first_due_date": None if event.first_due_date is None else event.first_due_date.isoformat(),
        "installments": event.installments,
        "installment_amount": None if amount is None else money.format_amount(amount, currency),
        "grace": None if event.grace is None else term_documents.write_grace(event.grace),
        "installment": event.installment,
        "component": None if event.component is None else event.component.value,
        "repayment": None if event.repayment is None else str(event.repayment),
        "of": event.of.value if event.kind is EventKind.REFUND else None,
    }
    return {name: value for name, value in written.items() if value is not None}


def from_columns(  # noqa: PLR0913 - the columns of a stored event
    event_id: uuid.UUID,
    *,
    kind: EventKind,
    date: dt.date,
    amount: int | None,
    reverses: uuid.UUID | None,
    details: Mapping[str, object],
    currency: str,
) -> Event:
    """Make an event of what is stored of it: columns, and the document that `details` wrote."""
    values: dict[str, object] = {}
    if details:
        faults: list[Fault] = []
        fields = Fields(details, pointer="#", faults=faults, currency=currency)
        values = _take_details(fields, _DETAILS, _uuid)
        fields.finish()
        if faults:
            raise AssertionError(f"the details of event {event_id} are not what was written: {faults}")
    return _make(event_id, kind, date, {"amount": amount, "reverses": reverses, **values})


def _make(event_id: uuid.UUID, kind: EventKind, on: dt.date, values: Mapping[str, object]) -> Event:
    """Make an event from values by name; one that is None is left to its default, but for the amount."""
    make: Callable[..., Event] = Event
    given = {name: value for name, value in values.items() if value is not None or name == "amount"}
    return make(id=event_id, kind=kind, date=on, **given)


def _take_amount(fields: Fields, kind: EventKind) -> int | None:
    """Read the amount of an event: None means all there is, and 0 that its kind has none."""
    if kind in AMOUNT_REQUIRED:
        fields.require("amount")
    elif kind not in AMOUNT_OPTIONAL:
        if fields.has("amount"):
            fields.note("amount", f"An event of type {TYPES[kind]} has no amount.")
        return 0
    return fields.read("amount", documents.amount(fields.currency))


def _take_details(
    fields: Fields, names: Iterable[str], reference: Callable[[object], uuid.UUID]
) -> dict[str, object]:
    """Read those details of an event that have these names."""
    parsers: Mapping[str, Callable[[object], object]] = {
        "annual_rate": documents.rate,
        "until": documents.day,
        "first_due_date": documents.day,
        "installments": documents.whole(least=1, most=INSTALLMENTS_MAX),
        "installment_amount": documents.amount(fields.currency),
        "installment": documents.whole(least=1, most=ROWS_MAX),
        "component": documents.one_of(Component),
        "repayment": reference,
        "event": reference,
        "of": documents.one_of(RefundOf),
    }
    return {
        name: _take_grace(fields) if name == "grace" else fields.read(name, parsers[name]) for name in names
    }


def _take_grace(fields: Fields) -> Grace | None:
    below = fields.child("grace")
    return None if below is None else term_documents.take_grace(below)


def _check_references(read: Sequence[tuple[Fields, Event | None]], known: tuple[Event, ...]) -> None:
    """Note each reversal of what cannot be reversed or has been, and each chargeback of what is no repayment."""
    kinds = {event.id: event.kind for event in known}
    kinds |= {event.id: event.kind for _, event in read if event is not None}
    reversed_ids = {event.reverses for event in known}
    for fields, event in read:
        if event is None:
            continue
        if event.repayment is not None and kinds.get(event.repayment, EventKind.REPAYMENT) not in RECEIPTS:
            fields.note("repayment", "Is not a repayment.")
        if event.reverses is None:
            continue
        if kinds.get(event.reverses, EventKind.REPAYMENT) not in REVERSIBLE:
            fields.note("event", "Is of a type that cannot be reversed.")
        if event.reverses in reversed_ids:
            fields.note("event", "Has already been reversed.")
        reversed_ids.add(event.reverses)


def _reference(ids: Mapping[Name, uuid.UUID]) -> Callable[[object], uuid.UUID]:
    """Make the reader of what a document calls another event."""

    def parse(value: object) -> uuid.UUID:
        # True and False would pass for the places 1 and 0.
        if isinstance(value, str | int) and not isinstance(value, bool) and value in ids:
            return ids[value]
        raise Malformed("Must be the id of an event, or its place in the list from 0.")

    return parse


def _uuid(value: object) -> uuid.UUID:
    return uuid.UUID(str(value))


def _wire_type(value: object) -> EventKind:
    if not isinstance(value, str) or value not in WIRE_TYPES:
        raise Malformed(f"Must be one of: {', '.join(WIRE_TYPES)}.")
    return WIRE_TYPES[value]
