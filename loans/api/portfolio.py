"""Blueprint portfolio: the whole book in figures."""

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, after_this_request, current_app
from sqlalchemy.orm import Session

from loans import clock
from loans.api.endpoint import Blueprint, query
from loans.api.statistics import Keeper
from loans.core import portfolio
from loans.core.portfolio import Statistics
from loans.core.state import Amounts
from loans.schemas.portfolio import PortfolioArgs, PortfolioOut
from loans.services.portfolio import PAUSE_SECONDS
from loans.services.portfolio_statistics import Kept

blueprint = Blueprint(
    "portfolio", __name__, url_prefix="/api/v1/portfolio", description="The whole book in figures."
)

View = dict[str, Any]


def init_app(app: Flask, *, database_url: str, business_timezone: str) -> None:
    """Give the application its keeper of the statistics."""
    app.extensions["statistics"] = Keeper(database_url, business_timezone=business_timezone)


@query(
    blueprint,
    "",
    scope="portfolio:read",
    args=PortfolioArgs,
    returns=PortfolioOut,
    version=lambda shown: int(shown["computed_at"].timestamp()),
)
def get_portfolio(session: Session, args: Mapping[str, Any]) -> View:
    """Give the statistics of the book as of the business date, by currency."""
    kept = _keeper().latest(session)
    _say_how_old(kept)
    found = portfolio.statistics(kept.groups, on=kept.as_of, **args)
    return {
        "as_of": kept.as_of,
        "computed_at": kept.taken_at,
        "currencies": [_of_currency(each) for each in found],
    }


def _keeper() -> Keeper:
    found = current_app.extensions["statistics"]
    if not isinstance(found, Keeper):
        raise TypeError(f"the application carries {type(found).__name__} for its statistics")
    return found


def _say_how_old(kept: Kept) -> None:
    """Tell caches, the caller's own alone, since when the answer exists and for how long it is good."""
    age = max(0, int((clock.now() - kept.taken_at).total_seconds()))

    def add(response: Response) -> Response:
        response.headers["Age"] = str(age)
        response.headers["Cache-Control"] = f"private, max-age={PAUSE_SECONDS}"
        return response

    after_this_request(add)


def _of_currency(found: Statistics) -> View:
    """Put the currency beside each amount, where the schema looks for it."""
    currency = found.currency

    def shown(amounts: Amounts) -> View:
        return {"currency": currency, "total": amounts.total, **amounts._asdict()}

    def beside(rows: tuple[Any, ...]) -> list[View]:
        return [{**row._asdict(), "currency": currency} for row in rows]

    return {
        "currency": currency,
        "loans": [{"status": status, "loans": count} for status, count in found.statuses],
        "outstanding": shown(found.outstanding),
        "receivable": shown(found.receivable),
        "charged_off": {"loans": found.charged_off_loans, "outstanding": shown(found.charged_off)},
        "arrears": [{**each._asdict(), "outstanding": shown(each.outstanding)} for each in found.buckets],
        "portfolio_at_risk": beside(found.at_risk),
        "moved": beside(found.moved),
        "vintages": beside(found.vintages),
        "earlier_vintages": beside((found.earlier_vintages,))[0],
        "expected": {
            "overdue": shown(found.overdue),
            "months": [{"month": each.month, **shown(each.amounts)} for each in found.expected],
            "later": shown(found.expected_later),
        },
    }
