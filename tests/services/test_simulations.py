"""What would become of a loan if events happened to it that nobody records."""

import uuid
from datetime import date

import pytest

from loans.core.documents import InvalidDocument
from loans.services import simulations
from loans.services.loan_events import LoanNotFound
from tests.factories import make_context, make_product, make_repayment
from tests.services import rows
from tests.services.small_loan import FIRST_DUE, SECOND_DUE, THIRD_DUE, make_running_loan

TODAY = date(2026, 2, 15)


@pytest.fixture
def loan(session):
    return make_running_loan(session)


def simulate(session, loan, *scenarios, **given):
    loaded = simulations.load(session, loan_id=loan.id)
    told = {"scenarios": list(scenarios), **given}
    present, played = simulations.simulate(loaded=loaded, document=told, business_date=TODAY)
    return loaded.record, present, played


class TestSimulate:
    def test_plays_scenarios_side_by_side(self, session, loan):
        record, present, (longer, dearer) = simulate(
            session,
            loan,
            {"name": "longer", "events": [{"type": "reschedule", "date": "2026-02-15", "installments": 4}]},
            {"events": [{"type": "rate_change", "date": "2026-02-15", "annual_rate": "24.00"}]},
        )

        assert (record.id, present.as_of, present.outstanding.total) == (loan.id, TODAY, 102007)
        assert (longer.name, dearer.name) == ("longer", "scenario 2")
        # 340.02 and 669.98 over four months, 171.70 three times and 171.71; over two at 2 %, 345.07 and 345.08.
        assert longer.state.outstanding.total == 34002 + 3 * 17170 + 17171
        assert dearer.state.outstanding.total == 34002 + 34507 + 34508

    def test_stores_nothing(self, session, loan):
        stored = rows.trail(session, loan)

        simulate(session, loan, {"events": [{"type": "write_off", "date": "2026-02-15"}]})

        assert rows.trail(session, loan) == stored

    def test_goes_up_to_the_day_asked_about(self, session, loan):
        scenario = {"events": [{"type": "fee", "date": "2026-03-20", "amount": "5.00"}]}

        _, _, (by_itself,) = simulate(session, loan, scenario)
        _, present, (with_others,) = simulate(session, loan, scenario, as_of="2026-03-31")
        _, _, (own,) = simulate(session, loan, scenario | {"as_of": "2026-04-30"}, as_of="2026-03-31")

        assert [each.as_of for each in (by_itself, with_others, own)] == [
            date(2026, 3, 20),
            date(2026, 3, 31),
            date(2026, 4, 30),
        ]
        assert present.as_of == date(2026, 3, 31)

    def test_tells_what_the_journal_would_receive(self, session, loan):
        _, _, (scenario,) = simulate(
            session, loan, {"events": [{"type": "repayment", "date": "2026-02-15", "amount": "340.02"}]}
        )

        assert {line.account: line.amount for line in scenario.lines} == {
            "1000": 34002,
            "1100": -33002,
            "1110": -1000,
        }

    def test_may_reverse_what_really_happened(self, session, loan):
        paid = make_repayment(session, loan=loan, amount="340.02", context=make_context(TODAY))

        _, present, (scenario,) = simulate(
            session,
            loan,
            {"events": [{"type": "reversal", "date": "2026-02-15", "event": str(paid.event.id)}]},
        )

        assert (present.paid.total, scenario.state.paid.total) == (34002, 0)

    def test_pays_out_what_is_left_where_no_amount_is_given(self, session):
        product = make_product(session, tranches_max=2)
        loan = make_running_loan(session, product=product, first_part="600.00")

        _, _, (scenario,) = simulate(
            session, loan, {"events": [{"type": "disbursement", "date": "2026-02-15"}]}
        )

        assert scenario.state.disbursed == 100000
        assert scenario.history.events[0].amount == 40000

    def test_says_of_a_scenario_that_cannot_be_why_and_plays_the_others(self, session, loan):
        _, _, (early, sound) = simulate(
            session,
            loan,
            {"events": [{"type": "recovery", "date": "2026-02-15", "amount": "1.00"}]},
            {"events": []},
        )

        assert (early.state, early.lines, early.refusal.code) == (None, (), "transition_not_allowed")
        assert (sound.refusal, sound.state.outstanding.total) == (None, 102007)

    def test_names_every_fault_of_every_scenario(self, session, loan):
        with pytest.raises(InvalidDocument) as refusal:
            simulate(
                session,
                loan,
                {"events": [{"type": "fee", "date": "2026-02-15", "amount": 5}], "color": "red"},
                {"name": "", "events": [{"type": "payout", "date": "yesterday"}]},
                {},
                as_of="tomorrow",
            )

        pointers = {fault["pointer"] for fault in refusal.value.extensions["errors"]}
        assert pointers == {
            "#/scenarios/0/events/0/amount",
            "#/scenarios/0/color",
            "#/scenarios/1/name",
            "#/scenarios/1/events/0/type",
            "#/scenarios/1/events/0/date",
            "#/scenarios/2/events",
            "#/as_of",
        }

    @pytest.mark.parametrize(
        ("document", "pointer"),
        [
            (None, "#"),
            ({}, "#/scenarios"),
            ({"scenarios": [{"events": []}] * 21}, "#/scenarios"),
            ({"scenarios": [], "colour": 1}, "#/colour"),
        ],
    )
    def test_refuses_what_is_no_set_of_scenarios(self, session, loan, document, pointer):
        loaded = simulations.load(session, loan_id=loan.id)

        with pytest.raises(InvalidDocument) as refusal:
            simulations.simulate(loaded=loaded, document=document, business_date=TODAY)

        assert pointer in {fault["pointer"] for fault in refusal.value.extensions["errors"]}

    def test_refuses_an_unknown_loan(self, session):
        with pytest.raises(LoanNotFound):
            simulations.load(session, loan_id=uuid.uuid4())

    def test_agrees_with_what_happens_then(self, session, loan):
        events = [
            {"type": "repayment", "date": FIRST_DUE.isoformat(), "amount": "100.00"},
            {"type": "repayment", "date": SECOND_DUE.isoformat(), "amount": "400.00"},
        ]
        _, _, (scenario,) = simulate(session, loan, {"events": events, "as_of": THIRD_DUE.isoformat()})

        for amount, on in (("100.00", FIRST_DUE), ("400.00", SECOND_DUE)):
            done = make_repayment(session, loan=loan, amount=amount, on=on, context=make_context(THIRD_DUE))

        assert scenario.state.installments == done.state.installments
        assert scenario.state.balances == done.state.balances
