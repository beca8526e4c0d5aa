"""Approval policies on the wire."""

from collections import Counter
from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.core import money
from loans.schemas.common import PageArgs
from loans.schemas.fields import Amount, Currency, Instant, Strict, Text, Whole

# Commands that have an amount at which a rule may draw a line; a convention test compares them with the routes.
WITH_AMOUNT = (
    "loans.approve",
    "loans.disburse",
    "loans.waive",
    "loans.grant_credit",
    "loans.charge_back",
    "loans.refund",
    "loans.charge_off",
    "loans.write_off",
    "loans.reverse",
)
# What these give up is not known when they are done: interest of days to come.
WITHOUT_AMOUNT = ("loans.change_rate", "loans.pause_interest", "loans.reschedule", "loans.re_age")
COMMANDS = (*WITH_AMOUNT, *WITHOUT_AMOUNT, "approval_policies.change")
RULES_MAX = 200
VERSION_MAX = 2**31 - 2


class ApprovalRuleIn(Strict):
    """A command that needs a second person: always, or above an amount in one currency."""

    command = ma.fields.String(
        required=True, validate=validate.OneOf(COMMANDS), metadata={"enum": list(COMMANDS)}
    )
    above = Amount(
        load_default=None,
        allow_none=True,
        metadata={"description": "Up to this amount one person is enough. Left out: never."},
    )
    currency = Currency(load_default=None, allow_none=True, metadata={"description": "That of `above`."})

    @ma.validates_schema
    def fit_together(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse an amount without a currency, or of what has none."""
        above, currency = data.get("above"), data.get("currency")
        if (above is None) != (currency is None):
            raise ma.ValidationError({"currency": ["`above` and `currency` go together."]})
        if above is None or currency is None:
            return
        if data["command"] not in WITH_AMOUNT:
            raise ma.ValidationError({"above": ["This command has no amount."]})
        try:
            money.parse_amount(above, currency)
        except money.InvalidAmount as error:
            raise ma.ValidationError({"above": [error.detail]}) from error


class ApprovalPolicyIn(Strict):
    """The rules that are to hold from now on, all of them."""

    replaces = Whole(
        least=0,
        most=VERSION_MAX,
        required=True,
        metadata={"description": "The version that holds as you know it; 0 for the first."},
    )
    rules = ma.fields.List(
        ma.fields.Nested(ApprovalRuleIn), required=True, validate=validate.Length(max=RULES_MAX)
    )
    note = Text(longest=500, lines=True, load_default=None)

    @ma.validates_schema
    def say_each_once(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse two rules for one command and currency."""
        said = Counter((rule["command"], rule["currency"]) for rule in data["rules"])
        faults = {
            number: {"command": ["Another rule says something of the same."]}
            for number, rule in enumerate(data["rules"])
            if said[rule["command"], rule["currency"]] > 1
            or (rule["currency"] is not None and (rule["command"], None) in said)
        }
        if faults:
            raise ma.ValidationError({"rules": faults})


class ApprovalRuleOut(ma.Schema):
    """A rule of a policy; one without `above` holds always."""

    command = ma.fields.String(required=True)
    above = ma.fields.String(required=True, allow_none=True, metadata={"example": "100000.00"})
    currency = ma.fields.String(required=True, allow_none=True)


class ApprovalPolicyOut(ma.Schema):
    """A version of the approval policy; the newest holds."""

    version = ma.fields.Integer(required=True)
    rules = ma.fields.List(ma.fields.Nested(ApprovalRuleOut), required=True)
    note = ma.fields.String(required=True, allow_none=True)
    actor = ma.fields.String(required=True)
    created_at = Instant(required=True)


class ApprovalPolicyArgs(PageArgs):
    """The query parameters of the list of approval policies."""


class ApprovalPolicyPage(ma.Schema):
    """A page of approval policies, newest first."""

    data = ma.fields.List(ma.fields.Nested(ApprovalPolicyOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)
