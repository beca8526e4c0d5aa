import uuid

import pytest

from loans.queries import paging
from loans.queries.paging import InvalidCursor

KEYS = [uuid.UUID(int=number) for number in range(4)]


class TestPage:
    def test_is_the_last_when_no_row_is_left_over(self):
        page = paging.page("abc", limit=3, keys=KEYS[:3])

        assert (page.items, page.next_cursor) == (("a", "b", "c"), None)

    def test_leaves_the_row_too_many_for_the_next(self):
        page = paging.page("abcd", limit=3, keys=KEYS)

        assert page.items == ("a", "b", "c")
        assert paging.after_id(page.next_cursor) == KEYS[2]

    def test_may_be_empty(self):
        page = paging.page("", limit=3, keys=[])

        assert (page.items, page.next_cursor) == ((), None)


class TestAfterId:
    def test_of_no_cursor_is_the_beginning(self):
        assert paging.after_id(None) is None

    @pytest.mark.parametrize("cursor", ["", "x", "****", "MTIz", "é", "a" * 1000, "00000000\n"])
    def test_refuses_what_no_list_returned(self, cursor):
        with pytest.raises(InvalidCursor) as refusal:
            paging.after_id(cursor)

        assert refusal.value.field == "cursor"


class TestAfterSequence:
    def test_of_no_cursor_is_the_beginning(self):
        assert paging.after_sequence(None) == 0

    def test_reads_the_sequence(self):
        cursor = paging.page("abc", limit=1, keys=[41, 42, 43]).next_cursor

        assert paging.after_sequence(cursor) == 41

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "x",
            "LTE",  # -1
            "MS41",  # 1.5
            "MTIzNDU2Nzg5MA",  # 1234567890, ten digits
            "wrI",  # ², a digit to str.isdigit
        ],
    )
    def test_refuses_what_no_list_returned(self, cursor):
        with pytest.raises(InvalidCursor):
            paging.after_sequence(cursor)
