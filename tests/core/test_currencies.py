import pytest

from loans.core.currencies import MINOR_UNITS


class TestMinorUnits:
    @pytest.mark.parametrize(
        ("currency", "exponent"),
        [
            ("KES", 2),
            ("USD", 2),
            ("MGA", 2),
            ("JPY", 0),
            ("UGX", 0),
            ("XOF", 0),
            ("KWD", 3),
            ("TND", 3),
            ("CLF", 4),
        ],
    )
    def test_follow_iso_4217(self, currency, exponent):
        assert MINOR_UNITS[currency] == exponent

    @pytest.mark.parametrize("code", ["XAU", "XXX", "XTS", "HRK", "BGN", "kes", "EURO", ""])
    def test_leave_out_metals_test_codes_and_money_no_longer_paid(self, code):
        assert code not in MINOR_UNITS

    def test_are_three_capital_letters_each(self):
        assert all(len(code) == 3 and code.isascii() and code.isupper() for code in MINOR_UNITS)

    def test_count_every_national_currency_once(self):
        assert len(MINOR_UNITS) == 156
