"""Section 6 of the rules: what is charged beside the plan, and with which row it falls due."""

from datetime import timedelta

from tests.core.reference.book import DOWN_PAYMENT, EXTRA, FEE, INTEREST, PENALTY, PRINCIPAL, Row


def charge_late_fees(loan, day):
    """Section 6, late fee: at the start of the day grace_days + 1 days after the due date, once for each row."""
    policy = loan.terms.late_fee
    for row in loan.rows:
        asked = sum(loan.unpaid(row, component) for component in (PRINCIPAL, INTEREST, FEE))
        if row.due + timedelta(days=policy.grace_days + 1) != day or asked == 0 or row.late_fee_charged:
            continue
        row.late_fee_charged = True
        amount = policy.amount or loan.round(policy.percent / 100 * asked)
        add_charge(row, PENALTY, amount if policy.cap is None else min(amount, policy.cap))


def add_charge(row, component, amount):
    row.charged[component] += amount
    row.charged_open[component] += amount


def row_due_from(loan, day):
    """Section 6, a manual fee: the first installment due on or after its date, else a row of its own."""
    for row in loan.rows:
        if row.due >= day and row.kind != DOWN_PAYMENT:
            return row
    start = max(row.due for row in loan.rows)
    row = Row(number=len(loan.rows) + 1, kind=EXTRA, start=start, end=day, due=day, fixed=True)
    loan.rows.append(row)
    return row


def charge(loan, component, amount, day):
    if amount:
        add_charge(row_due_from(loan, day), component, amount)
