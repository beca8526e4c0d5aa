"""What one event did, in a sentence."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from loans.core import money, postings
from loans.core.events import Event, EventKind, RefundOf
from loans.core.state import LoanState
from loans.core.steps import percent
from loans.core.trace import Trace


class EventWords:
    """Says what an event did, from the events told before it, the states before and after it, and the trace."""

    def __init__(
        self,
        event: Event,
        *,
        earlier: Sequence[Event],
        before: LoanState,
        after: LoanState,
        trace: Trace,
    ) -> None:
        self.event = event
        self.earlier = earlier
        self.before = before
        self.after = after
        self.trace = trace
        self.terms = after.terms
        self.taken = sum(each.amount for each in after.applied if each.event_id == event.id)

    def write(self) -> str:
        """Give the sentence."""
        return _SENTENCES[self.event.kind](self)

    def amount(self, minor: int) -> str:
        """Write minor units as an amount with its currency."""
        return f"{money.format_amount(minor, self.terms.currency)} {self.terms.currency}"

    @property
    def subject(self) -> str:
        """The event by its kind and date."""
        return f"This {self.event.kind.replace('_', ' ')} on {self.event.date}"

    def took(self, verb: str) -> str:
        """Say in a word what the event did with its amount."""
        return f"{self.subject} {verb} {self.amount(self.taken)}."

    def disbursed(self) -> str:
        """Say what was paid out, and which fees were kept or lent on top."""
        kept = self.after.fees_deducted - self.before.fees_deducted
        added = self.after.disbursed - self.before.disbursed - self.taken
        fees = f", of which {self.amount(kept)} was kept for fees" if kept else ""
        fees += f", and {self.amount(added)} of fees was lent on top" if added else ""
        return f"This disbursement on {self.event.date} paid out {self.amount(self.taken)}{fees}."

    def rate(self) -> str:
        """Say from which rate to which."""
        earlier = [each.annual_rate for each in self.earlier if each.annual_rate is not None]
        old = percent([self.terms.annual_rate, *earlier][-1])
        new = percent(self.event.annual_rate or self.terms.annual_rate * 0)
        return f"{self.subject} changed the rate from {old} % to {new} % from that day on."

    def pause(self) -> str:
        """Say between which days no interest accrues."""
        return f"{self.subject} lets no interest accrue from {self.event.date} up to {self.event.until}, exclusive."

    def schedule(self) -> str:
        """Say which rows are new, when the first is due, and what an installment comes to."""
        _, first = self.trace.replaced[-1]
        rows = [row for row in self.after.installments if row.number >= first]
        found = [each.rounded for each in self.trace.levellings if each.event_id == self.event.id]
        # In words that hold for an installment and for a share of principal alike.
        each = f", set at {self.amount(found[-1])} each" if found else ""
        arrears = sum(sum(each.amounts) for each in self.trace.taken if each.event_id == self.event.id)
        along = f", and took {self.amount(arrears)} of arrears along" if arrears else ""
        return (
            f"{self.subject} planned {len(rows)} row{'' if len(rows) == 1 else 's'} from number {first} on, the first"
            f" due on {rows[0].due_date}{each}{along}."
        )

    def charge_off(self) -> str:
        """Say which loss the books took; the borrower owes what he owed."""
        before, after = dict(self.before.balances), dict(self.after.balances)
        loss = after.get(postings.CREDIT_LOSSES, 0) - before.get(postings.CREDIT_LOSSES, 0)
        owed = self.amount(self.after.outstanding.total)
        return f"{self.subject} took a loss of {self.amount(loss)} in the books; {owed} is owed as before."

    def refund(self) -> str:
        """Say what was given back, and of what."""
        of = "fees and penalties" if self.event.of is RefundOf.FEE else "the customer's credit balance"
        return f"{self.subject} gave back {self.amount(self.taken)} of {of}."

    def chargeback(self) -> str:
        """Say of which repayment what was taken back."""
        paid = next(each for each in self.earlier if each.id == self.event.repayment)
        return f"{self.subject} took back {self.amount(self.taken)} of the {paid.kind} of {paid.date}, owed again."


def of_decision(event: Event, *, principal: str) -> str:
    """Say what a step before the disbursement decided; `principal` is an amount with its currency."""
    if event.kind is EventKind.APPLIED:
        return f"On {event.date} the loan was applied for: {principal}."
    return f"On {event.date} the loan was {event.kind}."


def _taking(verb: str) -> Callable[[EventWords], str]:
    """Make the sentence of an event that does one thing with its amount."""
    return lambda words: words.took(verb)


_SENTENCES: Mapping[EventKind, Callable[[EventWords], str]] = MappingProxyType(
    {
        EventKind.DISBURSED: EventWords.disbursed,
        EventKind.RATE_CHANGE: EventWords.rate,
        EventKind.INTEREST_PAUSE: EventWords.pause,
        EventKind.RESCHEDULE: EventWords.schedule,
        EventKind.RE_AGE: EventWords.schedule,
        EventKind.FEE: _taking("charged"),
        EventKind.LATE_FEE: _taking("charged"),
        EventKind.FEE_WAIVER: _taking("waived"),
        EventKind.INTEREST_WAIVER: _taking("waived"),
        EventKind.GOODWILL_CREDIT: _taking("credited"),
        EventKind.REPAYMENT: _taking("took"),
        EventKind.PAYOFF: _taking("took"),
        EventKind.CHARGEBACK: EventWords.chargeback,
        EventKind.REFUND: EventWords.refund,
        EventKind.CHARGE_OFF: EventWords.charge_off,
        EventKind.WRITE_OFF: _taking("gave up"),
        EventKind.RECOVERY: _taking("brought in"),
    }
)
