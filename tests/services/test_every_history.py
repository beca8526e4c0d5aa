"""I2, I3, I4, I11: whatever commands a loan takes, on whatever days and terms, what is stored is the fold.

Commands that the rules refuse are part of it: they leave nothing behind. The constraints of the tables hold all along.
"""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loans.core.errors import LendingError
from loans.db import db
from loans.queries import loans
from loans.services import origination, repayments, servicing, settlements, transactions, verification
from tests.factories import make_borrower, make_context, make_limits, make_product
from tests.services.bank import opened
from tests.services.small_loan import DISBURSED_ON

LATE = {"late_fee": {"percent": "5", "grace_days": 3}, "penalty_rate": "24.00"}
PRODUCTS = {
    "scheduled": {},
    "cash": {"accounting": "cash", **LATE},
    "daily": {"interest_mode": "daily", "day_count": "ACT/365F", **LATE},
    "shorter": {"early_payment": "shorter_term", "fees": [{"type": "per_installment", "amount": "3.00"}]},
    "lower": {"early_payment": "lower_installment", "interest_mode": "daily", "penalty_rate": "36.00"},
    "flat": {"method": "flat", "allocation": {"order": ["principal", "interest", "fee", "penalty"]}, **LATE},
    "bullet": {"method": "bullet", "fees": [{"type": "upfront", "percent": "2", "collection": "added"}]},
    "graceful": {"grace": {"interest": 1}, "down_payment": {"percent": "10"}, "tranches_max": 3},
}
# Grace needs an installment to come after it.
LIMITS = make_limits(installments_min=3)
AMOUNTS = ("0.01", "1.00", "25.00", "106.62", "340.02", "1020.07", "5000.00")
COMMANDS = {
    "pay": lambda amount: (repayments.record, {"amount": amount, "overpayment": "hold"}),
    "pay_exactly": lambda amount: (repayments.record, {"amount": amount}),
    "pay_off": lambda _: (repayments.payoff, {}),
    "charge_fee": lambda amount: (servicing.charge_fee, {"amount": amount}),
    "charge_late_fee": lambda amount: (servicing.charge_late_fee, {"amount": amount}),
    "waive_fees": lambda _: (servicing.waive_fees, {}),
    "waive_interest": lambda _: (servicing.waive_interest, {}),
    "waive_some_interest": lambda amount: (servicing.waive_interest, {"amount": amount}),
    "change_rate": lambda _: (servicing.change_rate, {"annual_rate": "7.50"}),
    "reschedule": lambda _: (servicing.reschedule, {"installments": 5}),
    "shorten": lambda _: (servicing.reschedule, {"installments": 1}),
    "re_age": lambda _: (servicing.re_age, {"installments": 4}),
    "grant_credit": lambda amount: (settlements.grant_credit, {"amount": amount}),
    "refund": lambda amount: (settlements.refund, {"amount": amount}),
    "disburse": lambda amount: (origination.disburse, {"amount": amount}),
    "charge_off": lambda _: (settlements.charge_off, {}),
    "write_off": lambda _: (settlements.write_off, {}),
    "recover": lambda amount: (settlements.recover, {"amount": amount}),
}
acts = st.lists(
    st.tuples(
        st.sampled_from([*COMMANDS, "pause", "charge_back", "reverse", "reverse"]),
        st.sampled_from(AMOUNTS),
        st.integers(0, 40),
        st.sampled_from([0, 0, 0, 1, 20, 400]),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=10,
)


@pytest.fixture(scope="module")
def book(make_database):
    """An application on a book in which no loan is ever committed."""
    with opened(make_database()) as app:
        yield app


def make_loan(session, product):
    context = make_context(DISBURSED_ON)
    loan = origination.apply(
        session,
        borrower_id=make_borrower(session).id,
        product_id=product.id,
        amount="1000.00",
        currency="KES",
        installments=3,
        context=context,
    )
    origination.approve(session, loan_id=loan.id, context=context)
    in_parts = product.terms["tranches_max"] > 1
    return origination.disburse(
        session, loan_id=loan.id, amount="600.00" if in_parts else None, context=context
    ).loan


def take(session, loan, act, day):
    """Do what an act says, on a day so many days back, or see it refused."""
    name, amount, _, days_back, place = act
    history = loans.events(session, loan_id=loan.id)
    given = {"loan_id": loan.id, "context": make_context(day)}
    target = history[place % len(history)].id
    if name == "reverse":
        transactions.reverse(session, event_id=target, **given)
        return
    given["on"] = max(day - timedelta(days=days_back), DISBURSED_ON)
    if name == "pause":
        servicing.pause_interest(session, until=day + timedelta(days=place), **given)
    elif name == "charge_back":
        settlements.charge_back(session, repayment_id=target, **given)
    else:
        command, details = COMMANDS[name](amount)
        command(session, **given, **details)


class TestEveryHistory:
    @pytest.mark.parametrize("terms", PRODUCTS)
    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(acts=acts)
    def test_is_stored_as_it_folds(self, book, terms, acts):
        with book.app_context():
            session, day = db.session(), DISBURSED_ON
            loan = make_loan(session, make_product(session, limits=LIMITS, **PRODUCTS[terms]))

            for act in acts:
                day += timedelta(days=act[2])
                try:
                    take(session, loan, act, day)
                except LendingError:
                    continue

            assert list(verification.verify(session, progress=lambda _: None)) == []
