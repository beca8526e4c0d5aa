from datetime import date, timedelta

import pytest

from loans.core.fold import DateTooEarly
from loans.core.lifecycle import TransitionNotAllowed
from loans.services import origination
from loans.services.loan_events import DateInFuture
from tests.factories import (
    BUSINESS_DATE,
    make_approved_loan,
    make_context,
    make_disbursed_loan,
    make_pending_loan,
    make_product,
)
from tests.services import rows

APPLIED_ON = date(2026, 1, 15)
TOMORROW = BUSINESS_DATE + timedelta(days=1)

# 1,000.00 at 12 % over three equal months: 1,000.00 x 0.01 / (1 - 1.01^-3) = 340.0221 an installment.
SMALL_SCHEDULE = [
    (1, 33002, 1000, 0, 0, None),
    (2, 33332, 670, 0, 0, None),
    (3, 33666, 337, 0, 0, None),
]


class TestDisburse:
    def test_lays_out_the_schedule(self, session):
        loan = make_disbursed_loan(session, amount="1000.00", installments=3)

        assert rows.schedule(session, loan) == SMALL_SCHEDULE
        assert (loan.status, loan.disbursed_on) == ("disbursed", APPLIED_ON)
        assert (loan.disbursed, loan.principal_outstanding) == (100000, 100000)
        assert loan.interest_outstanding == 2007
        assert (loan.next_due_date, loan.next_due_amount) == (date(2026, 2, 15), 34002)
        assert loan.maturity_date == date(2026, 4, 15)

    def test_posts_principal_against_cash(self, session):
        approved_loan = make_approved_loan(session, amount="1000.00")

        loan = origination.disburse(
            session, loan_id=approved_loan.id, on=date(2026, 2, 1), context=make_context()
        ).loan

        # Recorded in June: the interest of four and a half months, 10.00 + 9.21 + 8.42 + 7.61 and 14/30 of 6.80, has
        # been earned by then, and as nothing was paid for more than 90 days it is in suspense.
        assert rows.journal(session, loan) == {
            3: {"1000": -100000, "1100": 100000, "1110": 3841, "2110": -3841}
        }
        assert rows.entry_dates(session, loan) == {3: (date(2026, 2, 1), BUSINESS_DATE)}

    def test_announces_what_is_owed(self, session):
        loan = make_disbursed_loan(session, amount="1000.00", installments=3)

        told, payload = rows.outbox(session, loan)[-1]

        assert told == "loan.disbursed"
        assert (payload["amount"], payload["currency"], payload["status"]) == ("1000.00", "KES", "disbursed")
        assert payload["principal_outstanding"] == "1000.00"
        assert payload["interest_outstanding"] == "20.07"

    @pytest.mark.parametrize(
        ("currency", "amount", "schedule"),
        [
            # 120,000 x 0.01 / (1 - 1.01^-3) = 40,802.65 yen: no decimals, so 40,803 and 40,802 at last.
            ("JPY", "120000", [(39603, 1200), (39999, 804), (40398, 404)]),
            # 1,000 x 0.01 / (1 - 1.01^-3) = 340.02211 dinars: three decimals.
            ("KWD", "1000.000", [(330022, 10000), (333322, 6700), (336656, 3367)]),
        ],
    )
    def test_counts_in_the_currencys_own_minor_units(self, session, currency, amount, schedule):
        product = make_product(session, currency=currency)

        loan = make_disbursed_loan(session, product=product, amount=amount, installments=3)

        assert [row[1:3] for row in rows.schedule(session, loan)] == schedule

    def test_spreads_principal_evenly_where_the_product_says_so(self, session):
        # 1,000.00 in three: 333.33, 333.33 and the rest. 31, 28 and 31 of 365 days at 36.5 % are 0.1 % a day.
        product = make_product(session, method="equal_principal", day_count="ACT/365F", annual_rate="36.50")

        loan = make_disbursed_loan(session, product=product, amount="1000.00", installments=3)

        # 1,000.00 x 3.1 % = 31.00; 666.67 x 2.8 % = 18.66676; 333.34 x 3.1 % = 10.33354.
        assert [row[1:3] for row in rows.schedule(session, loan)] == [
            (33333, 3100),
            (33333, 1867),
            (33334, 1033),
        ]

    def test_starts_interest_on_the_day_it_happens(self, session):
        loan = make_approved_loan(session)

        disbursed = origination.disburse(
            session, loan_id=loan.id, on=date(2026, 1, 31), context=make_context()
        )

        assert disbursed.loan.next_due_date == date(2026, 2, 28)

    def test_is_not_done_before_approval(self, session):
        loan = make_pending_loan(session)
        stored = rows.trail(session, loan)

        with pytest.raises(TransitionNotAllowed):
            origination.disburse(session, loan_id=loan.id, context=make_context())

        assert rows.trail(session, loan) == stored

    def test_refuses_a_second_time(self, session):
        loan = make_disbursed_loan(session)
        stored = rows.trail(session, loan)

        with pytest.raises(TransitionNotAllowed):
            origination.disburse(session, loan_id=loan.id, context=make_context())

        assert rows.trail(session, loan) == stored

    def test_refuses_the_day_before_approval(self, session):
        pending_loan = make_pending_loan(session)
        loan = origination.approve(
            session, loan_id=pending_loan.id, on=date(2026, 1, 20), context=make_context()
        )

        with pytest.raises(DateTooEarly) as refusal:
            origination.disburse(session, loan_id=loan.id, on=date(2026, 1, 19), context=make_context())

        assert refusal.value.extensions == {"earliest": "2026-01-20"}

    def test_refuses_tomorrow(self, session):
        loan = make_approved_loan(session)

        with pytest.raises(DateInFuture):
            origination.disburse(session, loan_id=loan.id, on=TOMORROW, context=make_context())
