"""The routes of the API, read from the application, each with a request that its schemas accept."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loans.app import create_app
from tests.api import samples
from tests.api.samples import UNKNOWN_ID
from tests.conftest import make_settings

PREFIX = "/api/v1"
BODIES = {
    "borrowers.create_borrower": samples.borrower(),
    "products.create_product": samples.product(),
    "products.create_version": samples.terms(),
    "loans.apply": samples.application(UNKNOWN_ID, UNKNOWN_ID),
    "loans.approve": {},
    "loans.reject": {},
    "loans.cancel": {},
    "loans.disburse": {},
    "repayments.record_repayment": samples.repayment(),
    "repayments.reverse_repayment": {},
}
# Nothing is asked of this database: the routes are read before a test can have one.
APP = create_app(make_settings("postgresql+psycopg2://nobody@localhost/nowhere"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path, with its declared scope."""

    endpoint: str
    method: str
    rule: str
    scope: str

    @property
    def path(self) -> str:
        """The path with identifiers of nothing."""
        filled = self.rule.replace("<int:version>", "1")
        for name in ("borrower_id", "product_id", "loan_id", "repayment_id"):
            filled = filled.replace(f"<uuid:{name}>", UNKNOWN_ID)
        return filled

    @property
    def documented_path(self) -> str:
        """The path as OpenAPI writes it."""
        return self.rule.replace("<uuid:", "{").replace("<int:", "{").replace(">", "}")

    @property
    def body(self) -> dict[str, Any]:
        """A body without faults of form."""
        return BODIES[self.endpoint]

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"


def _routes() -> Iterator[Route]:
    for rule in APP.url_map.iter_rules():
        if rule.rule.startswith(PREFIX):
            scope = APP.view_functions[rule.endpoint].__scope__
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Route(endpoint=rule.endpoint, method=method, rule=rule.rule, scope=scope)


ROUTES = tuple(sorted(_routes(), key=str))
COMMANDS = tuple(route for route in ROUTES if route.method == "POST")
QUERIES = tuple(route for route in ROUTES if route.method == "GET")
