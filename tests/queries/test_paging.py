import base64
import uuid
from datetime import date, datetime

import pytest

from loans.queries import paging
from loans.queries.paging import InvalidCursor

KEYS = [(uuid.UUID(int=number),) for number in range(4)]
TAG = paging.tag("loans", {"currency": "KES"})


def encoded(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class TestPage:
    def test_is_the_last_when_no_row_is_left_over(self):
        page = paging.page("abc", limit=3, keys=KEYS[:3], tag=TAG)

        assert (page.items, page.next_cursor) == (("a", "b", "c"), None)

    def test_leaves_the_row_too_many_for_the_next(self):
        page = paging.page("abcd", limit=3, keys=KEYS, tag=TAG)

        assert page.items == ("a", "b", "c")
        assert paging.after(page.next_cursor, tag=TAG, reads=(uuid.UUID,)) == KEYS[2]

    def test_may_be_empty(self):
        page = paging.page("", limit=3, keys=[], tag=TAG)

        assert (page.items, page.next_cursor) == ((), None)


class TestTag:
    def test_tells_lists_and_what_was_asked_of_them_apart(self):
        asked = [("loans", {}), ("borrowers", {}), ("loans", {"q": None}), ("loans", {"q": "None"})]

        assert len({paging.tag(name, given) for name, given in asked}) == 4

    def test_minds_no_order(self):
        assert paging.tag("loans", {"a": 1, "b": 2}) == paging.tag("loans", {"b": 2, "a": 1})


class TestAfter:
    def test_of_no_cursor_is_the_beginning(self):
        assert paging.after(None, tag=TAG, reads=(int,)) is None

    @pytest.mark.parametrize(
        ("key", "reads"),
        [
            ((41,), (int,)),
            ((-41,), (int,)),
            ((2**63 - 1, uuid.UUID(int=7)), (int, uuid.UUID)),
            ((date(9999, 12, 31), uuid.UUID(int=7)), (date.fromisoformat, uuid.UUID)),
            (
                (datetime.fromisoformat("2026-06-15T12:00:00.000001+00:00"), uuid.UUID(int=7)),
                (datetime.fromisoformat, uuid.UUID),
            ),
        ],
    )
    def test_reads_what_a_page_wrote(self, key, reads):
        cursor = paging.page("ab", limit=1, keys=[key, key], tag=TAG).next_cursor

        assert paging.after(cursor, tag=TAG, reads=reads) == key

    @pytest.mark.parametrize("cursor", ["", "x", "****", "MTIz", "é", "a" * 1000, "00000000\n"])
    def test_refuses_what_no_list_returned(self, cursor):
        with pytest.raises(InvalidCursor) as refusal:
            paging.after(cursor, tag=TAG, reads=(uuid.UUID,))

        assert refusal.value.field == "cursor"

    @pytest.mark.parametrize("part", ["", "x", "1.5", "+1", "1_0", "01", "²", "9223372036854775808", "1 2"])
    def test_refuses_what_only_looks_like_a_key(self, part):
        with pytest.raises(InvalidCursor):
            paging.after(encoded(f"{TAG} {part}"), tag=TAG, reads=(int,))

    def test_refuses_a_cursor_of_another_list(self):
        cursor = paging.page("ab", limit=1, keys=KEYS[:2], tag=paging.tag("loans", {})).next_cursor

        with pytest.raises(InvalidCursor):
            paging.after(cursor, tag=TAG, reads=(uuid.UUID,))
