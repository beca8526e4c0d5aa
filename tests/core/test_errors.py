from loans.core.errors import LendingError
from loans.core.money import InvalidAmount


class TestLendingError:
    def test_carries_detail_field_and_extensions(self):
        refusal = InvalidAmount("amount is too large.", field="amount", limit=5)

        assert refusal.detail == "amount is too large."
        assert str(refusal) == "amount is too large."
        assert refusal.field == "amount"
        assert refusal.extensions == {"limit": 5}

    def test_needs_neither_field_nor_extensions(self):
        refusal = InvalidAmount("no.")

        assert refusal.field is None
        assert refusal.extensions == {}

    def test_is_caught_as_one_family(self):
        assert issubclass(InvalidAmount, LendingError)
        assert (InvalidAmount.code, InvalidAmount.title) == ("invalid_amount", "Invalid amount")
