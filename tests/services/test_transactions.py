"""What every command has in common: back-dating, reversing, doing it twice, two at once."""

import uuid

import pytest
import sqlalchemy as sa

from loans.core import work
from loans.core.errors import LendingError
from loans.core.events import REVERSIBLE, EventKind, ReversalRefused
from loans.core.work import HistoryTooLong
from loans.db import db, transaction
from loans.services import origination, repayments, servicing, settlements, transactions
from loans.services.loan_events import LoanNotFound
from loans.services.transactions import TransactionNotFound
from tests.factories import make_context, make_product, make_repayment
from tests.services import rows
from tests.services.acts import ACTS, TODAY, prepare
from tests.services.bank import Bank, at_once
from tests.services.small_loan import DISBURSED_ON, FIRST_DUE, SECOND_DUE, make_running_loan

# After these whatever money comes is a recovery or more than is owed: a later repayment contradicts them.
ENDING = {"payoff", "write_off"}
# These take all there is: what that is depends on what is known by then.
TAKING_ALL = {"fee_waiver", "interest_waiver", "chargeback"}


def nonzero(standing):
    """Leave out accounts that come to nothing."""
    sums = {account: amount for account, amount in standing.journal_sums.items() if amount}
    return standing.snapshot, standing.schedule, sums


def reverse(session, loan, event_id, today=TODAY):
    return transactions.reverse(session, loan_id=loan.id, event_id=event_id, context=make_context(today))


def change_rate(session, loan):
    return servicing.change_rate(session, loan_id=loan.id, annual_rate="18", context=make_context(FIRST_DUE))


@pytest.fixture
def loan(session):
    return make_running_loan(session)


@pytest.fixture
def repayment_id(session, loan):
    return prepare(session, loan)


@pytest.fixture(scope="module")
def bank(open_book):
    """A book of its own, which is verified."""
    with open_book(db_pool_size=4) as app:
        yield Bank(app=app, key="")


class TestReverse:
    """I8: a reversal restores the rows as they were."""

    @pytest.mark.parametrize("kind", ACTS)
    def test_restores_the_rows_exactly(self, session, loan, repayment_id, kind):
        stood = rows.standing(session, loan)
        acted = ACTS[kind].do(session, loan, repayment_id=repayment_id)
        changed = rows.standing(session, loan)

        undone = reverse(session, loan, acted.event.id)

        assert nonzero(changed) != nonzero(stood)
        assert nonzero(rows.standing(session, loan)) == nonzero(stood)
        assert {line.account: -line.amount for line in undone.lines} == {
            line.account: line.amount for line in acted.lines
        }
        assert (undone.event.id, undone.applied) == (acted.event.id, ())

    @pytest.mark.parametrize("kind", ACTS)
    def test_is_refused_the_second_time(self, session, loan, repayment_id, kind):
        acted = ACTS[kind].do(session, loan, repayment_id=repayment_id)
        reverse(session, loan, acted.event.id)
        stored = rows.trail(session, loan)

        with pytest.raises(ReversalRefused, match="was reversed on 2026-03-20"):
            reverse(session, loan, acted.event.id)

        assert rows.trail(session, loan) == stored

    def test_of_a_recovery_takes_the_money_back(self, session, loan):
        context = make_context(TODAY)
        settlements.write_off(session, loan_id=loan.id, context=context)
        stood = rows.standing(session, loan)
        recovered = settlements.recover(session, loan_id=loan.id, amount="9.00", context=context)

        reverse(session, loan, recovered.event.id)

        assert nonzero(rows.standing(session, loan)) == nonzero(stood)

    def test_of_a_disbursement_makes_the_loan_approved_again(self, session, loan):
        _, _, disbursed = event_ids(session, loan)

        undone = reverse(session, loan, disbursed)

        assert (undone.loan.status, undone.loan.disbursed_on, undone.loan.maturity_date) == (
            "approved",
            None,
            None,
        )
        assert rows.schedule(session, loan) == []
        assert set(rows.journal_sums(session, loan).values()) == {0}

    def test_of_a_disbursement_lets_it_be_paid_out_anew(self, session, loan):
        *_, disbursed = event_ids(session, loan)
        reverse(session, loan, disbursed)

        again = origination.disburse(session, loan_id=loan.id, context=make_context(TODAY)).loan

        assert (again.status, again.disbursed_on) == ("disbursed", TODAY)
        assert again.next_due_date.isoformat() == "2026-04-20"

    def test_of_a_disbursement_is_refused_while_something_follows_it(self, session, loan):
        *_, disbursed = event_ids(session, loan)
        repayment = make_repayment(
            session, loan=loan, amount="1.00", on=FIRST_DUE, context=make_context(TODAY)
        )

        with pytest.raises(ReversalRefused, match="2026-02-15"):
            reverse(session, loan, disbursed)
        reverse(session, loan, repayment.event.id)

        assert reverse(session, loan, disbursed).loan.status == "approved"

    def test_of_a_repayment_is_refused_while_it_is_charged_back(self, session, loan, repayment_id):
        taken_back = ACTS["chargeback"].do(session, loan, repayment_id=repayment_id)

        with pytest.raises(ReversalRefused, match="2026-02-25"):
            reverse(session, loan, repayment_id)
        reverse(session, loan, taken_back.event.id)

        assert reverse(session, loan, repayment_id).reversal.reverses == repayment_id

    @pytest.mark.parametrize("place", [0, 1])
    def test_of_a_decision_is_refused(self, session, loan, place):
        decision = event_ids(session, loan)[place]

        with pytest.raises(ReversalRefused):
            reverse(session, loan, decision)

    def test_of_a_reversal_is_refused(self, session, loan, repayment_id):
        reversal = reverse(session, loan, repayment_id).reversal

        with pytest.raises(ReversalRefused):
            reverse(session, loan, reversal.id)

    def test_of_what_later_events_need_is_refused(self, session, loan):
        context = make_context(TODAY)
        written_off = settlements.write_off(session, loan_id=loan.id, context=context)
        settlements.recover(session, loan_id=loan.id, amount="9.00", context=context)
        stored = rows.trail(session, loan)

        with pytest.raises(LendingError):
            reverse(session, loan, written_off.event.id)

        assert rows.trail(session, loan) == stored

    def test_is_told_as_that_of_an_event_or_a_repayment(self, session, loan, repayment_id):
        fee = ACTS["fee"].do(session, loan, repayment_id=repayment_id)
        reverse(session, loan, fee.event.id)
        reverse(session, loan, repayment_id)

        told = [told for told, _ in rows.outbox(session, loan)][-2:]
        assert told == ["loan.event_reversed", "loan.repayment_reversed"]
        actions = [entry.action for entry in rows.audit(session, loan)][-2:]
        assert actions == ["loan.reverse", "loan.reverse_repayment"]
        assert rows.outbox(session, loan)[-2][1]["reverses"] == str(fee.event.id)

    def test_of_an_unknown_event_is_refused(self, session, loan):
        with pytest.raises(TransactionNotFound):
            reverse(session, loan, uuid.uuid4())

    def test_of_another_loans_event_is_refused(self, session, loan, repayment_id):
        with pytest.raises(TransactionNotFound):
            reverse(session, make_running_loan(session), repayment_id)


class TestBackDating:
    """I6: what is recorded late stands as though it had been recorded in time."""

    @pytest.mark.parametrize("kind", sorted(ACTS.keys() - ENDING - TAKING_ALL))
    def test_leaves_what_telling_it_in_order_leaves(self, session, kind):
        product = make_product(session)
        punctual_loan, backdated_loan = (make_running_loan(session, product=product) for _ in "ab")
        paid = {loan.id: prepare(session, loan) for loan in (punctual_loan, backdated_loan)}

        ACTS[kind].do(session, punctual_loan, repayment_id=paid[punctual_loan.id])
        pay(session, punctual_loan)
        pay(session, backdated_loan)
        ACTS[kind].do(session, backdated_loan, repayment_id=paid[backdated_loan.id])

        backdated, punctual = (rows.standing(session, each) for each in (backdated_loan, punctual_loan))
        assert nonzero(backdated) == nonzero(punctual)

    @pytest.mark.parametrize("kind", sorted(TAKING_ALL))
    def test_stores_the_amount_that_all_there_was_came_to(self, session, loan, repayment_id, kind):
        acted = ACTS[kind].do(session, loan, repayment_id=repayment_id)

        amounts = {"fee_waiver": 4000, "interest_waiver": 0, "chargeback": 3000}
        # Of 10.00 that were due the payment had paid all; 10 of 28 days of 6.6998 are 2.39.
        assert acted.event.amount == (amounts[kind] or 239)

    def test_of_what_would_leave_later_money_unowed_is_refused(self, session, loan):
        make_repayment(session, loan=loan, amount="1000.00", on=SECOND_DUE, context=make_context(TODAY))
        stored = rows.trail(session, loan)

        with pytest.raises(repayments.Overpayment):
            make_repayment(session, loan=loan, amount="20.08", on=FIRST_DUE, context=make_context(TODAY))

        assert rows.trail(session, loan) == stored


class TestSecondTime:
    @pytest.mark.parametrize("kind", ACTS)
    def test_is_done_again_or_refused_without_writing_anything(self, session, loan, repayment_id, kind):
        act = ACTS[kind]
        act.do(session, loan, repayment_id=repayment_id)
        stored = rows.trail(session, loan)

        answer = None
        try:
            act.do(session, loan, repayment_id=repayment_id)
        except LendingError as refusal:
            answer = refusal.code

        assert answer == act.second
        assert (rows.trail(session, loan) == stored) == (act.second is not None)


class TestDamagedLoan:
    def test_takes_no_command_until_it_is_mended(self, session, loan, repayment_id):
        session.execute(
            sa.text("UPDATE loans SET interest_paid = interest_paid - 1 WHERE id = :id"), {"id": loan.id}
        )
        stored = rows.trail(session, loan)

        with pytest.raises(AssertionError, match="interest_paid is stored as 999 and folds to 1000"):
            reverse(session, loan, repayment_id)

        assert rows.trail(session, loan) == stored


class TestTwins:
    """Two clients do the same at once: the row lock lets one after the other."""

    @pytest.mark.parametrize("kind", ACTS)
    def test_are_done_one_after_the_other(self, bank, kind):
        act, loan = ACTS[kind], bank.run(make_running_loan)
        repayment_id = bank.run(lambda session: prepare(session, loan))

        answers = at_once(lambda _: done_or_refused(bank, act, loan, repayment_id), times=2)

        assert sorted(answers, key=str) == sorted(["done", act.second or "done"], key=str)
        sequences = [event[0] for event in bank.read(rows.events, loan)]
        assert sequences == list(range(1, 7 + answers.count("done")))
        assert bank.faults() == []


class TestDryRun:
    @pytest.mark.parametrize("kind", ACTS)
    def test_tells_what_would_be_and_stores_nothing(self, app, kind):
        with app.app_context():
            loan = transaction(make_running_loan)
            repayment_id = transaction(lambda session: prepare(session, loan))
            stored = rows.trail(db.session(), loan)
            db.session.rollback()

            tried = transaction(
                lambda session: ACTS[kind].do(session, loan, repayment_id=repayment_id), dry_run=True
            )

            assert rows.trail(db.session(), loan) == stored
            done = transaction(lambda session: ACTS[kind].do(session, loan, repayment_id=repayment_id))
        assert (tried.lines, tried.loan) == (done.lines, done.loan)


class TestGet:
    @pytest.mark.parametrize("kind", ACTS)
    def test_tells_what_an_event_did(self, session, loan, repayment_id, kind):
        acted = ACTS[kind].do(session, loan, repayment_id=repayment_id)

        told = transactions.get(session, loan_id=loan.id, event_id=acted.event.id, business_date=TODAY)

        assert (told.event, told.applied, told.loan) == (acted.event, acted.applied, acted.loan)
        assert (told.state, told.lines, told.reversal) == (acted.state, (), None)

    def test_refuses_an_unknown_event(self, session, loan):
        with pytest.raises(TransactionNotFound):
            transactions.get(session, loan_id=loan.id, event_id=uuid.uuid4(), business_date=TODAY)

    def test_refuses_an_unknown_loan(self, session):
        with pytest.raises(LoanNotFound):
            transactions.get(session, loan_id=uuid.uuid4(), event_id=uuid.uuid4(), business_date=TODAY)


class TestParts:
    @pytest.fixture
    def partly_paid_out(self, session):
        product = make_product(session, tranches_max=2)
        return make_running_loan(session, product=product, first_part="600.00")

    def disburse(self, session, loan, today=FIRST_DUE, **given):
        return origination.disburse(session, loan_id=loan.id, context=make_context(today), **given).loan

    def test_lay_out_what_is_paid_out(self, session, partly_paid_out):
        # 600.00 x 0.01 / (1 - 1.01^-3) = 204.01.
        assert rows.components(session, partly_paid_out) == [
            (1, 0, 0, 600, 19801),
            (2, 0, 0, 402, 19999),
            (3, 0, 0, 202, 20200),
        ]

    def test_plan_the_installments_to_come_anew(self, session, partly_paid_out):
        loan = self.disburse(session, partly_paid_out)

        # 401.99 and 400.00 more over two months: 801.99 x 1.0201 / 2.01 = 407.02.
        assert (loan.disbursed, loan.principal_outstanding) == (100000, 100000)
        assert rows.components(session, loan) == [
            (1, 0, 0, 600, 19801),
            (2, 0, 0, 802, 39900),
            (3, 0, 0, 403, 40299),
        ]

    def test_are_never_more_than_was_agreed(self, session, partly_paid_out):
        stored = rows.trail(session, partly_paid_out)

        with pytest.raises(LendingError) as refusal:
            self.disburse(session, partly_paid_out, amount="400.01")

        assert refusal.value.code == "disbursement_differs"
        assert rows.trail(session, partly_paid_out) == stored

    def test_come_to_an_end(self, session, partly_paid_out):
        self.disburse(session, partly_paid_out)

        with pytest.raises(LendingError) as refusal:
            self.disburse(session, partly_paid_out)

        assert refusal.value.code == "transition_not_allowed"
        assert refusal.value.detail == "The loan is disbursed in full already."

    def test_can_be_reversed_from_the_last_on(self, session, partly_paid_out):
        stood = rows.standing(session, partly_paid_out)
        second = self.disburse(session, partly_paid_out, today=DISBURSED_ON, amount="400.00")
        first_id, second_id = event_ids(session, second)[2:]

        with pytest.raises(ReversalRefused):
            reverse(session, partly_paid_out, first_id, today=DISBURSED_ON)
        reverse(session, partly_paid_out, second_id, today=DISBURSED_ON)

        assert nonzero(rows.standing(session, partly_paid_out)) == nonzero(stood)


def pay(session, loan):
    make_repayment(session, loan=loan, amount="30.00", on=SECOND_DUE, context=make_context(TODAY))


def event_ids(session, loan):
    return [event.id for event in transactions.loans.events(session, loan_id=loan.id)]


def done_or_refused(bank, act, loan, repayment_id):
    try:
        bank.run(lambda session: act.do(session, loan, repayment_id=repayment_id))
    except LendingError as refusal:
        return refusal.code
    return "done"


class TestActs:
    def test_are_of_every_kind_but_those_tried_apart(self):
        apart = {EventKind.DISBURSED, EventKind.RECOVERY}

        assert set(ACTS) == {kind.value for kind in REVERSIBLE - apart}


class TestTooLongAHistory:
    def test_takes_no_further_event_and_still_reversals(self, session, monkeypatch, loan):
        changed = change_rate(session, loan)
        # The limit of a loan that a few events would not reach.
        monkeypatch.setattr(work, "CHANGES_MAX", 5)
        stored = rows.trail(session, loan)

        with pytest.raises(HistoryTooLong) as refusal:
            change_rate(session, loan)

        assert refusal.value.extensions["rows_max"] == 5
        assert rows.trail(session, loan) == stored
        assert transactions.reverse(
            session, loan_id=loan.id, event_id=changed.event.id, context=make_context(FIRST_DUE)
        ).reversal
