"""Many clients at once, and PostgreSQL backends killed under them (I7)."""

import itertools
import uuid
from collections import Counter
from datetime import UTC, datetime

import pytest

from loans.db import transaction
from loans.services import api_keys
from loans.services.api_keys import Secret
from tests.conftest import SECRET_KEY
from tests.factories import (
    BUSINESS_DATE,
    make_approved_loan,
    make_borrower,
    make_cash_product,
    make_disbursed_loan,
    make_product,
    make_repayment,
)
from tests.services import rows
from tests.services.bank import (
    Bank,
    at_once,
    killing_backends,
    killing_own_backend,
    losing_one_acknowledgement,
)

CLIENTS = 32
KILLS_MIN = 10
ROUNDS_MAX = 50

# 1,200.00 over twelve months at 12 % is paid back in eleven installments of 106.62 and one of 106.60: 1,279.42.
# Of payments of 60.00 twenty-one fit, 1,260.00; then 19.42 is owed and each further one is refused.
PAYMENT = {"amount": "60.00", "currency": "KES"}
ACCEPTED, REFUSED, LEFT = 21, 11, "19.42"


@pytest.fixture(scope="module")
def bank(open_book):
    secret = Secret(environment="test", pepper=SECRET_KEY)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with open_book(db_pool_size=CLIENTS) as app:
        with app.app_context():
            key = transaction(
                lambda session: api_keys.issue(
                    session, name="clients", scopes=api_keys.SCOPES, secret=secret, now=now
                )
            )
        yield Bank(app=app, key=key)


@pytest.fixture(autouse=True)
def _on_the_business_date(today):
    """The application's clock stands at noon of 15 June 2026."""


@pytest.fixture
def loan(bank):
    return bank.run(make_loan)


def make_loan(session):
    """A loan on a cash basis, so that a payment has three lines."""
    return make_disbursed_loan(session, product=make_cash_product(session))


def repayments_path(loan):
    return f"/api/v1/loans/{loan.id}/repayments"


def codes(answers):
    """Count what was answered: {(status, code or None): how often}."""
    return Counter((answer.status_code, answer.json.get("code")) for answer in answers)


def pay_identically(bank, loan):
    """Let every client send the same repayment with the same key until it is answered."""
    key = str(uuid.uuid4())
    path = repayments_path(loan)
    return at_once(lambda _: bank.post_until_answered(path, PAYMENT, key=key), times=CLIENTS)


def pay_differently(bank, loan):
    """Let every client send a repayment of its own until it is answered."""
    path = repayments_path(loan)
    return at_once(
        lambda number: bank.post_until_answered(path, {**PAYMENT, "reference": f"client {number}"}),
        times=CLIENTS,
    )


def assert_paid_once(bank, loan, answers):
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.data for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert bank.read(rows.events, loan)[3:] == [(4, "repayment", BUSINESS_DATE, 6000)]
    # 12.00 of interest are due first.
    assert bank.read(rows.journal, loan)[4] == {"1000": 6000, "1100": -4800, "4000": -1200}
    assert [told for told, _ in bank.read(rows.outbox, loan)][3:] == ["loan.repayment_recorded"]
    assert [entry.action for entry in bank.read(rows.audit, loan)][3:] == ["loan.record_repayment"]


def assert_paid_up_to_what_is_owed(bank, loan, answers):
    assert codes(answers) == {(201, None): ACCEPTED, (422, "overpayment"): REFUSED}
    assert {answer.json["payoff_amount"] for answer in answers if answer.status_code == 422} == {LEFT}
    acknowledged = sorted(answer.json["sequence"] for answer in answers if answer.status_code == 201)
    assert acknowledged == list(range(4, 25))
    assert [event[0] for event in bank.read(rows.events, loan)] == list(range(1, 25))
    # 1,200.00 went out and 1,260.00 came in: eleven installments (1,172.82) and 87.18 of the twelfth, whose interest
    # is paid first, so that what is left is principal.
    assert bank.read(rows.journal_sums, loan)["1000"] == 6000
    stored = bank.read(rows.snapshot, loan)
    assert (stored["principal_outstanding"], stored["interest_outstanding"]) == (1942, 0)
    closing = bank.post_until_answered(repayments_path(loan), {"amount": LEFT, "currency": "KES"})
    assert (closing.status_code, closing.json["loan"]["status"]) == (201, "repaid")


class TestIdenticalRepayments:
    def test_are_posted_once(self, bank, loan):
        answers = pay_identically(bank, loan)

        assert_paid_once(bank, loan, answers)
        assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
        assert bank.faults() == []

    def test_are_answered_or_told_to_ask_again(self, bank, loan):
        key = str(uuid.uuid4())

        answers = at_once(lambda _: bank.post(repayments_path(loan), PAYMENT, key=key), times=CLIENTS)

        assert set(codes(answers)) <= {(201, None), (409, "idempotency_key_in_use")}
        assert_paid_once(bank, loan, [answer for answer in answers if answer.status_code == 201])

    def test_are_posted_once_while_backends_are_killed(self, bank):
        with killing_backends(bank, seed=20260615) as hit:
            for _ in range(ROUNDS_MAX):
                loan = bank.run_until_done(make_loan)
                assert_paid_once(bank, loan, pay_identically(bank, loan))
                if len(hit) >= KILLS_MIN:
                    break

        assert len(hit) >= KILLS_MIN
        assert bank.faults() == []


class TestDifferentRepayments:
    def test_never_exceed_what_is_owed(self, bank, loan):
        """The row lock of `queries.loans.lock` is needed, as a trial without its FOR UPDATE shows.

        Then two of the 32 payments are accepted and thirty answered 500: all of them count on the same state, and
        the key of loan_events (loan, sequence) refuses every twin. The key keeps the book right without the lock;
        only the lock lets the others have their turn.
        """
        answers = pay_differently(bank, loan)

        assert_paid_up_to_what_is_owed(bank, loan, answers)
        assert bank.faults() == []

    def test_never_exceed_it_while_backends_are_killed(self, bank):
        with killing_backends(bank, seed=15062026) as hit:
            for _ in range(ROUNDS_MAX):
                loan = bank.run_until_done(make_loan)
                assert_paid_up_to_what_is_owed(bank, loan, pay_differently(bank, loan))
                if len(hit) >= KILLS_MIN:
                    break

        assert len(hit) >= KILLS_MIN
        assert bank.faults() == []


class TestOneRepayment:
    def test_survives_a_kill_before_any_of_its_statements(self, bank):
        """The backend that serves the request is killed before its first statement, its second, …, its commit."""
        killed_before = []

        for place in itertools.count(1):
            loan, key = bank.run(make_loan), str(uuid.uuid4())
            with killing_own_backend(bank, before=place) as hit:
                first = bank.post(repayments_path(loan), PAYMENT, key=key)
            if not hit:
                break
            killed_before.extend(hit)
            assert (first.status_code, first.json["code"]) == (503, "unavailable")
            assert len(bank.read(rows.events, loan)) == 3
            second = bank.post(repayments_path(loan), PAYMENT, key=key)
            assert "Idempotent-Replayed" not in second.headers
            assert_paid_once(bank, loan, [second])

        assert killed_before[0] == "SELECT"
        assert killed_before[-1] == "COMMIT"
        assert bank.faults() == []

    def test_is_not_doubled_when_its_acknowledgement_is_lost(self, bank, loan):
        key = str(uuid.uuid4())
        with losing_one_acknowledgement(bank):
            first = bank.post(repayments_path(loan), PAYMENT, key=key)

        second = bank.post(repayments_path(loan), PAYMENT, key=key)

        assert (first.status_code, first.json["code"]) == (503, "unavailable")
        assert second.headers["Idempotent-Replayed"] == "true"
        assert_paid_once(bank, loan, [second])
        assert bank.faults() == []


class TestRaces:
    @pytest.mark.parametrize("clients", [2, 8])
    def test_disburse_a_loan_once(self, bank, clients):
        loan = bank.run(make_approved_loan)

        answers = at_once(
            lambda _: bank.post_until_answered(f"/api/v1/loans/{loan.id}/disburse"), times=clients
        )

        assert codes(answers) == {(200, None): 1, (409, "transition_not_allowed"): clients - 1}
        assert bank.read(rows.journal_sums, loan) == {"1000": -120000, "1100": 120000}
        assert len(bank.read(rows.schedule, loan)) == 12

    @pytest.mark.parametrize("clients", [2, 8])
    def test_reverse_a_repayment_once(self, bank, loan, clients):
        repayment = bank.run(lambda session: make_repayment(session, loan=loan, amount="106.62"))
        path = f"{repayments_path(loan)}/{repayment.event.id}/reverse"

        answers = at_once(lambda _: bank.post_until_answered(path), times=clients)

        assert codes(answers) == {(200, None): 1, (409, "reversal_refused"): clients - 1}
        assert bank.read(rows.journal_sums, loan) == {"1000": -120000, "1100": 120000, "4000": 0}

    def test_decide_a_loan_one_way(self, bank):
        loan = bank.run(make_approved_loan)
        ways = ("disburse", "cancel")

        answers = at_once(
            lambda number: bank.post_until_answered(f"/api/v1/loans/{loan.id}/{ways[number]}"), times=2
        )

        assert codes(answers) == {(200, None): 1, (409, "transition_not_allowed"): 1}
        assert len(bank.read(rows.events, loan)) == 3

    @pytest.mark.parametrize("clients", [2, 8])
    def test_take_an_application_with_one_external_id_once(self, bank, clients):
        borrower, product = bank.run(make_borrower), bank.run(make_product)
        application = {
            "borrower_id": str(borrower.id),
            "product_id": str(product.id),
            "principal": "1200.00",
            "currency": "KES",
            "installments": 12,
            "external_id": f"application-{uuid.uuid4()}",
        }

        answers = at_once(lambda _: bank.post_until_answered("/api/v1/loans", application), times=clients)

        assert codes(answers) == {(201, None): 1, (409, "duplicate_loan"): clients - 1}

    @pytest.mark.parametrize("clients", [2, 8])
    def test_register_a_borrower_with_one_external_id_once(self, bank, clients):
        person = {"first_name": "Amina", "last_name": "Odhiambo", "external_id": f"crm-{uuid.uuid4()}"}

        answers = at_once(lambda _: bank.post_until_answered("/api/v1/borrowers", person), times=clients)

        assert codes(answers) == {(201, None): 1, (409, "duplicate_borrower"): clients - 1}
