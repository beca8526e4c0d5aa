"""The general ledger: the only module that writes or reads the journal.

A loan's event posts at most one entry; its lines sum to zero, by construction here and by a deferred trigger in
the database. Nothing is ever changed: a correction is a further entry (ADR 0012).
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from loans import db
from loans.core.postings import Line
from loans.models.journal import JournalEntry, JournalLine, LedgerAccount

ENTRIES, LINES, ACCOUNTS = JournalEntry.__table__, JournalLine.__table__, LedgerAccount.__table__
HEADER = ("loan_id", "sequence", "effective_date", "posted_on", "recorded_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A balanced journal entry. Amounts in minor units; a debit is positive."""

    loan_id: uuid.UUID
    sequence: int
    effective_date: date
    posted_on: date
    recorded_at: datetime
    currency: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBalance:
    """What all lines of one account come to in one currency, in minor units."""

    account: str
    name: str
    kind: str
    currency: str
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        """Debits less credits."""
        return self.debit - self.credit


def post(entry: Entry) -> tuple[sa.Insert, ...]:
    """Give the statements that write one entry with its lines, or none if it has no lines.

    :raises AssertionError: if the lines do not sum to zero.
    """
    return post_all([entry])


def post_all(entries: Sequence[Entry]) -> tuple[sa.Insert, ...]:
    """Give the statements that write entries with their lines; one that has no lines is left out.

    :raises AssertionError: if the lines of one do not sum to zero.
    """
    for entry in entries:
        difference = sum(line.amount for line in entry.lines)
        if difference:
            raise AssertionError(f"{entry} does not balance by {difference}")
    posted = [entry for entry in entries if entry.lines]
    if not posted:
        return ()
    headers = [{name: getattr(entry, name) for name in HEADER} for entry in posted]
    lines = [
        {
            "loan_id": entry.loan_id,
            "sequence": entry.sequence,
            "line_number": number,
            "account": line.account,
            "currency": entry.currency,
            "amount": line.amount,
        }
        for entry in posted
        for number, line in enumerate(entry.lines, start=1)
    ]
    return db.insert_rows(ENTRIES, rows=headers), db.insert_rows(LINES, rows=lines)


def entries_of_loan(session: Session, *, loan_id: uuid.UUID, after: int, limit: int) -> tuple[Entry, ...]:
    """Give at most `limit` entries of a loan with a sequence above `after`, oldest first."""
    page = (
        sa.select(ENTRIES)
        .where(ENTRIES.c.loan_id == loan_id, ENTRIES.c.sequence > after)
        .order_by(ENTRIES.c.sequence)
        .limit(limit)
        .subquery()
    )
    rows = session.execute(
        sa.select(
            page,
            sa.func.min(LINES.c.currency).label("currency"),
            sa.func.json_agg(
                aggregate_order_by(
                    sa.func.json_build_array(LINES.c.account, LINES.c.amount), LINES.c.line_number
                )
            ).label("lines"),
        )
        .join(LINES, sa.and_(LINES.c.loan_id == page.c.loan_id, LINES.c.sequence == page.c.sequence))
        .group_by(*page.c)
        .order_by(page.c.sequence)
    ).mappings()
    return tuple(
        Entry(**{**row, "lines": tuple(Line(account, amount) for account, amount in row["lines"])})
        for row in rows
    )


def trial_balance(session: Session) -> tuple[AccountBalance, ...]:
    """Sum every account in every currency, by account and currency."""
    rows = session.execute(
        sa.select(
            LINES.c.account,
            ACCOUNTS.c.name,
            ACCOUNTS.c.kind,
            LINES.c.currency,
            sa.func.sum(sa.func.greatest(LINES.c.amount, 0)).label("debit"),
            sa.func.sum(sa.func.greatest(-LINES.c.amount, 0)).label("credit"),
        )
        .join(ACCOUNTS, ACCOUNTS.c.code == LINES.c.account)
        .group_by(LINES.c.account, ACCOUNTS.c.name, ACCOUNTS.c.kind, LINES.c.currency)
        .order_by(LINES.c.account, LINES.c.currency)
    )
    return tuple(
        AccountBalance(
            account=row.account,
            name=row.name,
            kind=row.kind,
            currency=row.currency,
            debit=int(row.debit),
            credit=int(row.credit),
        )
        for row in rows
    )


def balances_of_loans(
    session: Session, *, loan_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[tuple[str, str], int]]:
    """Sum the lines of each loan: {loan: {(account, currency): debits less credits}}, no zeros."""
    rows = session.execute(
        sa.select(
            LINES.c.loan_id, LINES.c.account, LINES.c.currency, sa.func.sum(LINES.c.amount).label("amount")
        )
        .where(LINES.c.loan_id.in_(loan_ids))
        .group_by(LINES.c.loan_id, LINES.c.account, LINES.c.currency)
    )
    balances: dict[uuid.UUID, dict[tuple[str, str], int]] = {}
    for row in rows:
        if row.amount:
            balances.setdefault(row.loan_id, {})[row.account, row.currency] = int(row.amount)
    return balances


def imbalances(session: Session) -> dict[str, int]:
    """Sum all lines of each currency: {currency: debits less credits}, which is 0 for sound books."""
    rows = session.execute(
        sa.select(LINES.c.currency, sa.func.sum(LINES.c.amount)).group_by(LINES.c.currency)
    )
    return {currency: int(total) for currency, total in rows}


def unbalanced_entries(session: Session) -> tuple[tuple[uuid.UUID, int, str, int], ...]:
    """Name every entry that does not sum to zero in a currency: (loan, sequence, currency, sum)."""
    rows = session.execute(
        sa.select(LINES.c.loan_id, LINES.c.sequence, LINES.c.currency, sa.func.sum(LINES.c.amount))
        .group_by(LINES.c.loan_id, LINES.c.sequence, LINES.c.currency)
        .having(sa.func.sum(LINES.c.amount) != 0)
    )
    return tuple((loan_id, sequence, currency, int(total)) for loan_id, sequence, currency, total in rows)
