"""The hand list: what has broken other services, each with the error that it gets here, all in one place.

What needs a socket of its own is in tests/e2e/test_hand_list.py. What another test tries already is named last.
"""

import json
import uuid

import pytest

from tests import factories
from tests.api import samples
from tests.api.samples import UNKNOWN_ID, assert_refused
from tests.conftest import ROOT

FORM = (422, "invalid_request", ["#/amount"])
UNREADABLE = (400, "bad_request", [])

# Raw JSON in the place of an amount. The loan is in KES, with two decimals; 1,224.08 are owed in all.
FIGURES = {
    "NaN": UNREADABLE,
    "Infinity": UNREADABLE,
    "-Infinity": UNREADABLE,
    "0.1+0.2": UNREADABLE,
    "-": UNREADABLE,
    "+1": UNREADABLE,
    "01": UNREADABLE,
    "1.": UNREADABLE,
    ".5": UNREADABLE,
    "0x10": UNREADABLE,
    "1_000": UNREADABLE,
    "1" * 5000: UNREADABLE,
    "1e999999999999999999999": UNREADABLE,
    "1e400": FORM,
    "-1e400": FORM,
    "1e-400": FORM,
    "0.30000000000000004": FORM,
    "-0": FORM,
    "-0.0": FORM,
    "9223372036854775807": FORM,
    "9223372036854775808": FORM,
    "-9223372036854775809": FORM,
    "100": FORM,
    "100.00": FORM,
    "true": FORM,
    "null": FORM,
    "[]": FORM,
    '["100.00"]': FORM,
    "{}": FORM,
    '""': FORM,
    '" "': FORM,
    '"NaN"': FORM,
    '"Infinity"': FORM,
    '"1e3"': FORM,
    '"1E400"': FORM,
    '"-0"': FORM,
    '"-0.00"': FORM,
    '"-1.00"': FORM,
    '"+1.00"': FORM,
    '"0.1+0.2"': FORM,
    '"1,000.00"': FORM,
    '"1.000,00"': FORM,
    '"1_000"': FORM,
    '"1 000"': FORM,
    '" 1.00"': FORM,
    '"1.00 "': FORM,
    '"1.00\\n"': FORM,
    '"1.00\\u0000"': FORM,
    '"1."': FORM,
    '".50"': FORM,
    '"0x10"': FORM,
    '"１.00"': FORM,
    '"١.00"': FORM,
    '"1.00KES"': FORM,
    '"1.00000"': FORM,
    '"9223372036854775808"': FORM,
    f'"{"9" * 19}"': FORM,
    f'"{"9" * 5000}"': FORM,
    '"1.001"': (422, "invalid_amount", ["#/amount"]),
    '"0.30000"': FORM,
    '"0"': (422, "amount_not_positive", ["#/amount"]),
    '"0.00"': (422, "amount_not_positive", ["#/amount"]),
    '"1224.09"': (422, "overpayment", ["#/amount"]),
    f'"{"9" * 18}.99"': (422, "invalid_amount", ["#/amount"]),
}
NO_DATE = (422, "invalid_request", ["#/date"])
DATES = {
    "2026-02-31": NO_DATE,
    "2026-02-29": NO_DATE,
    "2026-13-01": NO_DATE,
    "2026-00-10": NO_DATE,
    "2026-01-00": NO_DATE,
    "0000-01-01": NO_DATE,
    "2026-1-5": NO_DATE,
    "20260115": NO_DATE,
    "2026-W03-4": NO_DATE,
    "2026-015": NO_DATE,
    "15.01.2026": NO_DATE,
    "2026-01-15T00:00:00Z": NO_DATE,
    "2026-01-15 ": NO_DATE,
    "-2026-01-15": NO_DATE,
    "12026-01-15": NO_DATE,
    "２０２６-01-15": NO_DATE,
    "today": NO_DATE,
    "": NO_DATE,
    1768435200: NO_DATE,
    True: NO_DATE,
    "9999-12-31": (422, "date_in_future", ["#/date"]),
    "2026-06-16": (422, "date_in_future", ["#/date"]),
    "0001-01-01": (422, "date_too_early", ["#/date"]),
    "2026-01-14": (422, "date_too_early", ["#/date"]),
}
NO_CURRENCY = (422, "invalid_request", ["#/currency"])
CURRENCIES = {
    "kes": NO_CURRENCY,
    "KE": NO_CURRENCY,
    "KESS": NO_CURRENCY,
    " KES": NO_CURRENCY,
    "ZZZ": NO_CURRENCY,
    "ＫＥＳ": NO_CURRENCY,
    "K\u0000S": NO_CURRENCY,
    404: NO_CURRENCY,
    "USD": (422, "currency_mismatch", ["#/currency"]),
    "JPY": (422, "currency_mismatch", ["#/currency"]),
}
NO_TEXT = (422, "invalid_request", ["#/note"])
# Raw JSON in the place of a note.
TEXTS = {
    '"\\u0000"': NO_TEXT,
    '"a\\u0000b"': NO_TEXT,
    '"\\ud800"': NO_TEXT,
    '"\\udfff\\ud800"': NO_TEXT,
    '"\\u001b[2J"': NO_TEXT,
    '"\\u007f"': NO_TEXT,
    f'"{"x" * 501}"': NO_TEXT,
    '" "': NO_TEXT,
    '""': NO_TEXT,
    "7": NO_TEXT,
    "[]": NO_TEXT,
    '"\x00"': UNREADABLE,
    '"a\nb"': UNREADABLE,
    '"\\x41"': UNREADABLE,
    '"\\u12"': UNREADABLE,
}
# Whole bodies of a repayment.
BODIES = {
    b'{"amount": "1.00", "amount": "2.00", "currency": "KES"}': UNREADABLE,
    b'{"amount": "1.00", "currency": "KES", "currency": "KES"}': UNREADABLE,
    b'{"amount": "1.00", "\\u0061mount": "2.00", "currency": "KES"}': UNREADABLE,
    b"[" * 10_000: UNREADABLE,
    b"[" * 10_000 + b"]" * 10_000: UNREADABLE,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000: UNREADABLE,
    b'{"amount": ' + b"[" * 21 + b"]" * 21 + b"}": UNREADABLE,
    b'{"amount": "1.00", "currency": "KES"': UNREADABLE,
    b'{"amount": "1.00", "currency": "KES"}}': UNREADABLE,
    b"{'amount': '1.00'}": UNREADABLE,
    b'\xef\xbb\xbf{"amount": "1.00", "currency": "KES"}': UNREADABLE,
    '{"amount": "1.00", "currency": "KES"}'.encode("utf-16"): UNREADABLE,
    b'{"amount": "1.00", "currency": "KES", "note": "\xc3\x28"}': UNREADABLE,
    b'{"amount": "1.00", "currency": "KES", "note": "\xed\xa0\x80"}': UNREADABLE,
    b"\x00": UNREADABLE,
    b" " * 10_000_000: (413, "body_too_large", []),
    b"[]": (422, "invalid_request", ["#"]),
    b"null": (422, "invalid_request", ["#"]),
    b'"amount"': (422, "invalid_request", ["#"]),
    b"": (422, "invalid_request", ["#/amount", "#/currency"]),
    b'{"amount": "1.00", "currency": "KES", "__proto__": {}}': (422, "invalid_request", ["#/__proto__"]),
    b'{"amount": "1.00", "currency": "KES", "id": "1"}': (422, "invalid_request", ["#/id"]),
    b'{"amount": "1.00", "currency": "KES", "": 1}': (422, "invalid_request", ["#/"]),
    b'{"amount": "1.00", "currency": "KES", "a/b~c": 1}': (422, "invalid_request", ["#/a~1b~0c"]),
}
# Query strings of the list of loans.
QUERIES = {
    "limit=0": (422, "invalid_request", ["query:/limit"]),
    "limit=-1": (422, "invalid_request", ["query:/limit"]),
    "limit=201": (422, "invalid_request", ["query:/limit"]),
    "limit=1e2": (422, "invalid_request", ["query:/limit"]),
    "limit=%D9%A1": (422, "invalid_request", ["query:/limit"]),
    "limit=9223372036854775808": (422, "invalid_request", ["query:/limit"]),
    "limit=1&limit=2": (422, "invalid_request", ["query:/limit"]),
    "limit[]=1": (422, "invalid_request", ["query:/limit[]"]),
    "cursor=%00": (422, "invalid_request", ["query:/cursor"]),
    "cursor=..%2F..%2Fetc%2Fpasswd": (422, "invalid_cursor", ["query:/cursor"]),
    "status=repaid'%20OR%201=1--": (422, "invalid_request", ["query:/status"]),
    "sort=created;drop": (422, "invalid_request", ["query:/sort"]),
    "borrower_id=1": (422, "invalid_request", ["query:/borrower_id"]),
    "principal_min=NaN&currency=KES": (422, "invalid_request", ["query:/principal_min"]),
    "principal_min=1e400&currency=KES": (422, "invalid_request", ["query:/principal_min"]),
    "applied_from=2026-02-31": (422, "invalid_request", ["query:/applied_from"]),
    "created_from=2026-02-31T00:00:00Z": (422, "invalid_request", ["query:/created_from"]),
    "colour=blue": (422, "invalid_request", ["query:/colour"]),
    "dry_run=true": (422, "invalid_request", ["query:/dry_run"]),
}
# What stands in the place of a loan's id in its path.
IDENTIFIERS = {
    UNKNOWN_ID: "loan_not_found",
    "0": "not_found",
    "-1": "not_found",
    "null": "not_found",
    "%00": "not_found",
    f"{UNKNOWN_ID}%00": "not_found",
    f"%7B{UNKNOWN_ID}%7D": "not_found",
    UNKNOWN_ID.replace("-", ""): "not_found",
    f"urn:uuid:{UNKNOWN_ID}": "not_found",
    f"{UNKNOWN_ID}%20": "not_found",
    "%EF%BC%90" + UNKNOWN_ID[1:]: "not_found",
    "..%2F..%2Fhealth": "not_found",
    "%2e%2e%2fstaff": "not_found",
    "'%20OR%20'1'='1": "not_found",
}
# Items of the list that another test tries already.
ELSEWHERE = {
    "a body that comes without a length and fills the limit": (
        "tests/api/test_requests.py::TestChunkedBody::test_that_fills_the_limit_is_refused_rather_than_cut"
    ),
    "a body that does not say that it is JSON": (
        "tests/api/test_requests.py::TestBody::test_is_refused_where_it_does_not_say_that_it_is_json"
    ),
    "a body that never comes": "tests/e2e/test_gunicorn.py::TestSilence::test_in_the_middle_of_a_body_is_answered",
    "an unknown field of every command": (
        "tests/api/test_requests.py::TestUnknownField::test_is_refused_by_every_command"
    ),
    "an unknown parameter of every route": (
        "tests/api/test_requests.py::TestParameters::test_that_are_unknown_are_refused_by_every_route"
    ),
    "another method of every route": (
        "tests/api/test_requests.py::TestMethod::test_that_no_route_answers_is_refused_with_those_that_one_does"
    ),
    "a second slash in a path": (
        "tests/api/test_requests.py::TestDoubleSlash::test_leads_nowhere_rather_than_to_the_host_named"
    ),
    "an Idempotency-Key that is none": (
        "tests/api/test_idempotency.py::TestIdempotencyKey::test_is_refused_where_malformed"
    ),
    "a tag that is none": (
        "tests/api/test_conditional.py::TestIfMatch::test_refuses_one_on_a_loan_that_has_changed_and_does_nothing"
    ),
}


@pytest.fixture
def path(disbursed_loan):
    return f"/api/v1/loans/{disbursed_loan.id}/repayments"


@pytest.fixture
def send(api, path):
    """POST raw bytes as a repayment."""

    def post(raw):
        headers = {"Authorization": f"Bearer {api.key}", "Idempotency-Key": str(uuid.uuid4())}
        return api.client.post(path, data=raw, content_type="application/json", headers=headers)

    return post


def shown(value):
    return repr(value)[:40]


def written(**fields):
    """The bytes of a repayment with fields of raw JSON."""
    known = {"amount": '"100.00"', "currency": '"KES"'} | fields
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in known.items()) + "}").encode(
        "utf-8", "surrogatepass"
    )


def assert_is(response, expected):
    status, code, pointers = expected
    assert_refused(response, status, code, pointers=pointers)


class TestRepayment:
    @pytest.mark.parametrize("figure", FIGURES, ids=shown)
    def test_of_no_amount_is_refused(self, send, figure):
        assert_is(send(written(amount=figure)), FIGURES[figure])

    @pytest.mark.parametrize("date", DATES, ids=shown)
    def test_on_no_day_of_the_loan_is_refused(self, send, date):
        assert_is(send(written(date=json.dumps(date))), DATES[date])

    @pytest.mark.parametrize("currency", CURRENCIES, ids=shown)
    def test_in_no_currency_of_the_loan_is_refused(self, send, currency):
        assert_is(send(written(currency=json.dumps(currency))), CURRENCIES[currency])

    @pytest.mark.parametrize("note", TEXTS, ids=shown)
    def test_with_text_that_cannot_be_stored_is_refused(self, send, note):
        assert_is(send(written(note=note)), TEXTS[note])

    @pytest.mark.parametrize("body", BODIES, ids=shown)
    def test_with_a_body_that_is_none_is_refused(self, send, body):
        assert_is(send(body), BODIES[body])

    def test_that_was_refused_has_changed_nothing(self, api, send, path):
        loan = path.removesuffix("/repayments")
        before = api.get(loan).get_json()

        for figure in ('"-0.00"', '"1224.09"', "NaN"):
            send(written(amount=figure))

        assert api.get(loan).get_json() == before

    @pytest.mark.parametrize(
        ("currency", "lent", "amount"),
        [
            ("JPY", "200000", "1.5"),
            ("JPY", "200000", "1.00"),
            ("BHD", "200", "1.0001"),
        ],
    )
    def test_with_more_decimals_than_its_currency_is_refused(self, api, committed, currency, lent, amount):
        loan = committed(
            lambda session: factories.make_disbursed_loan(
                session, product=factories.make_product(session, currency=currency), amount=lent
            )
        )

        response = api.post(f"/api/v1/loans/{loan.id}/repayments", {"amount": amount, "currency": currency})

        assert_refused(response, 422, "invalid_amount", pointers=["#/amount"])

    def test_of_another_loan_is_not_found(self, api, committed, path):
        other = committed(factories.make_disbursed_loan)
        made = api.post(f"/api/v1/loans/{other.id}/repayments", samples.repayment("1.00")).get_json()["id"]

        assert_refused(api.get(f"{path}/{made}"), 404, "repayment_not_found")
        assert_refused(api.post(f"{path}/{made}/reverse"), 404, "repayment_not_found")


class TestList:
    @pytest.mark.parametrize("query", QUERIES)
    def test_with_parameters_that_are_none_is_refused(self, api, query):
        assert_is(api.get(f"/api/v1/loans?{query}"), QUERIES[query])


class TestIdentifier:
    @pytest.mark.parametrize("identifier", IDENTIFIERS, ids=shown)
    def test_that_is_none_leads_nowhere(self, api, identifier):
        assert_refused(api.get(f"/api/v1/loans/{identifier}"), 404, IDENTIFIERS[identifier])


class TestElsewhere:
    @pytest.mark.parametrize("item", ELSEWHERE)
    def test_are_tests_that_exist(self, item):
        file, holder, name = ELSEWHERE[item].split("::")

        _, _, body = (ROOT / file).read_text(encoding="utf-8").partition(f"class {holder}:")

        assert f"    def {name}(" in body.partition("\nclass ")[0]
