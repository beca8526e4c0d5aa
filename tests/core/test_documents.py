from datetime import date
from fractions import Fraction

import pytest

from loans.core import documents
from loans.core.documents import FAULTS_SHOWN_MAX, Fault, Fields, InvalidDocument, Malformed
from loans.core.errors import LendingError
from loans.core.money import InvalidAmount, Rounding, UnknownCurrency
from loans.core.rates import InvalidRate


def told(faults):
    return [(fault.pointer, fault.code, fault.detail) for fault in faults]


class TestFields:
    def test_read_what_is_there_and_nothing_else(self):
        faults = []
        fields = Fields({"name": "Fee", "date": None}, pointer="#", faults=faults)

        assert fields.read("name", documents.text(longest=3)) == "Fee"
        assert fields.read("date", documents.day) is None
        assert fields.read("cap", documents.day) is None
        assert (fields.has("name"), fields.has("date"), fields.has("cap")) == (True, False, False)
        assert (fields.holds_text("name"), fields.holds_text("date")) == (True, False)
        fields.finish()
        assert faults == []

    def test_note_each_fault_with_its_place(self):
        faults = []
        fields = Fields({"fees": [{"date": "soon"}], "a/b~c": 1}, pointer="#/terms", faults=faults)

        fields.require("principal", "fees")
        for below in fields.children("fees", most=1):
            below.read("date", documents.day)
            below.finish()
        fields.finish()

        assert told(faults) == [
            ("#/terms/principal", "invalid", "Missing data for required field."),
            ("#/terms/fees/0/date", "invalid", "Must be a date such as 2024-01-31."),
            ("#/terms/a~1b~0c", "invalid", "Unknown field."),
        ]

    @pytest.mark.parametrize("value", [None, [], "x", 5, True])
    def test_say_once_that_something_is_no_object(self, value):
        faults = []
        fields = Fields(value, pointer="#", faults=faults)

        fields.require("principal")
        fields.finish()

        assert told(faults) == [("#", "invalid", "Must be an object.")]
        assert fields.make(dict, {}, spare={}) is None

    def test_read_each_of_a_list_but_those_at_fault(self):
        faults = []
        fields = Fields({"days": ["2024-01-01", "", "2024-01-03"]}, pointer="#", faults=faults)

        assert fields.each("days", documents.day, most=3) == [date(2024, 1, 1), date(2024, 1, 3)]
        assert told(faults) == [("#/days/1", "invalid", "Must be a date such as 2024-01-31.")]

    def test_have_no_list_where_there_is_none(self):
        faults = []
        fields = Fields({"days": None}, pointer="#", faults=faults)

        assert fields.each("days", documents.day, most=3) is None
        assert fields.children("pauses", most=3) is None
        assert faults == []

    @pytest.mark.parametrize(
        ("value", "detail"),
        [
            ("2024-01-01", "Must be a list."),
            ({"0": "2024-01-01"}, "Must be a list."),
            (["2024-01-01"] * 4, "Must have at most 3 entries."),
        ],
    )
    def test_do_not_look_into_what_is_no_list_or_too_long_a_one(self, value, detail):
        faults = []
        fields = Fields({"days": value}, pointer="#", faults=faults)

        assert fields.each("days", documents.day, most=3) is None
        assert fields.children("days", most=3) is None
        assert told(faults) == [("#/days", "invalid", detail)] * 2

    def test_note_what_a_core_value_refuses_with_the_code_of_the_refusal(self):
        faults = []
        fields = Fields({"rate": "-1"}, pointer="#", faults=faults)

        fields.read("rate", documents.rate)

        assert [(fault.pointer, fault.code) for fault in faults] == [("#/rate", "invalid_rate")]


class Refused(LendingError):
    code = "refused"
    title = "Refused"


def make_small(*, height=0, width=0):
    """Refuse what is larger than 9, one side at a time."""
    for name, value in (("height", height), ("width", width)):
        if value > 9:
            raise Refused(f"{name} is {value}", field=name)
    return height, width


def make_nothing(**_):
    raise Refused("never")


SPARE = {"height": {"height": 1}, "width": {"width": 1}}


class TestMake:
    def test_makes_the_value_from_what_is_there(self):
        faults = []
        fields = Fields({}, pointer="#", faults=faults)

        assert fields.make(make_small, {"height": 3, "width": None}, spare={}) == (3, 0)
        assert faults == []

    def test_notes_every_refusal_and_goes_on_with_what_is_spare(self):
        faults = []
        fields = Fields({}, pointer="#/box", faults=faults)

        fields.make(make_small, {"height": 10, "width": 11}, spare=SPARE)

        assert told(faults) == [
            ("#/box/height", "refused", "height is 10"),
            ("#/box/width", "refused", "width is 11"),
        ]

    def test_does_not_ask_again_about_a_field_at_fault(self):
        faults = []
        fields = Fields({"height": "x"}, pointer="#", faults=faults)
        fields.read("height", documents.whole(least=0, most=99))

        assert fields.make(make_small, {"height": 50, "width": 2}, spare=SPARE) == (1, 2)
        assert [fault.pointer for fault in faults] == ["#/height"]

    def test_stops_where_nothing_is_spare(self):
        faults = []
        fields = Fields({}, pointer="#", faults=faults)

        assert fields.make(make_nothing, {}, spare=SPARE) is None
        assert fields.make(make_small, {"height": 10}, spare={"height": {"height": 11}}) is None
        assert told(faults) == [
            ("#", "refused", "never"),
            ("#/height", "refused", "height is 10"),
            ("#/height", "refused", "height is 11"),
        ]


class TestAccept:
    def test_gives_what_was_read_without_a_fault(self):
        assert documents.accept("terms", faults=[]) == "terms"

    def test_stops_where_nothing_was_read_and_nothing_is_at_fault(self):
        with pytest.raises(AssertionError, match="nothing was read"):
            documents.accept(None, faults=[])

    def test_names_the_first_few_and_lists_at_most_a_hundred(self):
        faults = [Fault(pointer=f"#/{name}", code="invalid", detail="Unknown field.") for name in range(150)]

        with pytest.raises(InvalidDocument) as refused:
            documents.accept("terms", faults=faults)

        assert refused.value.detail == "150 fault(s): #/0, #/1, #/2, #/3, #/4"
        assert len(refused.value.extensions["errors"]) == FAULTS_SHOWN_MAX == 100
        assert refused.value.extensions["errors"][1] == {
            "pointer": "#/1",
            "code": "invalid",
            "detail": "Unknown field.",
        }
        assert refused.value.field is None


class TestReaders:
    @pytest.mark.parametrize(
        ("parse", "value", "read"),
        [
            (documents.day, "2024-02-29", date(2024, 2, 29)),
            (documents.rate, "12.5", Fraction(25, 2)),
            (documents.rate, "0", Fraction(0)),
            (documents.percent, "2.5", Fraction(5, 2)),
            (documents.amount("KES"), "0.01", 1),
            (documents.amount("JPY"), "100", 100),
            (documents.amount("KES", least=0), "0.00", 0),
            (documents.amount(None), "100.50", 1),
            (documents.amount(None, least=0), "0.00", 0),
            (documents.currency_code, "KES", "KES"),
            (documents.whole(least=1, most=3), 3, 3),
            (documents.text(longest=5), "Büro ", "Büro "),
            (documents.one_of(Rounding), "half_up", Rounding.HALF_UP),
        ],
    )
    def test_take_their_kind_of_value(self, parse, value, read):
        assert parse(value) == read

    @pytest.mark.parametrize(
        "value", ["2023-02-29", "2024-1-1", "20240101", "2024-01-01T00:00", "٢٠٢٤-٠١-٠١", 20240101, "", True]
    )
    def test_refuse_what_is_no_day(self, value):
        with pytest.raises(Malformed):
            documents.day(value)

    @pytest.mark.parametrize("value", [12, 12.5, True, ["12"]])
    def test_refuse_an_amount_or_rate_that_is_no_string(self, value):
        for parse in (documents.rate, documents.percent, documents.amount("KES"), documents.amount(None)):
            with pytest.raises(Malformed, match="decimal string in quotes"):
                parse(value)

    @pytest.mark.parametrize(
        "value", ["NaN", "Infinity", "1e5", "-1", "+1", " 1", "1,000", "", "1" + 30 * "0"]
    )
    def test_refuse_an_amount_or_rate_that_is_no_plain_decimal(self, value):
        with pytest.raises(InvalidAmount):
            documents.amount("KES")(value)
        with pytest.raises(Malformed):
            documents.amount(None)(value)
        with pytest.raises(InvalidRate):
            documents.rate(value)
        with pytest.raises(Malformed, match="percentage"):
            documents.percent(value)

    @pytest.mark.parametrize("currency", ["KES", None])
    def test_refuse_an_amount_of_nothing(self, currency):
        with pytest.raises(Malformed, match="more than zero"):
            documents.amount(currency)("0.00")

    def test_refuse_decimals_that_the_currency_does_not_have(self):
        with pytest.raises(InvalidAmount, match="The amount in JPY must have at most 0 decimals"):
            documents.amount("JPY")("100.50")

    @pytest.mark.parametrize(
        ("value", "refusal"), [("XXX", UnknownCurrency), ("kes", Malformed), (404, Malformed)]
    )
    def test_refuse_what_is_no_currency(self, value, refusal):
        with pytest.raises(refusal):
            documents.currency_code(value)

    @pytest.mark.parametrize("value", [0, 4, True, "2", 2.0, None, 10**30])
    def test_refuse_what_is_no_whole_number_within_limits(self, value):
        with pytest.raises(Malformed):
            documents.whole(least=1, most=3)(value)

    @pytest.mark.parametrize("value", ["", "123456", "a\nb", "a\x00", "\ud800", 5, None])
    def test_refuse_what_is_no_line_of_text(self, value):
        with pytest.raises(Malformed, match="1 to 5 characters"):
            documents.text(longest=5)(value)

    @pytest.mark.parametrize("value", ["HALF_UP", "", 1, ["half_up"], {}])
    def test_refuse_what_is_none_of_an_enumeration(self, value):
        with pytest.raises(Malformed, match="Must be one of: half_even, half_up, up, down"):
            documents.one_of(Rounding)(value)
