import json
import uuid
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given

from loans.core import event_documents
from loans.core.documents import InvalidDocument
from loans.core.events import Event, EventKind, RefundOf
from loans.core.terms import Component, Grace
from tests.core.document_strategies import codes, histories, renamed

ON = date(2024, 2, 15)
ID = uuid.UUID(int=7)
PAID = uuid.UUID(int=8)
PAYMENT = {"id": "p1", "type": "repayment", "date": "2024-02-15", "amount": "340.02"}


def read(document, *, currency="KES"):
    return event_documents.read(document, event_id=ID, currency=currency, ids={"p1": PAID, 0: PAID})


def faults(listed, **options):
    """What is refused of a list of events, as {pointer: detail}."""
    with pytest.raises(InvalidDocument) as refused:
        event_documents.read_all(listed, **({"currency": "KES"} | options))
    found = [(fault["pointer"], fault["detail"]) for fault in refused.value.extensions["errors"]]
    assert len(dict(found)) == len(found)
    return dict(found)


def happened(kind, **given):
    return Event(id=ID, kind=kind, date=ON, **given)


class TestRead:
    @pytest.mark.parametrize(
        ("document", "event"),
        [
            ({"type": "disbursement", "amount": "9.00"}, happened(EventKind.DISBURSED, amount=900)),
            ({"type": "disbursement"}, happened(EventKind.DISBURSED, amount=None)),
            ({"type": "repayment", "amount": "0.01"}, happened(EventKind.REPAYMENT, amount=1)),
            ({"type": "fee", "amount": "5"}, happened(EventKind.FEE, amount=500)),
            ({"type": "late_fee", "amount": "5.5"}, happened(EventKind.LATE_FEE, amount=550)),
            ({"type": "fee_waiver"}, happened(EventKind.FEE_WAIVER, amount=None)),
            (
                {"type": "fee_waiver", "amount": "1.00", "installment": 2, "component": "penalty"},
                happened(EventKind.FEE_WAIVER, amount=100, installment=2, component=Component.PENALTY),
            ),
            ({"type": "interest_waiver", "amount": None}, happened(EventKind.INTEREST_WAIVER, amount=None)),
            (
                {"type": "rate_change", "annual_rate": "10.5"},
                happened(EventKind.RATE_CHANGE, annual_rate=Fraction(21, 2)),
            ),
            (
                {"type": "interest_pause", "until": "2024-02-16"},
                happened(EventKind.INTEREST_PAUSE, until=date(2024, 2, 16)),
            ),
            ({"type": "reschedule"}, happened(EventKind.RESCHEDULE)),
            (
                {
                    "type": "re_age",
                    "first_due_date": "2024-03-01",
                    "installments": 6,
                    "installment_amount": "100.00",
                    "grace": {"interest": 1},
                },
                happened(
                    EventKind.RE_AGE,
                    first_due_date=date(2024, 3, 1),
                    installments=6,
                    installment_amount=10000,
                    grace=Grace(interest=1),
                ),
            ),
            ({"type": "payoff"}, happened(EventKind.PAYOFF, amount=None)),
            ({"type": "charge_off"}, happened(EventKind.CHARGE_OFF)),
            ({"type": "write_off"}, happened(EventKind.WRITE_OFF)),
            ({"type": "recovery", "amount": "1.00"}, happened(EventKind.RECOVERY, amount=100)),
            ({"type": "refund", "amount": "1.00"}, happened(EventKind.REFUND, amount=100)),
            (
                {"type": "refund", "amount": "1.00", "of": "fee"},
                happened(EventKind.REFUND, amount=100, of=RefundOf.FEE),
            ),
            ({"type": "goodwill_credit", "amount": "1.00"}, happened(EventKind.GOODWILL_CREDIT, amount=100)),
            (
                {"type": "chargeback", "repayment": "p1"},
                happened(EventKind.CHARGEBACK, amount=None, repayment=PAID),
            ),
            (
                {"type": "chargeback", "repayment": 0, "amount": "3.00"},
                happened(EventKind.CHARGEBACK, amount=300, repayment=PAID),
            ),
            ({"type": "reversal", "event": "p1"}, happened(EventKind.REVERSAL, reverses=PAID)),
        ],
    )
    def test_takes_each_type(self, document, event):
        assert read({"date": "2024-02-15"} | document) == event

    def test_counts_decimals_by_the_currency(self):
        assert read({"type": "fee", "date": "2024-02-15", "amount": "500"}, currency="JPY").amount == 500

    def test_knows_every_kind_but_the_decisions_before_disbursement(self):
        assert set(event_documents.WIRE_TYPES) == {
            *("disbursement", "repayment", "fee", "late_fee", "fee_waiver", "interest_waiver", "rate_change"),
            *("interest_pause", "reschedule", "re_age", "payoff", "charge_off", "write_off", "recovery"),
            *("refund", "goodwill_credit", "chargeback", "reversal"),
        }

    def test_names_faults_below_its_place(self):
        with pytest.raises(InvalidDocument) as refused:
            event_documents.read({}, event_id=ID, currency="KES", ids={}, pointer="#/charge")

        assert [fault["pointer"] for fault in refused.value.extensions["errors"]] == [
            "#/charge/type",
            "#/charge/date",
        ]

    @pytest.mark.parametrize(
        ("document", "field"),
        [
            ({"type": "approved"}, "type"),
            ({"type": "disbursed"}, "type"),
            ({"type": 5}, "type"),
            ({"type": "repayment"}, "amount"),
            ({"type": "repayment", "amount": "0.00"}, "amount"),
            ({"type": "repayment", "amount": "-1.00"}, "amount"),
            ({"type": "repayment", "amount": "NaN"}, "amount"),
            ({"type": "repayment", "amount": 1}, "amount"),
            ({"type": "repayment", "amount": True}, "amount"),
            ({"type": "repayment", "amount": "1.00", "date": "tomorrow"}, "date"),
            ({"type": "repayment", "amount": "1.00", "date": None}, "date"),
            ({"type": "repayment", "amount": "1.00", "of": "fee"}, "of"),
            ({"type": "repayment", "amount": "1.00", "id": ""}, "id"),
            ({"type": "repayment", "amount": "1.00", "id": "x" * 101}, "id"),
            ({"type": "repayment", "amount": "1.00", "id": 1}, "id"),
            ({"type": "refund"}, "amount"),
            ({"type": "refund", "amount": "1.00", "of": "interest"}, "of"),
            ({"type": "charge_off", "amount": "1.00"}, "amount"),
            ({"type": "write_off", "amount": "1.00"}, "amount"),
            ({"type": "reschedule", "amount": "1.00"}, "amount"),
            ({"type": "reschedule", "installments": 0}, "installments"),
            ({"type": "reschedule", "installments": 601}, "installments"),
            ({"type": "reschedule", "installment_amount": "0"}, "installment_amount"),
            ({"type": "reschedule", "first_due_date": "2024-02-15"}, "first_due_date"),
            ({"type": "reschedule", "grace": 1}, "grace"),
            ({"type": "reschedule", "grace": {"principal": -1}}, "grace/principal"),
            ({"type": "rate_change"}, "annual_rate"),
            ({"type": "rate_change", "annual_rate": "-1"}, "annual_rate"),
            ({"type": "interest_pause"}, "until"),
            ({"type": "interest_pause", "until": "2024-02-15"}, "until"),
            ({"type": "fee_waiver", "installment": 0}, "installment"),
            ({"type": "fee_waiver", "component": "interest"}, "component"),
            ({"type": "fee_waiver", "component": "x"}, "component"),
            ({"type": "chargeback"}, "repayment"),
            ({"type": "chargeback", "repayment": "p2"}, "repayment"),
            ({"type": "reversal"}, "event"),
            ({"type": "reversal", "event": 1}, "event"),
            ({"type": "reversal", "event": False}, "event"),
            ({"type": "reversal", "event": ["p1"]}, "event"),
        ],
    )
    def test_refuses_what_does_not_fit_the_type(self, document, field):
        with pytest.raises(InvalidDocument) as refused:
            read({"date": "2024-02-15"} | document)

        assert [fault["pointer"] for fault in refused.value.extensions["errors"]] == [f"#/{field}"]


class TestReadAll:
    def test_gives_the_same_ids_each_time_by_name_or_place(self):
        listed = [{"type": "disbursement", "date": "2024-01-15"}, PAYMENT]

        history = event_documents.read_all(listed, currency="KES")

        assert history == event_documents.read_all(listed, currency="KES")
        assert [history.names[event.id] for event in history.events] == [0, "p1"]

    def test_keeps_the_id_of_a_named_event_wherever_it_stands(self):
        alone = event_documents.read_all([PAYMENT], currency="KES")
        second = event_documents.read_all(
            [{"type": "write_off", "date": "2024-03-01"}, PAYMENT], currency="KES"
        )

        assert alone.events[0] == second.events[1]

    def test_lets_events_name_others_by_id_or_place_before_or_after(self):
        listed = [
            {"type": "reversal", "date": "2024-02-20", "event": 2},
            {"type": "chargeback", "date": "2024-02-21", "repayment": "p1"},
            {"type": "chargeback", "date": "2024-02-22", "repayment": 3},
            PAYMENT,
        ]

        events = event_documents.read_all(listed, currency="KES").events

        assert events[0].reverses == events[2].id
        assert events[1].repayment == events[2].repayment == events[3].id

    def test_lets_events_name_those_that_are_known_by_their_uuid(self):
        known = [Event(id=PAID, kind=EventKind.REPAYMENT, date=ON, amount=100)]
        listed = [{"type": "reversal", "date": "2024-02-20", "event": str(PAID)}]

        history = event_documents.read_all(listed, currency="KES", known=known)

        assert [event.reverses for event in history.events] == [PAID]

    def test_takes_no_events_for_an_empty_history(self):
        assert event_documents.read_all([], currency="KES") == event_documents.History(events=(), names={})

    def test_refuses_every_fault_of_every_event(self):
        listed = [{"type": "repayment", "date": "x"}, 5, {"type": "fly", "date": "2024-01-01"}]

        assert list(faults(listed)) == [
            "#/events/1",
            "#/events/0/date",
            "#/events/0/amount",
            "#/events/2/type",
        ]

    @pytest.mark.parametrize("listed", [{}, "x", [PAYMENT] * 1001])
    def test_refuses_what_is_no_list_of_at_most_a_thousand(self, listed):
        assert list(faults(listed, pointer="#/scenarios/2/events")) == ["#/scenarios/2/events"]

    def test_refuses_an_id_that_is_taken(self):
        known = [Event(id=PAID, kind=EventKind.REPAYMENT, date=ON, amount=100)]

        assert faults([PAYMENT, PAYMENT, PAYMENT | {"id": str(PAID)}], known=known) == {
            "#/events/1/id": "Another event has this id.",
            "#/events/2/id": "Another event has this id.",
        }

    def test_refuses_reversals_that_cannot_be(self):
        gone, approval = uuid.UUID(int=20), uuid.UUID(int=21)
        known = [
            Event(id=gone, kind=EventKind.REPAYMENT, date=ON, amount=100),
            Event(id=uuid.UUID(int=22), kind=EventKind.REVERSAL, date=ON, reverses=gone),
            Event(id=approval, kind=EventKind.APPROVED, date=ON),
        ]
        undo = {"type": "reversal", "date": "2024-02-20"}
        listed = [
            PAYMENT,
            undo | {"event": "p1"},
            undo | {"event": "p1"},
            undo | {"event": 1},
            undo | {"event": str(gone)},
            undo | {"event": str(approval)},
        ]

        assert faults(listed, known=known) == {
            "#/events/2/event": "Has already been reversed.",
            "#/events/3/event": "Is of a type that cannot be reversed.",
            "#/events/4/event": "Has already been reversed.",
            "#/events/5/event": "Is of a type that cannot be reversed.",
        }

    def test_refuses_to_charge_back_what_is_no_repayment(self):
        listed = [
            {"type": "goodwill_credit", "date": "2024-02-15", "amount": "1.00"},
            {"type": "payoff", "date": "2024-02-16"},
            {"type": "chargeback", "date": "2024-02-20", "repayment": 0},
            {"type": "chargeback", "date": "2024-02-20", "repayment": 1},
        ]

        assert faults(listed) == {"#/events/2/repayment": "Is not a repayment."}

    def test_does_not_blame_a_reference_for_the_fault_of_its_event(self):
        listed = [
            {"id": "p1", "type": "repayment", "date": "2024-02-15"},
            {"type": "chargeback", "date": "2024-02-20", "repayment": "p1"},
            {"type": "reversal", "date": "2024-02-20", "event": "p1"},
        ]

        assert faults(listed) == {"#/events/0/amount": "Missing data for required field."}


class TestWrite:
    def test_says_what_was_said_with_the_names_that_were_used(self):
        listed = [
            {"id": "out", "type": "disbursement", "date": "2024-01-15"},
            PAYMENT,
            {"type": "refund", "date": "2024-02-16", "amount": "1.00", "of": "overpayment"},
            {"id": "back", "type": "chargeback", "date": "2024-02-17", "repayment": "p1"},
            {"id": "undo", "type": "reversal", "date": "2024-02-18", "event": 2},
        ]
        history = event_documents.read_all(listed, currency="KES")

        written = [
            event_documents.write(event, currency="KES", names=history.names) for event in history.events
        ]

        assert written == listed

    def test_names_an_event_by_its_uuid_where_it_has_no_other_name(self):
        event = Event(id=ID, kind=EventKind.CHARGEBACK, date=ON, amount=None, repayment=PAID)

        assert event_documents.write(event, currency="KES") == {
            "id": str(ID),
            "type": "chargeback",
            "date": "2024-02-15",
            "repayment": str(PAID),
        }

    def test_shows_decisions_too(self):
        event = Event(id=ID, kind=EventKind.APPROVED, date=ON)

        assert event_documents.write(event, currency="KES") == {
            "id": str(ID),
            "type": "approved",
            "date": "2024-02-15",
        }

    @given(histories(), codes)
    def test_is_read_back_exactly(self, told, currency):
        listed = [event_documents.write(event, currency=currency) for event in told]

        history = event_documents.read_all(json.loads(json.dumps(listed)), currency=currency)

        ids = {uuid.UUID(name): event_id for event_id, name in history.names.items()}
        assert history.events == renamed(told, ids)


class TestColumns:
    @given(histories(), codes)
    def test_and_details_make_the_event_again(self, told, currency):
        for event in told:
            stored = json.dumps(event_documents.details(event, currency=currency))

            made = event_documents.from_columns(
                event.id,
                kind=event.kind,
                date=event.date,
                amount=event.amount,
                reverses=event.reverses,
                details=json.loads(stored),
                currency=currency,
            )

            assert made == event

    def test_say_it_all_of_most_events(self):
        event = Event(id=ID, kind=EventKind.REPAYMENT, date=ON, amount=34002)

        assert event_documents.details(event, currency="KES") == {}

    def test_leave_the_rest_to_the_details(self):
        event = Event(
            id=ID,
            kind=EventKind.RESCHEDULE,
            date=ON,
            installments=6,
            installment_amount=10000,
            first_due_date=date(2024, 3, 1),
            grace=Grace(principal=1),
        )

        assert event_documents.details(event, currency="KES") == {
            "first_due_date": "2024-03-01",
            "installments": 6,
            "installment_amount": "100.00",
            "grace": {"principal": 1, "interest": 0, "interest_free": 0},
        }

    @pytest.mark.parametrize("details", [{"annual_rate": "x"}, {"colour": "blue"}])
    def test_stop_at_details_that_nobody_wrote(self, details):
        with pytest.raises(AssertionError, match="not what was written"):
            event_documents.from_columns(
                ID,
                kind=EventKind.RATE_CHANGE,
                date=ON,
                amount=0,
                reverses=None,
                details=details,
                currency="KES",
            )
