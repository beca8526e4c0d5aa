import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from loans.core.fold import DateTooEarly
from loans.core.lifecycle import TransitionNotAllowed
from loans.core.money import InvalidAmount
from loans.models.loan import Loan
from loans.queries import loans
from loans.services import loan_events, origination, products
from loans.services.loan_events import DateInFuture, LoanNotFound
from loans.services.origination import (
    DuplicateLoan,
    OutsideProductLimits,
    UnknownBorrower,
    UnknownProduct,
)
from loans.services.transactions import CurrencyMismatch
from tests.factories import (
    BUSINESS_DATE,
    make_approved_loan,
    make_borrower,
    make_context,
    make_disbursed_loan,
    make_limits,
    make_pending_loan,
    make_product,
    make_terms,
)
from tests.services import rows

APPLIED_ON = date(2026, 1, 15)
# Columns of the release before, which nothing fills any more.
EARLIER_COLUMNS = ("frequency_every", "frequency_unit", "day_count", "rounding", "allocation")
TOMORROW = BUSINESS_DATE + timedelta(days=1)


def count_loans(session, product):
    table = Loan.__table__
    query = sa.select(sa.func.count()).where(table.c.product_id == product.id)
    return session.execute(query).scalar_one()


class TestApply:
    def test_keeps_what_was_agreed(self, session):
        product = make_product(session, currency="USD", annual_rate="18.00")
        borrower = make_borrower(session)

        loan = make_pending_loan(
            session, product=product, borrower_id=borrower.id, amount="2500.00", external_id="A-17"
        )

        assert (loan.principal, loan.currency, loan.annual_rate) == (250000, "USD", 18)
        assert (loan.installments, loan.method) == (12, "equal_installments")
        assert loan.terms == {**product.terms, "principal": "2500.00", "installments": 12}
        assert (loan.borrower_id, loan.product_id, loan.product_version) == (borrower.id, product.id, 1)
        assert loan.external_id == "A-17"

    def test_owes_nothing_yet(self, session):
        loan = make_pending_loan(session)

        assert loan.status == "pending"
        assert loan.applied_on == APPLIED_ON
        assert (loan.disbursed, loan.principal_outstanding, loan.interest_outstanding) == (0, 0, 0)
        assert (loan.approved_on, loan.disbursed_on, loan.closed_on, loan.maturity_date) == (None,) * 4
        assert rows.schedule(session, loan) == []
        assert rows.journal(session, loan) == {}

    def test_stores_what_it_gives(self, session):
        loan = make_pending_loan(session)

        table = Loan.__table__
        stored = session.execute(sa.select(table).where(table.c.id == loan.id)).mappings().one()
        earlier = {name: stored[name] for name in EARLIER_COLUMNS}
        assert {name: getattr(loan, name) for name in stored if name not in earlier} == {
            name: value for name, value in stored.items() if name not in earlier
        }
        assert set(earlier.values()) == {None}

    def test_records_event_announcement_and_audit(self, session):
        loan = make_pending_loan(session)

        assert rows.events(session, loan) == [(1, "applied", APPLIED_ON, 0)]
        ((told, payload),) = rows.outbox(session, loan)
        assert told == "loan.applied"
        assert payload["loan_id"] == str(loan.id)
        assert payload["borrower_id"] == str(loan.borrower_id)
        assert (payload["sequence"], payload["date"], payload["amount"]) == (1, "2026-01-15", "0.00")
        assert (payload["status"], payload["principal_outstanding"]) == ("pending", "0.00")
        (entry,) = rows.audit(session, loan)
        assert (entry.action, entry.subject_type) == ("loan.apply", "loan")
        assert (entry.actor, entry.request_id) == ("api_key:test", "test-request")
        assert entry.before is None
        assert entry.after["status"] == "pending"

    def test_happens_today_unless_another_day_is_given(self, session):
        loan = make_pending_loan(session, on=None)

        assert loan.applied_on == BUSINESS_DATE

    def test_pins_the_newest_version_of_the_terms(self, session):
        product = make_product(session, annual_rate="12.00")
        earlier_loan = make_pending_loan(session, product=product)
        products.revise(
            session,
            product_id=product.id,
            limits=make_limits(),
            terms=make_terms(annual_rate="20.00"),
            context=make_context(),
        )

        later_loan = make_pending_loan(session, product=product)

        assert (earlier_loan.product_version, earlier_loan.annual_rate) == (1, 12)
        assert (later_loan.product_version, later_loan.annual_rate) == (2, 20)

    @pytest.mark.parametrize("amount", ["1000.00", "100000.00"])
    def test_accepts_the_limits_of_principal_themselves(self, session, amount):
        loan = make_pending_loan(session, amount=amount)

        assert loan.status == "pending"

    @pytest.mark.parametrize("amount", ["999.99", "100000.01", "0.00"])
    def test_refuses_one_minor_unit_beyond_them(self, session, amount):
        product = make_product(session)

        with pytest.raises(OutsideProductLimits) as refusal:
            make_pending_loan(session, product=product, amount=amount)

        assert refusal.value.field == "principal"
        assert count_loans(session, product) == 0

    @pytest.mark.parametrize("installments", [3, 24])
    def test_accepts_the_limits_of_length_themselves(self, session, installments):
        product = make_product(session, limits=make_limits(installments_min=3, installments_max=24))

        loan = make_pending_loan(session, product=product, installments=installments)

        assert loan.installments == installments

    @pytest.mark.parametrize("installments", [2, 25])
    def test_refuses_one_installment_beyond_them(self, session, installments):
        product = make_product(session, limits=make_limits(installments_min=3, installments_max=24))

        with pytest.raises(OutsideProductLimits) as refusal:
            make_pending_loan(session, product=product, installments=installments)

        assert refusal.value.field == "installments"

    def test_refuses_an_unknown_borrower(self, session):
        with pytest.raises(UnknownBorrower) as refusal:
            make_pending_loan(session, borrower_id=uuid.uuid4())

        assert refusal.value.field == "borrower_id"

    def test_refuses_an_unknown_product(self, session):
        with pytest.raises(UnknownProduct) as refusal:
            make_pending_loan(session, product_id=uuid.uuid4())

        assert refusal.value.field == "product_id"

    def test_refuses_another_currency_than_the_products(self, session):
        with pytest.raises(CurrencyMismatch) as refusal:
            make_pending_loan(session, currency="USD")

        assert refusal.value.field == "currency"

    @pytest.mark.parametrize(
        ("currency", "amount"), [("KES", "1200.001"), ("JPY", "120000.0"), ("KWD", "1000.0001")]
    )
    def test_refuses_more_decimals_than_the_currency_has(self, session, currency, amount):
        product = make_product(session, currency=currency)

        with pytest.raises(InvalidAmount) as refusal:
            make_pending_loan(session, product=product, amount=amount)

        assert refusal.value.field == "principal"

    def test_refuses_tomorrow(self, session):
        with pytest.raises(DateInFuture) as refusal:
            make_pending_loan(session, on=TOMORROW)

        assert refusal.value.extensions == {"business_date": "2026-06-15"}

    def test_refuses_an_external_id_twice(self, session):
        product = make_product(session)
        make_pending_loan(session, product=product, external_id="B-1")

        with pytest.raises(DuplicateLoan) as refusal:
            make_pending_loan(session, product=product, external_id="B-1")

        assert refusal.value.field == "external_id"
        assert count_loans(session, product) == 1

    def test_needs_no_external_id(self, session):
        product = make_product(session)
        make_pending_loan(session, product=product)
        make_pending_loan(session, product=product)

        assert count_loans(session, product) == 2


class TestApprove:
    def test_records_the_day(self, session):
        loan = make_pending_loan(session)

        approved = origination.approve(
            session, loan_id=loan.id, on=date(2026, 1, 17), note="Income checked", context=make_context()
        )

        assert (approved.status, approved.approved_on) == ("approved", date(2026, 1, 17))
        assert rows.events(session, loan)[1:] == [(2, "approved", date(2026, 1, 17), 0)]
        assert rows.journal(session, loan) == {}
        assert [told for told, _ in rows.outbox(session, loan)] == ["loan.applied", "loan.approved"]

    def test_is_the_loans_last_change(self, session):
        loan = make_pending_loan(session)
        later = datetime(2026, 6, 15, 13, 30, tzinfo=UTC)

        origination.approve(session, loan_id=loan.id, context=make_context(now=later))

        stored = loan_events.get(session, loan_id=loan.id)
        assert (stored.created_at, stored.updated_at) == (loan.created_at, later)

    def test_audits_before_and_after(self, session):
        loan = make_approved_loan(session)

        entry = rows.audit(session, loan)[-1]

        assert entry.action == "loan.approve"
        assert entry.before == {
            "status": "pending",
            "currency": "KES",
            "disbursed": "0.00",
            "principal_outstanding": "0.00",
            "interest_outstanding": "0.00",
            "fee_outstanding": "0.00",
            "penalty_outstanding": "0.00",
            "credit_balance": "0.00",
        }
        assert entry.after["status"] == "approved"

    def test_may_happen_on_the_day_of_the_application(self, session):
        assert make_approved_loan(session).approved_on == APPLIED_ON

    def test_refuses_the_day_before_the_application(self, session):
        loan = make_pending_loan(session)
        stored = rows.trail(session, loan)

        with pytest.raises(DateTooEarly) as refusal:
            origination.approve(session, loan_id=loan.id, on=date(2026, 1, 14), context=make_context())

        assert refusal.value.extensions == {"earliest": "2026-01-15"}
        assert rows.trail(session, loan) == stored

    def test_refuses_tomorrow(self, session):
        loan = make_pending_loan(session)

        with pytest.raises(DateInFuture):
            origination.approve(session, loan_id=loan.id, on=TOMORROW, context=make_context())

    def test_refuses_a_second_time(self, session):
        loan = make_approved_loan(session)
        stored = rows.trail(session, loan)

        with pytest.raises(TransitionNotAllowed) as refusal:
            origination.approve(session, loan_id=loan.id, context=make_context())

        assert refusal.value.extensions == {"loan_status": "approved"}
        assert rows.trail(session, loan) == stored


class TestReject:
    def test_ends_the_loan(self, session):
        loan = make_pending_loan(session)

        rejected = origination.reject(
            session, loan_id=loan.id, on=date(2026, 1, 16), note="Income too low", context=make_context()
        )

        assert (rejected.status, rejected.closed_on) == ("rejected", date(2026, 1, 16))
        assert rows.outbox(session, loan)[-1][0] == "loan.rejected"
        assert rows.audit(session, loan)[-1].action == "loan.reject"

    def test_comes_too_late_for_an_approved_loan(self, session):
        loan = make_approved_loan(session)

        with pytest.raises(TransitionNotAllowed):
            origination.reject(session, loan_id=loan.id, context=make_context())


class TestCancel:
    @pytest.mark.parametrize("make_loan", [make_pending_loan, make_approved_loan])
    def test_ends_a_loan_of_which_nothing_was_paid_out(self, session, make_loan):
        loan = make_loan(session)

        cancelled = origination.cancel(session, loan_id=loan.id, context=make_context())

        assert (cancelled.status, cancelled.closed_on) == ("cancelled", BUSINESS_DATE)
        assert rows.outbox(session, loan)[-1][0] == "loan.cancelled"
        assert rows.audit(session, loan)[-1].action == "loan.cancel"
        assert rows.journal(session, loan) == {}

    def test_comes_too_late_for_a_disbursed_loan(self, session):
        loan = make_disbursed_loan(session)

        with pytest.raises(TransitionNotAllowed):
            origination.cancel(session, loan_id=loan.id, context=make_context())


@pytest.mark.parametrize(
    "decide", [origination.approve, origination.reject, origination.cancel, origination.disburse]
)
class TestEveryDecision:
    def test_refuses_a_loan_that_does_not_exist(self, session, decide):
        with pytest.raises(LoanNotFound):
            decide(session, loan_id=uuid.uuid4(), context=make_context())


class TestDecisionOfAPendingLoan:
    @pytest.mark.parametrize("decide", [origination.approve, origination.reject, origination.cancel])
    def test_keeps_its_note(self, session, decide):
        loan = make_pending_loan(session)

        decide(session, loan_id=loan.id, note="Income checked", context=make_context())

        assert [event.note for event in loans.events(session, loan_id=loan.id)] == [None, "Income checked"]
