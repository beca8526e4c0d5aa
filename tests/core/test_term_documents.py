import json
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import charge_documents, term_documents
from loans.core.business_days import Convention, Holidays
from loans.core.charges import Collection, Fee, FeeBase, FeeTime, LateFee
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.terms import (
    BUCKETS,
    Across,
    Component,
    DownPayment,
    EarlyPayment,
    Grace,
    InterestMode,
    Method,
    Pause,
    Terms,
    Timing,
)
from tests.core.document_samples import SMALLEST, faults
from tests.core.document_strategies import terms_agreed

BUCKET_NAMES = [
    *("past_due_penalty", "past_due_fee", "past_due_interest", "past_due_principal"),
    *("due_penalty", "due_fee", "due_interest", "due_principal"),
    *("in_advance_penalty", "in_advance_fee", "in_advance_interest", "in_advance_principal"),
]


class UnknownCountry(LendingError):
    code = "unknown_country"
    title = "Unknown country"


def read(**changes):
    return term_documents.read(SMALLEST | changes)


class Calendars:
    """Knows one country, whose only holidays are the first days of the years that were asked for."""

    def __call__(self, code, *, first_year, last_year):
        if code != "KE":
            raise UnknownCountry(f"no {code}", field="holiday_calendar")
        days = frozenset(date(year, 1, 1) for year in (first_year, last_year))
        return Holidays(weekend=frozenset({5, 6}), days=days)


def years_asked(document, **options):
    terms = term_documents.read(document, resolve_calendar=Calendars(), **options)
    return [day.year for day in sorted(terms.holidays.days)]


class TestRead:
    def test_fills_in_the_documented_defaults(self):
        assert term_documents.read(SMALLEST) == Terms(
            principal=100000,
            currency="KES",
            annual_rate=Fraction(12),
            method=Method.EQUAL_INSTALLMENTS,
            installments=3,
            frequency=Frequency(1, PeriodUnit.MONTH),
            day_count=DayCount.EQUAL_PERIODS,
        )

    def test_takes_null_for_left_out(self):
        nothing = dict.fromkeys(
            ["method", "frequency", "grace", "fees", "late_fee", "down_payment", "balloon"]
        )

        assert read(**nothing) == term_documents.read(SMALLEST)

    def test_reads_dates_and_periods(self):
        terms = read(
            frequency={"every": 2, "unit": "semi_month"},
            start_date="2024-01-15",
            first_due_date="2024-02-20",
            due_day=20,
            business_day_convention="modified_following",
            pauses=[{"from_date": "2024-03-01", "until": "2024-04-01"}],
            grace={"principal": 1, "interest": 2},
        )

        assert terms.frequency == Frequency(2, PeriodUnit.SEMI_MONTH)
        assert (terms.start_date, terms.first_due_date) == (date(2024, 1, 15), date(2024, 2, 20))
        assert (terms.due_day, terms.convention) == (20, Convention.MODIFIED_FOLLOWING)
        assert terms.pauses == (Pause(date(2024, 3, 1), date(2024, 4, 1)),)
        assert terms.grace == Grace(principal=1, interest=2, interest_free=0)

    def test_reads_fees(self):
        terms = read(
            fees=[
                {"type": "upfront", "percent": "2.5", "collection": "added", "name": "Processing"},
                {"type": "per_installment", "percent": "1", "of": "interest"},
                {"type": "dated", "amount": "5.00", "date": "2024-03-01"},
            ],
            late_fee={"percent": "5", "grace_days": 3, "cap": "50.00"},
        )

        assert terms.fees == (
            Fee(
                name="Processing",
                charged=FeeTime.UPFRONT,
                percent=Fraction(5, 2),
                collection=Collection.ADDED,
            ),
            Fee(charged=FeeTime.PER_INSTALLMENT, percent=Fraction(1), of=FeeBase.INTEREST),
            Fee(charged=FeeTime.DATED, amount=500, date=date(2024, 3, 1)),
        )
        assert terms.late_fee == LateFee(percent=Fraction(5), grace_days=3, cap=5000)

    @pytest.mark.parametrize(
        ("given", "down_payment"),
        [
            ("125.00", DownPayment(amount=12500)),
            ({"amount": "125.00"}, DownPayment(amount=12500)),
            ({"percent": "25"}, DownPayment(percent=Fraction(25))),
            ("0.00", DownPayment()),
        ],
    )
    def test_reads_a_down_payment_as_amount_or_percent(self, given, down_payment):
        assert read(down_payment=given).down_payment == down_payment

    def test_lets_a_balloon_of_nothing_mean_none(self):
        assert read(balloon="0.00").balloon == 0

    def test_puts_its_place_before_each_pointer(self):
        assert faults({}, pointer="#/scenarios/1/terms") == {
            "#/scenarios/1/terms/principal": "Missing data for required field.",
            "#/scenarios/1/terms/currency": "Missing data for required field.",
            "#/scenarios/1/terms/annual_rate": "Missing data for required field.",
            "#/scenarios/1/terms/installments": "Missing data for required field.",
        }

    @pytest.mark.parametrize("document", [None, [], "x", 5])
    def test_refuses_what_is_no_object(self, document):
        assert faults(document) == {"#": "Must be an object."}


class TestAllocation:
    def test_takes_four_components_for_each_timing_in_turn(self):
        order = ["principal", "interest", "fee", "penalty"]

        terms = read(allocation={"order": order, "across": "vertical"})

        assert terms.across is Across.VERTICAL
        assert terms.allocation == tuple((timing, Component(name)) for timing in Timing for name in order)

    def test_takes_twelve_buckets(self):
        order = [*BUCKET_NAMES[7::-1], *BUCKET_NAMES[:7:-1]]

        terms = read(allocation={"order": order})

        assert terms.allocation == (*BUCKETS[7::-1], *BUCKETS[:7:-1])

    def test_pays_what_is_due_before_anything_in_advance(self):
        assert faults(SMALLEST | {"allocation": {"order": BUCKET_NAMES[::-1]}}) == {
            "#/allocation/order": "allocation.order must name what is paid in advance after what is due."
        }

    def test_is_the_default_where_no_order_is_given(self):
        assert read(allocation={}).allocation == BUCKETS

    @pytest.mark.parametrize(
        ("order", "wrong"),
        [
            (["fee", "fee", "interest"], "penalty is missing, principal is missing, fee stands there twice"),
            ([], "penalty is missing, fee is missing, interest is missing, principal is missing"),
            (
                ["penalty", "fee", "interest", "capital"],
                "capital is unknown, principal is missing",
            ),
            ([*BUCKET_NAMES[:11], "due_fee"], "in_advance_principal is missing, due_fee stands there twice"),
            ([*BUCKET_NAMES[:11], "principal"], "principal is unknown, in_advance_principal is missing"),
        ],
    )
    def test_says_what_is_missing_or_twice(self, order, wrong):
        assert faults(SMALLEST | {"allocation": {"order": order}}) == {
            "#/allocation/order": f"Must name four components or twelve buckets, each once: {wrong}."
        }

    @pytest.mark.parametrize(
        ("allocation", "pointer"),
        [
            ({"order": "fee"}, "#/allocation/order"),
            ({"order": ["fee"] * 13}, "#/allocation/order"),
            ({"order": ["penalty", 5, "fee", "interest"]}, "#/allocation/order/1"),
            ({"order": ["x" * 31]}, "#/allocation/order/0"),
            ({"across": "diagonal"}, "#/allocation/across"),
            ({"orders": []}, "#/allocation/orders"),
            (["fee"], "#/allocation"),
        ],
    )
    def test_refuses_what_is_no_such_list(self, allocation, pointer):
        assert list(faults(SMALLEST | {"allocation": allocation})) == [pointer]


class TestHolidays:
    def test_are_looked_up_from_the_year_before_the_start_to_five_years_after_the_end(self):
        document = SMALLEST | {"holiday_calendar": "KE", "installments": 13}

        assert years_asked(document | {"start_date": "2024-06-01"}) == [2023, 2031]
        assert years_asked(document, starts=date(2024, 6, 1)) == [2023, 2031]
        assert years_asked(document | {"first_due_date": "2025-06-01"}, starts=date(2024, 6, 1)) == [
            2023,
            2032,
        ]
        assert years_asked(document | {"first_due_date": "2025-06-01"}) == [2024, 2032]

    def test_are_looked_up_for_a_hundred_years_at_most_and_within_the_calendar(self):
        document = SMALLEST | {"holiday_calendar": "KE", "start_date": "2000-01-01"}

        assert years_asked(document | {"first_due_date": "2200-01-01"}) == [1999, 2099]
        assert years_asked(document | {"start_date": "0001-01-01"}) == [1, 7]
        assert years_asked(document | {"start_date": "9999-01-01"}) == [9998, 9999]

    def test_that_are_pinned_are_not_looked_up(self):
        pinned = {"weekend": [4, 5], "days": ["2024-01-01"]}

        terms = read(holiday_calendar="KE", holidays=pinned)

        assert terms.holidays == Holidays(weekend=frozenset({4, 5}), days=frozenset({date(2024, 1, 1)}))

    def test_need_somebody_to_look_them_up(self):
        assert faults(SMALLEST | {"holiday_calendar": "KE"}) == {
            "#/holiday_calendar": "Comes without its holidays."
        }

    def test_need_a_start(self):
        assert faults(SMALLEST | {"holiday_calendar": "KE"}, resolve_calendar=Calendars()) == {
            "#/holiday_calendar": "Needs a start_date: holidays are looked up from there on."
        }

    def test_of_an_unknown_country_are_refused_by_its_name(self):
        document = SMALLEST | {"holiday_calendar": "XX", "start_date": "2024-01-01"}

        assert faults(document, resolve_calendar=Calendars()) == {"#/holiday_calendar": "no XX"}

    @pytest.mark.parametrize(
        ("holidays", "pointer"),
        [
            ({"weekend": [7], "days": []}, "#/holidays/weekend/0"),
            ({"weekend": [5], "days": ["never"]}, "#/holidays/days/0"),
            ({"weekend": [5]}, "#/holidays/days"),
            ({"weekend": [], "days": [], "name": "KE"}, "#/holidays/name"),
            ([], "#/holidays"),
        ],
    )
    def test_are_refused_when_malformed(self, holidays, pointer):
        assert list(faults(SMALLEST | {"holidays": holidays})) == [pointer]


class TestWrite:
    def test_gives_every_value_but_those_that_are_none(self):
        assert term_documents.write(term_documents.read(SMALLEST)) == {
            "principal": "1000.00",
            "currency": "KES",
            "annual_rate": "12.00",
            "method": "equal_installments",
            "installments": 3,
            "frequency": {"every": 1, "unit": "month"},
            "day_count": "EQUAL_PERIODS",
            "business_day_convention": "unadjusted",
            "grace": {"principal": 0, "interest": 0, "interest_free": 0},
            "pauses": [],
            "balloon": "0.00",
            "installment_multiple": "0.01",
            "rounding": "half_even",
            "interest_mode": "scheduled",
            "allocation": {"order": ["penalty", "fee", "interest", "principal"], "across": "horizontal"},
            "early_payment": "next_installments",
            "fees": [],
            "penalty_rate": "0.00",
            "tranches_max": 1,
            "suspend_after_days": 90,
            "accounting": "accrual",
        }

    def test_names_the_calendar_beside_its_holidays(self):
        terms = read(holidays={"weekend": [6, 5], "days": ["2024-12-12", "2024-01-01"]})

        written = term_documents.write(terms, holiday_calendar="KE")

        assert written["holiday_calendar"] == "KE"
        assert written["holidays"] == {"weekend": [5, 6], "days": ["2024-01-01", "2024-12-12"]}

    def test_names_twelve_buckets_where_the_timings_differ(self):
        order = [BUCKET_NAMES[1], BUCKET_NAMES[0], *BUCKET_NAMES[2:]]

        assert term_documents.write(read(allocation={"order": order}))["allocation"]["order"] == order

    def test_writes_charges_with_all_their_values(self):
        terms = read(
            fees=[{"type": "dated", "amount": "5.00", "date": "2024-03-01"}],
            late_fee={"percent": "5", "cap": "50.00"},
            down_payment={"percent": "10"},
        )

        written = term_documents.write(terms)

        assert written["fees"] == [
            {
                "name": "fee",
                "type": "dated",
                "amount": "5.00",
                "of": "principal",
                "collection": "deducted",
                "date": "2024-03-01",
            }
        ]
        assert written["late_fee"] == {"percent": "5.00", "grace_days": 0, "cap": "50.00"}
        assert written["down_payment"] == {"percent": "10.00"}

    @given(terms_agreed(), st.sampled_from([None, "KE", "US-NY"]))
    def test_is_read_back_exactly(self, terms, calendar):
        stored = json.dumps(
            term_documents.write(terms, holiday_calendar=calendar if terms.holidays else None)
        )

        assert term_documents.read(json.loads(stored)) == terms

    @given(terms_agreed())
    def test_survives_being_read_and_written_again(self, terms):
        written = term_documents.write(terms)

        assert term_documents.write(term_documents.read(written)) == written


class TestCurrencyOf:
    @pytest.mark.parametrize(
        ("document", "currency"),
        [({"currency": "KES"}, "KES"), ({"currency": "XXX"}, None), ({}, None), (None, None)],
    )
    def test_is_none_where_it_is_not_known(self, document, currency):
        assert term_documents.currency_of(document) == currency


class TestLimits:
    def test_leave_room_for_the_longest_names(self):
        name = "x" * charge_documents.FEE_NAME_LENGTH_MAX

        terms = read(fees=[{"type": "upfront", "amount": "1.00", "name": name}])

        assert terms.fees[0].name == name
        assert read(interest_mode="daily").interest_mode is InterestMode.DAILY
        assert read(early_payment="last_installment").early_payment is EarlyPayment.LAST_INSTALLMENT
