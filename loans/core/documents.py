"""Reading JSON-like documents into core values: strictly, and with every fault named by its place."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar, TypeVar

from loans.core import money, rates
from loans.core.errors import LendingError

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

# A small document can hold very many faults; nobody reads more than these.
FAULTS_SHOWN_MAX = 100
_FAULTS_NAMED_MAX = 5
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,4})?")
# What PostgreSQL cannot store (NUL) or no encoding can carry (lone surrogates), and control characters.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


class Malformed(ValueError):
    """A value is not of the kind that its field takes; the text is for the sender."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of a document; the pointer is a JSON Pointer (RFC 6901)."""

    pointer: str
    code: str
    detail: str


class InvalidDocument(LendingError):
    """Values are missing, unknown, malformed or contradict one another; `errors` lists every one of them."""

    code: ClassVar[str] = "invalid_document"
    title: ClassVar[str] = "Invalid document"

    def __init__(self, faults: Sequence[Fault]) -> None:
        named = ", ".join(fault.pointer for fault in faults[:_FAULTS_NAMED_MAX])
        shown = [asdict(fault) for fault in faults[:FAULTS_SHOWN_MAX]]
        super().__init__(f"{len(faults)} fault(s): {named}", errors=shown)


class Fields:
    """The fields of one JSON object, each asked for by the kind of value that it takes.

    A fault is noted and read as None, so that reading goes on to the next one. `currency` is that of the amounts;
    while it is not known, only their form is checked. NULL is the same as a field left out.
    """

    def __init__(
        self, value: object, *, pointer: str, faults: list[Fault], currency: str | None = None
    ) -> None:
        self.pointer = pointer
        self.faults = faults
        self.currency = currency
        self.faulty: set[str] = set()
        self.is_object = isinstance(value, Mapping)
        self._values: Mapping[str, object] = value if isinstance(value, Mapping) else {}
        self._known: set[str] = set()
        if not self.is_object:
            self.note("", "Must be an object.")

    def note(self, name: str, detail: str, *, code: str = "invalid") -> None:
        """Note a fault of a field, such as "grace" or "grace.principal", or of the object itself, which is ""."""
        self.faulty.add(name.partition(".")[0])
        self._point(name.replace(".", "/"), detail, code)

    def require(self, *names: str) -> None:
        """Note each of these fields that is not there."""
        for name in names:
            self._known.add(name)
            if self.is_object and self._values.get(name) is None:
                self.note(name, "Missing data for required field.")

    def has(self, name: str) -> bool:
        """Tell whether a field is there."""
        self._known.add(name)
        return self._values.get(name) is not None

    def holds_text(self, name: str) -> bool:
        """Tell whether a field is a string, for one that may be an object instead."""
        return isinstance(self._values.get(name), str)

    def read(self, name: str, parse: Callable[[object], T]) -> T | None:
        """Read one value."""
        self._known.add(name)
        value = self._values.get(name)
        return None if value is None else self._parsed(name, value, parse)

    def each(self, name: str, parse: Callable[[object], T], *, most: int) -> list[T] | None:
        """Read a list of values, leaving out those at fault."""
        listed = self._listed(name, most)
        if listed is None:
            return None
        parsed = [self._parsed(f"{name}.{at}", value, parse) for at, value in enumerate(listed)]
        return [value for value in parsed if value is not None]

    def child(self, name: str) -> "Fields | None":
        """Go into an object below this one."""
        self._known.add(name)
        value = self._values.get(name)
        return None if value is None else self._below(name, value)

    def children(self, name: str, *, most: int) -> "list[Fields] | None":
        """Go into each object of a list."""
        listed = self._listed(name, most)
        if listed is None:
            return None
        return [self._below(f"{name}/{at}", value) for at, value in enumerate(listed)]

    def make(
        self,
        maker: Callable[..., T],
        values: Mapping[str, object],
        *,
        spare: Mapping[str, Mapping[str, object]],
    ) -> T | None:
        """Make a core value from those values that are not None, and note all that it refuses.

        `spare` holds, for each field that may be at fault, harmless values to go on with, so that one fault neither
        hides another nor causes one. What is made with them is of no use: the faults are noted.
        """
        if not self.is_object:
            return None
        tried = {name: value for name, value in values.items() if value is not None}
        for name in self.faulty:
            tried |= spare.get(name, {})
        left = dict(spare)
        while True:
            try:
                return maker(**tried)
            except LendingError as error:
                field = error.field or ""
                self.note(field, error.detail, code=error.code)
                if field not in left:
                    return None
                tried |= left.pop(field)

    def finish(self) -> None:
        """Note each field that nobody has asked for."""
        for name in self._values:
            if name not in self._known:
                self._point(_escaped(str(name)), "Unknown field.", "invalid")

    def _listed(self, name: str, most: int) -> Sequence[object] | None:
        """Read a list of limited length; a longer one is not looked into."""
        self._known.add(name)
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            self.note(name, "Must be a list.")
        elif len(value) > most:
            self.note(name, f"Must have at most {most} entries.")
        else:
            return value
        return None

    def _parsed(self, name: str, value: object, parse: Callable[[object], T]) -> T | None:
        try:
            return parse(value)
        except Malformed as error:
            self.note(name, str(error))
        except LendingError as error:
            self.note(name, error.detail, code=error.code)
        return None

    def _below(self, path: str, value: object) -> "Fields":
        return Fields(value, pointer=f"{self.pointer}/{path}", faults=self.faults, currency=self.currency)

    def _point(self, path: str, detail: str, code: str) -> None:
        pointer = f"{self.pointer}/{path}" if path else self.pointer
        self.faults.append(Fault(pointer=pointer, code=code, detail=detail))


def accept(value: T | None, *, faults: Sequence[Fault]) -> T:
    """Give what was read, if reading it found no fault.

    :raises InvalidDocument: if it found one.
    """
    if faults:
        raise InvalidDocument(faults)
    if value is None:
        raise AssertionError("nothing was read, and no fault was noted")
    return value


def day(value: object) -> date:
    """Read a date as YYYY-MM-DD and in no other form.

    :raises Malformed: if it is something else.
    """
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise Malformed("Must be a date such as 2024-01-31.")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise Malformed("There is no such day.") from error


def rate(value: object) -> Fraction:
    """Read percent per year, written as a decimal string.

    :raises Malformed: if it is no string.
    :raises InvalidRate: if the string is no rate.
    """
    if not isinstance(value, str):
        raise Malformed('Must be a decimal string in quotes, such as "24.00".')
    return rates.parse_rate(value, field="The rate")


def percent(value: object) -> Fraction:
    """Read a percentage, written as a decimal string.

    :raises Malformed: if it is something else.
    """
    try:
        return rate(value)
    except rates.InvalidRate as error:
        raise Malformed(
            f'Must be a percentage with at most {rates.DECIMALS_MAX} decimals, such as "2.5".'
        ) from error


def amount(currency: str | None, *, least: int = 1) -> Callable[[object], int]:
    """Make the reader of an amount of money, written as a decimal string, in minor units of its currency.

    Without a currency it checks the form and gives 1: the fault of the currency has been noted.
    """

    def parse(value: object) -> int:
        if not isinstance(value, str):
            raise Malformed('Must be a decimal string in quotes, such as "12500.00".')
        if currency is not None:
            minor = money.parse_amount(value, currency, field="The amount")
        elif _AMOUNT.fullmatch(value):
            minor = 1 if value.strip("0.") else 0
        else:
            raise Malformed("Must be a plain decimal without sign or spaces.")
        if minor < least:
            raise Malformed("Must be more than zero.")
        return minor

    return parse


def currency_code(value: object) -> str:
    """Read the code of a currency.

    :raises Malformed: if it is no code of three capital letters.
    :raises UnknownCurrency: if no currency has it.
    """
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        raise Malformed("Must be an ISO 4217 currency code such as KES.")
    money.exponent(value)
    return value


def whole(*, least: int, most: int) -> Callable[[object], int]:
    """Make the reader of a whole number within limits: a JSON number, no "7", 7.0 or true."""

    def parse(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Malformed("Must be a whole number, without quotes.")
        if not least <= value <= most:
            raise Malformed(f"Must be from {least} to {most}.")
        return value

    return parse


def text(*, longest: int) -> Callable[[object], str]:
    """Make the reader of a line of text of limited length, without control characters."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= longest or _UNPRINTABLE.search(value):
            raise Malformed(f"Must be 1 to {longest} characters in one line.")
        return value

    return parse


def one_of(values: type[E]) -> Callable[[object], E]:
    """Make the reader of one of an enumeration's values."""

    def parse(value: object) -> E:
        if not isinstance(value, str) or value not in tuple(values):
            raise Malformed(f"Must be one of: {', '.join(values)}.")
        return values(value)

    return parse


def _escaped(name: str) -> str:
    """Write a name as one step of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")
