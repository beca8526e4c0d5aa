"""The model itself: one loop over the days, each with what follows from time alone and then its events."""

from dataclasses import dataclass
from datetime import date, timedelta

from loans.core.charges import Collection, FeeTime
from loans.core.events import EventKind, RefundOf
from loans.core.terms import Component
from tests.core.reference import charges, payments, plan
from tests.core.reference.book import FEE, INTEREST, PENALTY, PRINCIPAL, Loan, zeros
from tests.core.reference.interest import accrue_day

# Section 7: of what comes before the disbursement only the status is left.
STATUSES = {
    EventKind.APPLIED: "pending",
    EventKind.APPROVED: "approved",
    EventKind.REJECTED: "rejected",
    EventKind.CANCELLED: "cancelled",
}
AFTER_WRITE_OFF = {EventKind.REPAYMENT, EventKind.PAYOFF, EventKind.REFUND, EventKind.RECOVERY}
CHARGED_BACK_IN_ORDER = (PRINCIPAL, INTEREST, FEE, PENALTY)


class Refused(Exception):
    """Section 7: money that has moved is refused where there is less, and what follows nothing that it needs."""


@dataclass(frozen=True)
class RowSeen:
    """One row as it stands: due, paid, waived and lost by component."""

    number: int
    kind: str
    start: date
    due: date
    asked: dict
    paid: dict
    waived: dict
    lost: dict
    settled_on: date | None

    def unpaid(self, component):
        return self.asked[component] - self.paid[component] - self.waived[component] - self.lost[component]


@dataclass(frozen=True)
class Seen:
    """The loan on a date."""

    status: str
    rows: tuple
    credit: int
    payoff: int
    per_diem: int
    days_past_due: int
    disbursed: int
    # Added fees and what was charged back are principal too.
    principal_lent: int
    refunded: int
    recovered: int
    # Event id -> {row number: {component: amount}}
    applied: dict

    def outstanding(self, component):
        return sum(row.unpaid(component) for row in self.rows)


def observe(terms, events, *, as_of):
    """Compute the loan from its terms and events, day by day up to a date."""
    loan = Loan(terms=terms, rates=[(date.min, terms.annual_rate)])
    loan.pauses = [(pause.from_date, pause.until) for pause in terms.pauses]
    told = [event for event in in_order(events) if event.date <= as_of]
    paid_out_on = [event.date for event in told if event.kind is EventKind.DISBURSED]
    before = [event for event in told if not paid_out_on or event.date < paid_out_on[0]]
    for event in before:
        apply(loan, event, event.date)
    if paid_out_on:
        walk(loan, told[len(before) :], first=paid_out_on[0], last=as_of)
    return look(loan, as_of)


def in_order(events):
    """Section 7: by date, kind, larger amount and id, without what was reversed."""
    gone = {event.reverses for event in events if event.kind is EventKind.REVERSAL}
    kinds = list(EventKind)
    counting = [each for each in events if each.kind is not EventKind.REVERSAL and each.id not in gone]
    return sorted(
        counting, key=lambda each: (each.date, kinds.index(each.kind), -(each.amount or 0), each.id)
    )


def walk(loan, events, *, first, last):
    for day in (first + timedelta(days=number) for number in range((last - first).days + 1)):
        begin_day(loan, day)
        for event in events:
            if event.date == day:
                plan_as_of(loan, day)
                apply(loan, event, day)
                note_settled(loan, day)
        if day < last:
            if loan.status != "defaulted":
                accrue_day(loan, day)
        else:
            plan_as_of(loan, day)


def plan_as_of(loan, day):
    """Section 5: in daily mode the plan of the rows to come follows what is really outstanding."""
    if loan.is_daily and loan.status != "defaulted":
        plan.lay_out(loan, day)


def begin_day(loan, day):
    """Section 7: a period that ends, a date's fee, a late fee."""
    for row in loan.rows_to_come():
        if min(row.end, row.due) <= day:
            plan_as_of(loan, day)
            row.fixed = True
    if loan.status != "disbursed" or not loan.rows:
        return
    for number, fee in enumerate(loan.terms.fees):
        if fee.charged is FeeTime.DATED and fee.date == day and number not in loan.dated_fees_charged:
            loan.dated_fees_charged.add(number)
            charges.charge(loan, FEE, fee.amount or loan.round(fee.percent / 100 * loan.lent), day)
    if loan.terms.late_fee is not None:
        charges.charge_late_fees(loan, day)
    update_status(loan)


def apply(loan, event, day):
    """Section 7: what each event does."""
    if event.kind in STATUSES:
        loan.status = STATUSES[event.kind]
        return
    if loan.status != "defaulted" or event.kind in AFTER_WRITE_OFF:
        EFFECTS[event.kind](loan, event, day)
        update_status(loan)


def update_status(loan):
    """Section 11."""
    if loan.status in {"disbursed", "repaid"}:
        loan.status = "repaid" if loan.is_repaid() else "disbursed"
        loan.ended = loan.ended or loan.status == "repaid"
        if loan.status == "repaid":
            # The plan ends: nothing is planned anew any more.
            plan.drop_emptied(loan)
            for row in loan.rows:
                row.fixed = True


def disburse(loan, event, day):
    added = 0
    for fee in loan.terms.fees:
        if fee.charged is not FeeTime.UPFRONT or (fee.amount and loan.disbursements):
            continue
        amount = fee.amount or loan.round(fee.percent / 100 * event.amount)
        if fee.collection is Collection.ADDED:
            added += amount
        else:
            loan.upfront_fees_deducted += amount
    loan.disbursed += event.amount
    loan.lent += event.amount + added
    loan.disbursements += 1
    if loan.disbursements > 1:
        plan.plan_rows(loan, day)
        return
    plan.first_schedule(loan, event)
    plan.plan_rows(loan, day)
    loan.status = "disbursed"


def change_rate(loan, event, day):
    loan.rates.append((day, event.annual_rate))
    plan.plan_rows(loan, day)


def pause_interest(loan, event, day):
    loan.pauses.append((day, event.until))
    plan.plan_rows(loan, day)


def reschedule(loan, event, day):
    if loan.status == "disbursed":
        plan.replace_rows(loan, event, today=day)


def re_age(loan, event, day):
    """Section 7: rows due by now are taken along; what they ask for besides principal is due with the first new row."""
    if loan.status != "disbursed":
        return
    moved = zeros()
    for row in [row for row in loan.rows if row.due <= day]:
        for component in Component:
            unpaid = loan.unpaid(row, component)
            row.taken_away[component] += unpaid
            row.charged_open[component] = 0
            moved[component] += unpaid
    plan.replace_rows(loan, event, today=day, moved=moved | {PRINCIPAL: 0})


def charge_fee(loan, event, day):
    charges.charge(loan, FEE, event.amount, day)
    use_credit(loan, event, day)


def charge_late_fee(loan, event, day):
    """Section 6: a late fee by hand is a penalty of the oldest overdue row, or of the next row due."""
    overdue = [row for row in loan.rows if row.due < day and loan.unpaid_in_all(row)]
    charges.add_charge(overdue[0] if overdue else charges.row_due_from(loan, day), PENALTY, event.amount)
    use_credit(loan, event, day)


def waive_fees(loan, event, day):
    left = event.amount
    for component in (PENALTY, FEE) if event.component is None else (event.component,):
        for row in loan.rows:
            if event.installment in {None, row.number}:
                left = waive(row, component, payments.charged_unpaid(loan, row, component, day), left)


def waive_interest(loan, event, day):
    """Section 7: due or accrued; in scheduled mode planned interest too, when an amount is given."""
    left = event.amount
    for row in loan.rows:
        is_planned_too = event.amount is not None and not loan.saves
        if row.due <= day or row.fixed or is_planned_too:
            most = loan.unpaid(row, INTEREST)
        else:
            most = payments.interest_now(loan, row, day)
        left = waive(row, INTEREST, most, left)


def waive(row, component, most, left):
    """Waive a part of a row, of an amount or (None) all there is; give what is left of the amount."""
    amount = most if left is None else min(most, left)
    if amount > 0:
        payments.settle_part(None, row, component, amount, how="waived")
    return left if left is None else left - max(amount, 0)


def receive_goodwill(loan, event, day):
    # Section 7: what leaves more than there is takes what there is.
    payments.receive(loan, event.id, amount=event.amount, today=day, may_settle=loan.saves)


def receive_repayment(loan, event, day):
    """Sections 8 and 9; after a write-off it is a recovery."""
    if loan.status == "defaulted":
        recover(loan, event, day)
        return
    may_settle = loan.saves or event.kind is EventKind.PAYOFF
    rest = payments.receive(loan, event.id, amount=event.amount, today=day, may_settle=may_settle)
    loan.credit += rest
    loan.credited[event.id] = rest


def charge_back(loan, event, day):
    """Section 7: what a repayment had paid is owed again, principal first."""
    if event.repayment not in loan.credited:
        raise Refused("not a repayment that counts")
    paid = zeros()
    for part in loan.applied[event.repayment].values():
        for component in Component:
            paid[component] += part[component]
    taken, credit_taken = loan.taken_back.setdefault(event.repayment, (zeros(), [0]))
    credit_left = loan.credited[event.repayment] - credit_taken[0]
    there = sum(paid.values()) - sum(taken.values()) + credit_left
    wanted = there if event.amount is None else event.amount
    if wanted > there:
        raise Refused("more than there is")
    of_credit = min(wanted, credit_left)
    credit_taken[0] += of_credit
    left = wanted - of_credit
    # Credit that is not there any more is owed as principal.
    charges.charge(loan, PRINCIPAL, of_credit - min(of_credit, loan.credit), day)
    loan.credit -= min(of_credit, loan.credit)
    for component in CHARGED_BACK_IN_ORDER:
        amount = min(left, paid[component] - taken[component])
        taken[component] += amount
        left -= amount
        charges.charge(loan, component, amount, day)
    use_credit(loan, event, day)


def use_credit(loan, event, day):
    """Section 8: a credit balance pays what it can of what a fee, a late fee or a chargeback asks for."""
    if loan.credit:
        plan_as_of(loan, day)
        loan.credit = payments.receive(loan, event.id, amount=loan.credit, today=day, may_settle=loan.saves)


def refund(loan, event, day):
    """Section 7: the credit balance, or fees and penalties paid and not charged back, with those of a disbursement."""
    if event.of is RefundOf.OVERPAYMENT:
        there = loan.credit
        loan.credit -= event.amount
    else:
        there = sum(row.paid[FEE] + row.paid[PENALTY] for row in loan.rows)
        there += loan.upfront_fees_deducted + loan.lent - loan.disbursed - loan.refunded_fees
        there -= sum(taken[FEE] + taken[PENALTY] for taken, _ in loan.taken_back.values())
        loan.refunded_fees += event.amount
    if event.amount > there:
        raise Refused("more than there is")
    loan.refunded += event.amount


def charge_off(loan, event, day):
    """Section 7: the borrower owes what he owed."""
    if loan.charged_off:
        raise Refused("charged off already")
    loan.charged_off = True


def write_off(loan, event, day):
    """Section 7: all that is unpaid is given up; interest of time to come is not asked for."""
    for row in loan.rows:
        for component in Component:
            amount = payments.payoff_part(loan, row, component, day)
            if amount:
                payments.settle_part(loan, row, component, amount, how="lost")
    payments.close(loan, day)
    loan.status = "defaulted"


def recover(loan, event, day):
    if loan.status != "defaulted":
        raise Refused("not written off")
    loan.recovered += event.amount


EFFECTS = {
    EventKind.DISBURSED: disburse,
    EventKind.RATE_CHANGE: change_rate,
    EventKind.INTEREST_PAUSE: pause_interest,
    EventKind.RESCHEDULE: reschedule,
    EventKind.RE_AGE: re_age,
    EventKind.FEE: charge_fee,
    EventKind.LATE_FEE: charge_late_fee,
    EventKind.FEE_WAIVER: waive_fees,
    EventKind.INTEREST_WAIVER: waive_interest,
    EventKind.GOODWILL_CREDIT: receive_goodwill,
    EventKind.REPAYMENT: receive_repayment,
    EventKind.PAYOFF: receive_repayment,
    EventKind.CHARGEBACK: charge_back,
    EventKind.REFUND: refund,
    EventKind.CHARGE_OFF: charge_off,
    EventKind.WRITE_OFF: write_off,
    EventKind.RECOVERY: recover,
}


def note_settled(loan, day):
    for row in loan.rows:
        if loan.unpaid_in_all(row):
            row.settled_on = None
        elif row.settled_on is None:
            row.settled_on = day


def days_past_due(loan, today):
    """Section 10: from the due date of the oldest row that asks for anything."""
    overdue = [row.due for row in loan.rows if row.due < today and loan.unpaid_in_all(row)]
    return (today - min(overdue)).days if overdue else 0


def look(loan, today):
    last = max(
        (row.number for row in loan.rows if any(loan.asked(row, each) for each in Component)), default=1
    )
    rows = tuple(
        RowSeen(
            number=row.number,
            kind=row.kind,
            start=row.start,
            due=row.due,
            asked={component: loan.asked(row, component) for component in Component},
            **{part: dict(getattr(row, part)) for part in ("paid", "waived", "lost")},
            settled_on=row.settled_on,
        )
        for row in loan.rows
        if row.number <= last
    )
    return Seen(
        status=loan.status,
        rows=rows,
        credit=loan.credit,
        payoff=payments.payoff_amount(loan, today),
        per_diem=payments.per_diem(loan, today) if loan.rows else 0,
        days_past_due=days_past_due(loan, today),
        disbursed=loan.disbursed,
        principal_lent=loan.lent + sum(row.charged[PRINCIPAL] for row in loan.rows),
        refunded=loan.refunded,
        recovered=loan.recovered,
        applied=loan.applied,
    )
