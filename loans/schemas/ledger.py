"""The general ledger on the wire."""

import marshmallow as ma

from loans.core.postings import AccountKind
from loans.schemas.fields import Amount, Currency, SignedAmount
from loans.schemas.products import one_of


class AccountBalanceOut(ma.Schema):
    """What all lines of one account come to in one currency."""

    account = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    kind = one_of(AccountKind)
    currency = Currency(required=True)
    debit = Amount(required=True)
    credit = Amount(required=True)
    balance = SignedAmount(required=True)


class CurrencyTotalOut(ma.Schema):
    """Both sides of the ledger in one currency: equal, or something is badly wrong."""

    currency = Currency(required=True)
    debit = Amount(required=True)
    credit = Amount(required=True)
    difference = SignedAmount(required=True)


class TrialBalanceOut(ma.Schema):
    """Every account in every currency, and the totals."""

    accounts = ma.fields.List(ma.fields.Nested(AccountBalanceOut), required=True)
    totals = ma.fields.List(ma.fields.Nested(CurrencyTotalOut), required=True)
    is_balanced = ma.fields.Boolean(required=True)
