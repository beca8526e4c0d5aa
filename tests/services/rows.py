"""What is stored, read straight from the tables, so that a test does not ask the code it tests."""

import dataclasses
from collections import defaultdict

import sqlalchemy as sa

from loans.models.audit import AuditRecord
from loans.models.journal import JournalEntry, JournalLine
from loans.models.loan import Installment, Loan, LoanEvent
from loans.models.outbox import OutboxEvent

# What a loan has for its own, or what only counts and times the events that led to where it stands.
OWN = {"id", "external_id", "borrower_id", "product_id", "created_at"}
PASSAGE = {"event_count", "last_event_on", "updated_at"}


def schedule(session, loan):
    """Give each installment as (number, principal, interest, principal paid, interest paid, settled on)."""
    table = Installment.__table__
    names = ("number", "principal", "interest", "principal_paid", "interest_paid", "settled_on")
    query = sa.select(*(table.c[name] for name in names)).where(table.c.loan_id == loan.id)
    return [tuple(row) for row in session.execute(query.order_by(table.c.number))]


def components(session, loan, what=""):
    """Give each installment as (number, penalty, fee, interest, principal): due, or "_paid", "_written_off"."""
    table = Installment.__table__
    names = ("number", *(f"{name}{what}" for name in ("penalty", "fee", "interest", "principal")))
    query = sa.select(*(table.c[name] for name in names)).where(table.c.loan_id == loan.id)
    return [tuple(row) for row in session.execute(query.order_by(table.c.number))]


def whole_schedule(session, loan):
    """Give every column of each installment."""
    table = Installment.__table__
    query = sa.select(table).where(table.c.loan_id == loan.id).order_by(table.c.number)
    return [tuple(row)[1:] for row in session.execute(query)]


def snapshot(session, loan):
    """Give the row of a loan without what is its own or only counts and times events."""
    table = Loan.__table__
    row = session.execute(sa.select(table).where(table.c.id == loan.id)).mappings().one()
    return {name: value for name, value in row.items() if name not in OWN | PASSAGE}


def events(session, loan):
    """Give each event as (sequence, kind, effective date, amount)."""
    table = LoanEvent.__table__
    query = sa.select(table.c.sequence, table.c.kind, table.c.effective_date, table.c.amount)
    return [
        tuple(row)
        for row in session.execute(query.where(table.c.loan_id == loan.id).order_by(table.c.sequence))
    ]


def journal(session, loan):
    """Give the lines of each entry: {sequence: {account: debit or, negative, credit}}."""
    table = JournalLine.__table__
    entries = defaultdict(dict)
    query = sa.select(table.c.sequence, table.c.account, table.c.amount).where(table.c.loan_id == loan.id)
    for sequence, account, amount in session.execute(query.order_by(table.c.sequence)):
        entries[sequence][account] = amount
    return dict(entries)


def journal_sums(session, loan):
    """Give what the lines of a loan come to: {account: debits less credits}."""
    table = JournalLine.__table__
    query = sa.select(table.c.account, sa.func.sum(table.c.amount)).where(table.c.loan_id == loan.id)
    return {account: int(total) for account, total in session.execute(query.group_by(table.c.account))}


def entry_dates(session, loan):
    """Give the effective date and the day of posting of each entry."""
    table = JournalEntry.__table__
    query = sa.select(table.c.sequence, table.c.effective_date, table.c.posted_on)
    rows = session.execute(query.where(table.c.loan_id == loan.id).order_by(table.c.sequence))
    return {sequence: (effective, posted) for sequence, effective, posted in rows}


def outbox(session, subject):
    """Give the public events about a loan, borrower or product, oldest first, as (type, payload)."""
    table = OutboxEvent.__table__
    query = sa.select(table.c.type, table.c.payload).where(table.c.subject_id == subject.id)
    return [tuple(row) for row in session.execute(query.order_by(table.c.id))]


def audit(session, subject):
    """Give the audit trail of a loan, borrower or product, oldest first."""
    table = AuditRecord.__table__
    query = sa.select(table).where(table.c.subject_id == subject.id).order_by(table.c.id)
    return session.execute(query).all()


@dataclasses.dataclass(frozen=True)
class Standing:
    """Where a loan stands, whatever the way that led there."""

    snapshot: dict
    schedule: list
    journal_sums: dict


def standing(session, loan):
    """Give everything stored about a loan that its events, in any order of arrival, decide."""
    return Standing(
        snapshot=snapshot(session, loan),
        schedule=whole_schedule(session, loan),
        journal_sums=journal_sums(session, loan),
    )


def trail(session, loan):
    """Give everything about a loan that a command writes, to see that a refused one wrote nothing."""
    table = Loan.__table__
    return (
        session.execute(sa.select(table).where(table.c.id == loan.id)).one(),
        schedule(session, loan),
        events(session, loan),
        journal(session, loan),
        outbox(session, loan),
        audit(session, loan),
    )
