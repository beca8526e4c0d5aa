"""Sections 8 and 9 of the rules: where money goes, and what closes a loan."""

from fractions import Fraction
from itertools import groupby

from loans.core.terms import Across, Component, EarlyPayment, Method, Timing
from tests.core.reference import plan
from tests.core.reference.book import FEE, INTEREST, PENALTY, PRINCIPAL
from tests.core.reference.interest import (
    accrued_by_itself,
    accrued_unpaid,
    deferred,
    interest_of_day,
    penalty_of_day,
)

SAVING = (EarlyPayment.SHORTER_TERM, EarlyPayment.LOWER_INSTALLMENT)


def settle_part(loan, row, component, amount, *, how="paid"):
    """Pay, waive or give up a part of a row; what was charged to it goes first."""
    getattr(row, how)[component] += amount
    row.charged_open[component] -= min(amount, row.charged_open[component])


class Payment:
    """One sum of money on its way into the rows."""

    def __init__(self, loan, event_id, amount):
        self.loan = loan
        self.left = amount
        self.parts = loan.applied.setdefault(event_id, {})

    def pay(self, row, component, most):
        amount = min(self.left, most)
        if amount <= 0:
            return 0
        settle_part(self.loan, row, component, amount)
        self.left -= amount
        part = self.parts.setdefault(row.number, dict.fromkeys(Component, 0))
        part[component] += amount
        return amount


def receive(loan, event_id, *, amount, today, may_settle):
    """Allocate money; give what is left when all is paid.

    Section 9: a payoff, and where early money saves interest a repayment too, settles the loan if it is enough.
    """
    payment = Payment(loan, event_id, amount)
    if may_settle and amount >= payoff_amount(loan, today):
        settle(loan, payment, today)
    else:
        allocate(loan, payment, today)
    return payment.left


def timing_of(row, today):
    if row.due < today:
        return Timing.PAST_DUE
    return Timing.DUE if row.due == today else Timing.IN_ADVANCE


def allocate(loan, payment, today):
    """Section 8: bucket after bucket; buckets of one timing in a row are taken together."""
    for timing, run in groupby(loan.terms.allocation, key=lambda bucket: bucket[0]):
        components = [component for _, component in run]
        rows = [row for row in loan.rows if timing_of(row, today) is timing]
        if timing is Timing.IN_ADVANCE and loan.is_daily and payment.left:
            # What is due has been paid, and so less interest will accrue.
            plan.lay_out(loan, today)
        if timing is not Timing.IN_ADVANCE:
            pay_across(loan, payment, rows, components, loan.unpaid)
        elif loan.terms.early_payment in SAVING:
            pay_early_saving(loan, payment, rows, components, today)
        elif loan.is_daily:
            pay_early_daily(loan, payment, rows, components, today)
        else:
            pay_across(loan, payment, in_turn(loan, rows), components, loan.unpaid)
    if payment.left and loan.saves:
        # Nothing else is left to take it: fees and penalties charged to rows to come.
        order = [part for timing, part in loan.terms.allocation if timing is Timing.IN_ADVANCE]
        for row in loan.rows:
            for component in order:
                if component in {PENALTY, FEE}:
                    payment.pay(row, component, charged_unpaid(loan, row, component, today))


def charged_unpaid(loan, row, component, today):
    """What is unpaid of the fees and penalties charged already; a fee per installment is when its row falls due."""
    if component is FEE and row.due > today:
        return max(0, row.charged[FEE] - row.settled(FEE))
    return loan.unpaid(row, component)


def in_turn(loan, rows):
    return rows[::-1] if loan.terms.early_payment is EarlyPayment.LAST_INSTALLMENT else rows


def pay_across(loan, payment, rows, components, unpaid):
    """Section 8: row after row and inside a row the components in order, or the other way round."""
    if loan.terms.across is Across.HORIZONTAL:
        pairs = [(row, component) for row in rows for component in components]
    else:
        pairs = [(row, component) for component in components for row in rows]
    for row, component in pairs:
        payment.pay(row, component, unpaid(row, component))


def pay_early_saving(loan, payment, rows, components, today):
    """Section 8, shorter_term and lower_installment: accrued interest, and principal of the current row."""
    before = payment.left
    for component in components:
        if component is INTEREST:
            for row in rows:
                payment.pay(row, INTEREST, interest_now(loan, row, today))
        elif component is PRINCIPAL:
            pay_current_principal(loan, payment, rows)
    if payment.left == before:
        return
    if loan.terms.early_payment is EarlyPayment.LOWER_INSTALLMENT:
        plan.plan_rows(loan, today)
    else:
        # The installment stays: early principal comes on top of it, early interest is a part of it.
        plan.keep_what_is_paid(loan, [PRINCIPAL])
        plan.lay_out(loan, today)
    if loan.is_daily:
        # Daily interest accrues on what is outstanding, which the plan just made has changed.
        plan.lay_out(loan, today)
    plan.drop_emptied(loan)


def pay_current_principal(loan, payment, rows):
    """All principal to come may be paid in the current row; a row whose period is over keeps its own."""
    to_come = loan.rows_to_come()
    if to_come:
        current = to_come[0]
        planned = sum(loan.unpaid(row, PRINCIPAL) for row in to_come)
        others = sum(row.charged_open[PRINCIPAL] for row in to_come if row is not current)
        payment.pay(current, PRINCIPAL, planned - others)
    for row in rows:
        if row.fixed:
            payment.pay(row, PRINCIPAL, loan.unpaid(row, PRINCIPAL))


def interest_now(loan, row, today):
    """What early money may pay of a row's interest: what has accrued, and what was charged to it."""
    if row.fixed:
        return loan.unpaid(row, INTEREST)
    return accrued_unpaid(loan, row, today) + row.charged_open[INTEREST]


def pay_early_daily(loan, payment, rows, components, today):
    """Section 5: early money pays of interest only what has accrued."""
    for row, component in daily_turns(loan, rows, components):
        if component is INTEREST:
            payment.pay(row, INTEREST, interest_now(loan, row, today))
        elif component is PRINCIPAL:
            payment.pay(row, PRINCIPAL, principal_now(loan, row, today))
        settle_if_level_is_paid(loan, row, today)


def daily_turns(loan, rows, components):
    """Row after row; with last_installment what has accrued at the place of interest, principal from the last row."""
    is_vertical = loan.terms.across is Across.VERTICAL and not goes_by_installments(loan)
    if loan.terms.early_payment is EarlyPayment.LAST_INSTALLMENT or is_vertical:
        return [(row, component) for component in components for row in in_turn(loan, rows)]
    return [(row, component) for row in rows for component in components]


def goes_by_installments(loan):
    """Section 5: whole installments are settled one after the other, outside grace."""
    return (
        loan.terms.method is Method.EQUAL_INSTALLMENTS
        and loan.terms.early_payment is EarlyPayment.NEXT_INSTALLMENTS
        and not any(row.principal_grace or row.interest_grace for row in loan.rows_to_come()[:1])
    )


def counts_by_level(loan, row):
    """Whether a row is settled by what is paid of its level installment: not the last, which takes what is left."""
    return (
        loan.terms.method is Method.EQUAL_INSTALLMENTS
        and loan.terms.early_payment is EarlyPayment.NEXT_INSTALLMENTS
        and not row.fixed
        and row is not loan.rows_to_come()[-1]
        and not row.principal_grace
        and not row.interest_grace
    )


def level_left(loan, row):
    since = sum(row.settled_of_plan(part) - row.stays[part] for part in (PRINCIPAL, INTEREST))
    return loan.level - since


def principal_now(loan, row, today):
    """What early money may pay of a row's principal in daily mode: up to A less the interest accrued so far."""
    if not counts_by_level(loan, row):
        return loan.unpaid(row, PRINCIPAL)
    rows = loan.rows_to_come()
    ahead = sum(each.planned[PRINCIPAL] for each in rows[: rows.index(row)])
    paid_since = row.settled_of_plan(PRINCIPAL) - row.stays[PRINCIPAL]
    most = plan.balance_to_plan(loan) - ahead - loan.terms.balloon - paid_since
    wanted = level_left(loan, row) - accrued_unpaid(loan, row, today)
    return row.charged_open[PRINCIPAL] + max(0, min(wanted, most))


def settle_if_level_is_paid(loan, row, today):
    """Section 5: a row that early money pays up to A in full is settled with the interest accrued so far."""
    if not counts_by_level(loan, row) or row is not loan.rows_to_come()[0]:
        return
    if level_left(loan, row) > 0 or accrued_unpaid(loan, row, today) > 0:
        return
    for component in (PRINCIPAL, INTEREST):
        row.planned[component] = row.settled_of_plan(component) - row.stays[component]
    plan.plan_fees(loan, row)
    row.fixed = True
    loan.rows_to_come()[0].start = today
    plan.lay_out(loan, today)


def payoff_amount(loan, today):
    """Section 9: what closes the loan on a date."""
    return sum(sum(payoff_part(loan, row, component, today) for component in Component) for row in loan.rows)


def payoff_part(loan, row, component, today):
    if component is INTEREST and row.due > today:
        return interest_now(loan, row, today)
    if component is FEE:
        return charged_unpaid(loan, row, FEE, today)
    return loan.unpaid(row, component)


def settle(loan, payment, today):
    """Pay the payoff amount, each row's principal where the plan has it; nothing else is asked for any more."""
    for row in loan.rows:
        for component in Component:
            payment.pay(row, component, payoff_part(loan, row, component, today))
    close(loan, today)


def close(loan, today):
    """Section 9: interest of time to come is not asked for, nor are fees of installments to come."""
    for row in loan.rows:
        if row.due > today:
            row.fees_dropped = True
            # What was paid of them in advance counts for the fees that were charged.
            row.planned[FEE] = max(0, row.settled(FEE) + row.taken_away[FEE] - row.charged[FEE])
    for row in loan.rows_to_come():
        for component in (PRINCIPAL, INTEREST):
            row.stays[component] = row.settled_of_plan(component)
            row.planned[component] = 0
        row.balance = 0
        row.exact = row.accrued_then if loan.is_flat else row.accrued


def per_diem(loan, today):
    """Section 9: what a day adds to the interest and the penalties, rounded; nothing when nothing is owed."""
    if loan.status != "disbursed":
        return 0
    row, interest = interest_of_day(loan, today)
    rows = [each for each in loan.rows_to_come() if not each.interest_grace]
    if row is not None:
        # Interest that was paid ahead lasts for a while; after the last due date it goes on in the last row.
        heir = rows[0] if rows else row
        exact = accrued_by_itself(loan, row, today)
        # Grace has put off what accrued before, each row rounded; of this one the exact figure counts.
        owed = deferred(loan, heir, today) + exact - (0 if row is heir else loan.round(exact))
        interest = max(Fraction(0), interest - max(0, heir.settled_of_plan(INTEREST) - owed))
    return loan.round(interest + sum(penalty_of_day(loan, row, today) for row in loan.rows))
