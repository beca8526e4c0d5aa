"""The statistics of a book from its groups: months, shares, what is shown and what is left."""

from datetime import date

import pytest

from loans.core import portfolio
from loans.core.portfolio import Due, Groups, LoanGroup, Moved, Receivable
from loans.core.state import Amounts

TODAY = date(2026, 6, 15)
NOTHING = Groups(loans=(), moved=(), due=(), receivable=())


def group(**given):
    """A loan of 10.00 paid out in June 2026 that owes all of it and 1.00 of interest, and is not late."""
    defaults = {
        "currency": "KES",
        "status": "disbursed",
        "is_charged_off": False,
        "bucket": "0",
        "month": date(2026, 6, 1),
        "loans": 1,
        "disbursed": 1000,
        "principal_paid": 0,
        "principal_written_off": 0,
        "outstanding": Amounts(principal=1000, interest=100),
    }
    return LoanGroup(**(defaults | given))


def figures(*loans, months=12, **given):
    groups = Groups(**({"loans": loans, "moved": (), "due": (), "receivable": ()} | given))
    (found,) = portfolio.statistics(groups, on=TODAY, months=months)
    return found


class TestMonths:
    @pytest.mark.parametrize(
        ("day", "later", "expected"),
        [
            (date(2026, 6, 15), 0, date(2026, 6, 1)),
            (date(2026, 12, 31), 1, date(2027, 1, 1)),
            (date(2026, 1, 1), -1, date(2025, 12, 1)),
            (date(2024, 2, 29), -60, date(2019, 2, 1)),
            (date(2026, 6, 30), 60, date(2031, 6, 1)),
        ],
    )
    def test_are_counted_over_the_ends_of_years(self, day, later, expected):
        assert portfolio.month_of(day, later=later) == expected

    def test_shown_end_with_this_one_and_begin_with_it(self):
        found = figures(group(), months=3)

        assert [each.month.month for each in found.moved] == [4, 5, 6]
        assert [each.month.month for each in found.vintages] == [4, 5, 6]
        assert [each.month.month for each in found.expected] == [6, 7, 8]

    @pytest.mark.parametrize("months", [0, 61])
    def test_are_between_one_and_sixty(self, months):
        with pytest.raises(AssertionError, match="months"):
            portfolio.statistics(NOTHING, on=TODAY, months=months)


class TestRatio:
    @pytest.mark.parametrize(
        ("part", "whole", "expected"),
        [
            (0, 1, "0.0000"),
            (1, 1, "1.0000"),
            (1, 3, "0.3333"),
            (2, 3, "0.6667"),
            # Between two, half to even.
            (1, 20_000, "0.0000"),
            (3, 20_000, "0.0002"),
            (0, 0, None),
        ],
    )
    def test_has_four_decimals(self, part, whole, expected):
        assert portfolio.ratio(part, whole) == expected


class TestStatistics:
    def test_of_an_empty_book_are_none(self):
        assert portfolio.statistics(NOTHING, on=TODAY, months=12) == ()

    def test_are_of_one_currency_where_it_is_asked_for(self):
        groups = Groups(loans=(group(), group(currency="USD")), moved=(), due=(), receivable=())

        both = portfolio.statistics(groups, on=TODAY, months=12)
        one = portfolio.statistics(groups, on=TODAY, months=12, currency="USD")
        none = portfolio.statistics(groups, on=TODAY, months=12, currency="JPY")

        assert [each.currency for each in both] == ["KES", "USD"]
        assert ([each.currency for each in one], none) == (["USD"], ())

    def test_put_at_risk_who_is_later_than_the_last_day_of_each_bucket(self):
        owing = {
            bucket: group(bucket=bucket, outstanding=Amounts(principal=principal))
            for bucket, principal in (("0", 1), ("1-30", 10), ("31-60", 100), ("61-90", 1000))
        }
        worst = group(bucket="over 90", outstanding=Amounts(principal=10000))

        found = figures(*owing.values(), worst)

        assert found.at_risk == ((30, 11100, "0.9990"), (60, 11000, "0.9900"), (90, 10000, "0.9000"))

    def test_keep_apart_what_is_charged_off(self):
        found = figures(group(), group(is_charged_off=True, bucket="over 90"))

        assert (found.outstanding.total, found.charged_off_loans, found.charged_off.total) == (1100, 1, 1100)
        assert [each.loans for each in found.buckets] == [1, 0, 0, 0, 0]
        assert found.at_risk[0] == (30, 0, "0.0000")
        assert (found.vintages[-1].principal_outstanding, found.vintages[-1].principal_charged_off) == (
            1000,
            1000,
        )

    def test_sum_up_what_lies_before_and_after_the_months_shown(self):
        old, older = group(month=date(2026, 4, 1)), group(month=date(2021, 6, 1))
        due = (
            Due("KES", None, Amounts(principal=1)),
            Due("KES", date(2026, 6, 1), Amounts(principal=20)),
            Due("KES", date(2026, 7, 1), Amounts(principal=300)),
            Due("KES", date(2031, 6, 1), Amounts(principal=4000)),
            Due("USD", date(2026, 6, 1), Amounts(principal=50000)),
        )

        found = figures(group(), old, older, months=1, due=due)

        assert (found.vintages[0].loans, found.earlier_vintages.loans) == (1, 2)
        assert (found.overdue.principal, found.expected_later.principal) == (1, 4300)
        assert [each.amounts.principal for each in found.expected] == [20]

    def test_show_months_in_which_nothing_moved(self):
        moved = (Moved("KES", date(2026, 5, 1), 7, -3), Moved("USD", date(2026, 6, 1), 9, 9))

        found = figures(group(), months=2, moved=moved)

        assert [each[2:] for each in found.moved] == [(7, -3), (0, 0)]

    def test_take_no_loan_that_was_never_paid_out_into_a_vintage(self):
        pending = group(status="pending", month=None, bucket=None, disbursed=0, outstanding=Amounts())

        found = figures(pending, receivable=(Receivable("USD", Amounts(principal=1)),))

        assert dict(found.statuses)["pending"] == 1
        assert (found.earlier_vintages.loans, found.vintages[-1].loans) == (0, 0)
        assert (found.outstanding.total, found.receivable.total, found.at_risk[0].ratio) == (0, 0, None)
