"""Sections 2 and 4 of the rules: the dates of the rows, and how principal and interest are spread over them."""

from fractions import Fraction
from types import MappingProxyType

from loans.core import business_days, dates, daycount
from loans.core.business_days import Holidays
from loans.core.charges import FeeBase, FeeTime
from loans.core.dates import PeriodUnit
from loans.core.daycount import DayCount
from loans.core.terms import Component, Grace, Method
from tests.core.reference.book import DOWN_PAYMENT, FEE, INSTALLMENT, INTEREST, PRINCIPAL, Period, Row
from tests.core.reference.interest import accrued_to_plan, interest_factor

# Section 2: without a calendar, Saturday and Sunday.
SATURDAY_AND_SUNDAY = Holidays(weekend=frozenset({5, 6}), days=frozenset())
# A reschedule takes as many rows as its amount needs, up to the limit of section 2.
ROWS_MAX = 600
DATES_AHEAD = 100


def due_on(loan, day):
    holidays = loan.terms.holidays or SATURDAY_AND_SUNDAY
    return business_days.adjust(day, convention=loan.terms.convention, holidays=holidays)


def part_of_period(loan, start, end, *, is_first):
    """Section 3, EQUAL_PERIODS: a whole period by its unit; an irregular first one counted back from its end."""
    if loan.terms.day_count is not DayCount.EQUAL_PERIODS:
        return None
    frequency = loan.terms.frequency
    if not is_first:
        return Fraction(*daycount.equal_period(frequency))
    anchor = None
    if frequency.unit not in {PeriodUnit.DAY, PeriodUnit.WEEK}:
        anchor = loan.due_day or (loan.first_due_date or loan.counted_from).day
    return Fraction(*daycount.equal_periods(frequency, from_date=start, to_date=end, due_day=anchor))


def make_rows(loan, *, start, count, grace, is_first):
    """Lay out the dates of `count` periods from `start`: rows without amounts."""
    before = loan.periods_before
    ends = dates.due_dates(
        loan.counted_from,
        frequency=loan.terms.frequency,
        count=before + count,
        first_due_date=loan.first_due_date,
        due_day=loan.due_day,
    )[before:]
    # Section 3: the parts of a year are those of the periods as they are before a convention moves a due date.
    begins = start if is_first or not loan.periods else max(start, loan.periods[-1].end)
    spans = list(zip([begins, *ends[:-1]], ends, range(before + 1, before + count + 1), strict=True))
    if loan.terms.method is Method.BULLET:
        # Section 4: one row and one period, up to the last due date.
        spans = [(begins, ends[-1], before + count)]
        is_first = True
    number = max((row.number for row in loan.rows), default=0)
    for place, (begin, end, from_anchor) in enumerate(spans):
        part = part_of_period(loan, begin, end, is_first=is_first and place == 0)
        loan.periods.append(Period(start=begin, end=end, part=part, number=from_anchor))
        due = due_on(loan, end)
        row = Row(number=number + 1 + place, kind=INSTALLMENT, start=start, end=min(end, due), due=due)
        row.planned_on = start
        row.principal_grace, row.interest_grace = place < grace.principal, place < grace.interest
        loan.rows.append(row)
        # Section 2: only a due date moved before the end of its period ends the row's days early.
        start = row.end
    if grace.interest_free:
        free = loan.periods[-len(spans) :][: grace.interest_free]
        loan.pauses.append((free[0].start, free[-1].end))


def first_schedule(loan, event):
    """Sections 2 and 4: what the first disbursement lays out."""
    terms = loan.terms
    loan.counted_from = terms.start_date or event.date
    loan.first_due_date, loan.due_day = terms.first_due_date, terms.due_day
    down = terms.down_payment.amount or loan.round(terms.down_payment.percent / 100 * event.amount)
    if terms.down_payment.is_asked:
        row = Row(number=1, kind=DOWN_PAYMENT, start=event.date, end=event.date, due=event.date, fixed=True)
        row.planned[PRINCIPAL] = down
        loan.rows.append(row)
    make_rows(loan, start=event.date, count=terms.installments, grace=terms.grace, is_first=True)


def plan_rows(loan, today, *, level=None, accrued=None):
    """Section 4, anew: what is paid stays, and the new installment comes on top.

    `accrued` is what had accrued in a replaced row that had begun; without it the first row knows it itself.
    """
    keep_what_is_paid(loan)
    loan.level = level
    lay_out(loan, today, accrued=accrued)


def drop_emptied(loan):
    """Section 4, anew: the rows after the current one that early money has emptied are gone."""
    rows = loan.rows_to_come()
    while (
        len(rows) > 1
        and rows[-1] is loan.rows[-1]
        and not any(loan.asked(rows[-1], each) for each in Component)
    ):
        loan.rows.remove(rows.pop())
        loan.rows_gone += 1
        rows[-1].interest_grace = False


def keep_what_is_paid(loan, components=(PRINCIPAL, INTEREST)):
    for row in loan.rows_to_come():
        for component in components:
            row.stays[component] = row.settled_of_plan(component)
            row.planned[component] = 0


def balance_to_plan(loan):
    """Section 4: the principal that no earlier row asks for and that has not been paid."""
    asked_before = sum(
        loan.asked(row, PRINCIPAL) - row.charged[PRINCIPAL]
        for row in loan.rows
        if row not in loan.rows_to_come()
    )
    return loan.lent - asked_before - sum(row.stays[PRINCIPAL] for row in loan.rows_to_come())


def lay_out(loan, today, *, accrued=None):
    """Spread the balance over the rows to come, by the table of section 4."""
    rows = loan.rows_to_come()
    if not rows:
        return
    balance = balance_to_plan(loan)
    factors = [factor_left(loan, row, today) for row in rows]
    first = rows[0]
    carried = accrued_to_plan(loan, first, today) if accrued is None else accrued
    if not first.interest_grace and not loan.is_flat:
        carried -= max(0, first.settled_of_plan(INTEREST) - put_off_before(loan, first))
    if loan.level is None:
        loan.level = find_level(loan, rows, balance, factors, carried)
    if loan.is_flat:
        lay_out_flat(loan, rows, factors, carried, today)
    else:
        lay_out_by_balance(loan, rows, balance, factors)
    for row in rows:
        plan_fees(loan, row)


def factor_left(loan, row, today):
    """Section 4: the row's factor; of a row that has begun, what is left of it."""
    begins = row.start
    if row.start < today or (loan.is_daily and row is loan.rows_to_come()[0]):
        begins = today
    return interest_factor(loan, begins, row.end)


def find_level(loan, rows, balance, factors, carried):
    """Section 4: the level installment, or the equal share of principal, rounded once."""
    terms = loan.terms
    in_grace = sum(row.principal_grace for row in rows)
    if terms.method is Method.EQUAL_INSTALLMENTS:
        later = factors[in_grace:]
        owed = Fraction(balance)
        for factor in later:
            owed *= 1 + factor
        brought = carried if in_grace == 0 else Fraction(0)
        divisor = Fraction(1)
        for factor in later[1:]:
            brought *= 1 + factor
            divisor = 1 + divisor * (1 + factor)
        value = (owed + brought - terms.balloon) / divisor
    elif terms.method in {Method.EQUAL_PRINCIPAL, Method.FLAT}:
        value = Fraction(balance - terms.balloon, len(rows) - in_grace)
    else:
        return 0
    multiple = terms.installment_multiple
    if multiple == 1:
        return loan.round(value)
    return max(1, loan.round(value / multiple)) * multiple


def paid_since_planned(row):
    return row.settled_of_plan(PRINCIPAL) - row.stays[PRINCIPAL]


def limit_principal(loan, row, rows, wanted, left):
    """Section 4: every row but the last takes at least 0 and at most b - B; the last takes all that is left.

    What later rows have received ahead of time stays with them.
    """
    if row is rows[-1]:
        return left
    later = sum(paid_since_planned(each) for each in rows[rows.index(row) + 1 :])
    return max(paid_since_planned(row), min(wanted, left - loan.terms.balloon - later))


def lay_out_by_balance(loan, rows, balance, factors):
    """All methods but flat: interest is balance x f."""
    # New rows ask for nothing yet: what is to be planned stands in for it.
    outstanding = loan.principal_outstanding() - sum(row.planned[PRINCIPAL] for row in rows) + balance
    left = balance
    # Section 5: as though all that is overdue, or due and unpaid, were paid at the next due date.
    later = outstanding - sum(loan.unpaid(row, PRINCIPAL) for row in loan.rows if row not in rows)
    for number, (row, factor) in enumerate(zip(rows, factors, strict=True)):
        row.balance = left
        base = left
        if loan.is_daily:
            base = outstanding if number == 0 else later
        row.exact = row.accrued + base * factor
        put_off = 0 if row.interest_grace else put_off_before(loan, row)
        own = loan.round(row.exact)
        wanted = principal_wanted(loan, row, max(0, own - max(0, row.stays[INTEREST] - put_off)))
        row.planned[PRINCIPAL] = limit_principal(loan, row, rows, wanted, left)
        whole = 0 if row.interest_grace else put_off + own
        row.planned[INTEREST] = max(whole, row.settled_of_plan(INTEREST)) - row.stays[INTEREST]
        left -= row.planned[PRINCIPAL]
        if loan.is_daily:
            later -= loan.unpaid(row, PRINCIPAL)


def principal_wanted(loan, row, new_interest):
    """The column `principal of a row` of section 4; for a bullet the last row is the only one."""
    method = loan.terms.method
    if row.principal_grace or method in {Method.INTEREST_ONLY, Method.BULLET}:
        return 0
    if method is Method.EQUAL_INSTALLMENTS:
        return loan.level - new_interest
    return loan.level


def put_off_before(loan, row):
    """Section 4, grace: what the rows in interest grace right before this one put off, each rounded."""
    rows = loan.installments()
    total = 0
    for earlier in reversed(rows[: rows.index(row)]):
        if not earlier.interest_grace:
            break
        total += loan.round(earlier.exact)
    return total


def lay_out_flat(loan, rows, factors, carried, today):
    """Section 4, flat: one share of interest each, the last row takes what rounding left."""
    down = sum(row.planned[PRINCIPAL] for row in loan.rows if row.kind == DOWN_PAYMENT)
    lent = loan.lent - down if balance_to_plan(loan) else 0
    total = max(Fraction(0), lent * sum(factors) + carried)
    share = loan.round(total / len(rows))
    left, interest_left = balance_to_plan(loan), loan.round(total)
    rows[0].accrued_then = carried
    for row in rows:
        row.planned_on = max(row.start, today)
        wanted = 0 if row.principal_grace else loan.level
        row.planned[PRINCIPAL] = limit_principal(loan, row, rows, wanted, left)
        left -= row.planned[PRINCIPAL]
        own = interest_left if row is rows[-1] else min(share, interest_left)
        interest_left -= own
        put_off = put_off_before(loan, row)
        whole = max(0 if row.interest_grace else put_off + own, row.settled_of_plan(INTEREST))
        row.planned[INTEREST] = whole - row.stays[INTEREST]
        row.exact = Fraction(own if row.interest_grace else whole - put_off)


def plan_fees(loan, row):
    """Section 6, per_installment: with each installment that asks for anything, planned with it."""
    principal = row.stays[PRINCIPAL] + row.planned[PRINCIPAL]
    interest = row.stays[INTEREST] + row.planned[INTEREST]
    bases = {
        FeeBase.PRINCIPAL: loan.lent,
        FeeBase.INTEREST: interest,
        FeeBase.INSTALLMENT: principal + interest,
    }
    total = 0
    if principal + interest > 0 and not row.fees_dropped:
        for fee in loan.terms.fees:
            if fee.charged is FeeTime.PER_INSTALLMENT:
                total += fee.amount or loan.round(fee.percent / 100 * bases[fee.of])
    row.planned[FEE] = max(total, row.settled_of_plan(FEE))


def replace_rows(loan, event, *, today, moved=MappingProxyType({})):
    """Section 7, reschedule: new rows in place of those not yet due. What was in the old ones goes to the first."""
    old = loan.rows_to_come()
    gone, loan.rows_gone = loan.rows_gone, 0
    places = len(old) + gone
    kept = [row for row in loan.rows if row not in old]
    start = old[0].start if old else today
    accrued = accrued_to_plan(loan, old[0], today) if old else None
    # A row settled early leaves its period behind: those of the rows to be replaced are the last ones.
    replaced = loan.periods[len(loan.periods) - places :]
    loan.periods = loan.periods[: len(loan.periods) - places]
    is_first = event.first_due_date is not None
    count, before = len(old), replaced[0].number - 1 if old else 0
    if loan.terms.method is Method.BULLET and old:
        # The periods up to the payment.
        before = dates_passed(loan, today)
        count = replaced[0].number - before
    if is_first:
        loan.counted_from, loan.first_due_date, loan.periods_before = start, event.first_due_date, 0
        loan.due_day = None
    elif old:
        loan.periods_before = before
        is_first = before == 0
    elif loan.periods:
        loan.periods_before = max(loan.periods[-1].number, dates_passed(loan, today))
        is_first = True
    grace = event.grace or grace_left(old)
    periods_kept, pauses_kept = list(loan.periods), list(loan.pauses)
    # Of rows for an amount one at least is not in grace.
    least = 1 + max(grace.principal, grace.interest)
    count = event.installments or (least if event.installment_amount else max(1, count))
    while True:
        loan.rows, loan.periods, loan.pauses = list(kept), list(periods_kept), list(pauses_kept)
        make_rows(loan, start=start, count=count, grace=grace, is_first=is_first)
        carry_over(old, loan.rows[len(kept) :], moved)
        plan_rows(loan, today, level=event.installment_amount, accrued=accrued)
        last = loan.rows[-1]
        amount = last.planned[PRINCIPAL] + last.planned[INTEREST] - loan.terms.balloon
        if event.installments or not event.installment_amount or amount <= event.installment_amount:
            return
        # With an amount and no number, as many as it takes.
        count += 1
        if count > ROWS_MAX:
            raise AssertionError(f"{event.installment_amount} never pays the loan off")


def dates_passed(loan, today):
    """How many of the dates counted from the same start there have been up to today."""
    dates_on = dates.due_dates(
        loan.counted_from,
        frequency=loan.terms.frequency,
        count=loan.periods[-1].number + DATES_AHEAD if loan.periods else DATES_AHEAD,
        first_due_date=loan.first_due_date,
        due_day=loan.due_day,
    )
    return sum(day <= today for day in dates_on)


def carry_over(old, new, moved):
    """Give what was paid into replaced rows, and charged to them, to the first new row, then what a re-age moves.

    Interest goes to the first one that is not in grace.
    """
    heirs = dict.fromkeys(Component, new[0]) | {
        INTEREST: next(row for row in new if not row.interest_grace),
    }
    for row in old:
        new[0].accrued += row.accrued
        new[0].fees_dropped = new[0].fees_dropped or row.fees_dropped
        for part in ("paid", "waived", "charged", "charged_open"):
            for component, amount in getattr(row, part).items():
                getattr(heirs[component], part)[component] += amount
    for component, amount in moved.items():
        heir = heirs[component]
        # Interest paid ahead stays with what it was paid for; of fees all that was paid counts.
        known = 0 if component is INTEREST else heir.settled_of_plan(component)
        heir.charged_open[component] += max(0, amount - known)
        heir.charged[component] += amount


def grace_left(rows):
    """What is left of the grace when nothing else is said; interest-free days stay where they were in time."""
    return Grace(
        principal=sum(row.principal_grace for row in rows), interest=sum(row.interest_grace for row in rows)
    )
