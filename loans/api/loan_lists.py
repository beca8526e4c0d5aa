"""What the list of loans is asked for, and what is put beside the loans of an answer."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from loans.api import views
from loans.core import money
from loans.queries import borrowers, loan_list, products
from loans.queries.loan_list import Wanted

# The range of each order, by its two parameters; unless an order is named, it is that of the first range given.
RANGES = {
    "principal": ("principal_min", "principal_max"),
    "outstanding": ("outstanding_min", "outstanding_max"),
    "days_past_due": ("days_past_due_min", "days_past_due_max"),
    "created": ("created_from", "created_to"),
    "applied_on": ("applied_from", "applied_to"),
    "disbursed_on": ("disbursed_from", "disbursed_to"),
    "maturity_date": ("maturity_from", "maturity_to"),
}
NEWEST_LOANS = 10

View = dict[str, Any]


def wanted(args: Mapping[str, Any], *, on: date) -> Wanted:
    """Give what the parameters ask for, with days past due counted on a day.

    :raises InvalidAmount: if an amount is not one of the currency.
    """
    ranges = {}
    for order, names in RANGES.items():
        low, high = (args[name] for name in names)
        if loan_list.ORDERS[order].of_money:
            low, high = (_minor(args, name) for name in names)
        if low is not None or high is not None:
            ranges[order] = (low, high)
    sort = args["sort"] or "-" + next(iter(ranges), "created")
    return Wanted(
        statuses=tuple(sorted(args["status"])),
        **{name: args[name] for name in ("currency", "borrower_id", "product_id", "external_id")},
        ranges=ranges,
        order=sort.removeprefix("-"),
        is_descending=sort.startswith("-"),
        on=on,
    )


def expand(session: Session, shown: Sequence[View], *, names: Collection[str]) -> None:
    """Put the borrowers and products of loans beside their identifiers: one statement for each of the two."""
    if "borrower" in names:
        found = borrowers.find_many(session, borrower_ids={loan["borrower_id"] for loan in shown})
        for loan in shown:
            loan["borrower"] = found[loan["borrower_id"]]
    if "product" in names:
        versions = {(loan["product_id"], loan["product_version"]) for loan in shown}
        agreed = products.find_versions(session, versions=versions)
        for loan in shown:
            loan["product"] = agreed[loan["product_id"], loan["product_version"]]


def of_borrowers(
    session: Session, borrower_ids: Sequence[uuid.UUID], *, names: Collection[str], on: date
) -> dict[uuid.UUID, list[View]]:
    """Give the newest loans of each borrower, as the list of loans shows them, with their products if asked for."""
    found = loan_list.newest_of_borrowers(session, borrower_ids=borrower_ids, at_most=NEWEST_LOANS)
    shown = {each: [views.summary(loan, on=on) for loan in found[each]] for each in borrower_ids}
    if "loans.product" in names:
        expand(session, [loan for loans in shown.values() for loan in loans], names=("product",))
    return shown


def _minor(args: Mapping[str, Any], name: str) -> int | None:
    text = args[name]
    return None if text is None else money.parse_amount(text, args["currency"], field=name)
