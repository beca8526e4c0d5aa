"""What comes in is read strictly: JSON as the standard has it, no more fields than known, no more than a limit."""

import io
import json
import uuid

import pytest

from loans.db import db
from tests.api import routes, samples
from tests.api.samples import assert_refused

PATH = "/api/v1/borrowers"
BYTES_MAX = 262_144


@pytest.fixture
def send(api):
    """POST raw bytes."""

    def post(raw, *, path=PATH, content_type="application/json"):
        headers = {"Authorization": f"Bearer {api.key}", "Idempotency-Key": str(uuid.uuid4())}
        return api.client.post(path, data=raw, content_type=content_type, headers=headers)

    return post


def naming(value):
    """The bytes of a borrower whose first name is written as given."""
    return b'{"first_name": ' + value + b', "last_name": "Odhiambo"}'


class TestJson:
    @pytest.mark.parametrize(
        "raw",
        [
            b"{",
            b"{'first_name': 'Amina'}",
            b'{"first_name": "Amina",}',
            b'{"first_name": "Amina"} {}',
            b'{first_name: "Amina"}',
            b'{"first_name": "Amina"} // comment',
            naming(b'"a\nb"'),
            naming(b'"\\x41"'),
            naming(b"NaN"),
            naming(b"Infinity"),
            naming(b"-Infinity"),
            naming(b"01"),
            naming(b"1" * 21),
            naming(b"1" * 5000),
            naming(b"1e999999999999999999999"),
            naming(b"1e-999999999999999999999"),
            naming(b'"\xff\xfe"'),
            naming(b'"\xed\xa0\x80"'),
            b"\xef\xbb\xbf" + naming(b'"Amina"'),
            json.dumps(samples.borrower()).encode("utf-16"),
            b"\x00",
            b'{"first_name": "Amina", "first_name": "Akinyi", "last_name": "Odhiambo"}',
            naming(b'{"a": 1, "a": 1}'),
            b"[" * 10_000,
            b"[" * 10_000 + b"]" * 10_000,
            b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
            naming(b"[" * 20 + b"]" * 20),
        ],
        ids=lambda raw: repr(raw[:30]),
    )
    def test_is_refused_where_unreadable(self, send, raw):
        problem = assert_refused(send(raw), 400, "bad_request")

        assert problem["detail"].startswith("the body is ")
        assert len(problem["detail"]) < 200

    @pytest.mark.parametrize(
        "value",
        [b"1", b"-1", b"1.5", b"1e400", b"-0", b"true", b"null", b"[]", b"{}", b"[" * 19 + b"]" * 19],
    )
    def test_of_another_type_is_a_fault_of_the_field(self, send, value):
        assert_refused(send(naming(value)), 422, "invalid_request", pointers=["#/first_name"])

    @pytest.mark.parametrize("raw", [b"[]", b"null", b"true", b"7", b'"first_name"', b"[{}]"])
    def test_that_is_no_object_is_a_fault_of_the_whole(self, send, raw):
        assert_refused(send(raw), 422, "invalid_request", pointers=["#"])

    @pytest.mark.parametrize(
        "value",
        [b'"\\u0000"', b'"Ami\\u0000na"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u001b[31m"', b'"\\u007f"'],
    )
    def test_with_letters_that_cannot_be_stored_is_a_fault_of_the_field(self, send, value):
        assert_refused(send(naming(value)), 422, "invalid_request", pointers=["#/first_name"])

    @pytest.mark.parametrize("name", ["\\u0000", "\\ud800", "", "__proto__", "id", "First_name"])
    def test_with_an_unknown_field_names_it(self, send, name):
        raw = f'{{"first_name": "Amina", "last_name": "Odhiambo", "{name}": 1}}'.encode()

        response = send(raw)

        unknown = json.loads(f'"{name}"')
        problem = assert_refused(response, 422, "invalid_request", pointers=[f"#/{unknown}"])
        assert problem["errors"][0]["detail"] == "Unknown field."

    def test_takes_a_pair_of_surrogates_for_the_letter_it_is(self, send):
        response = send(naming(b'"\\ud83c\\udf0d"'))

        assert response.get_json()["first_name"] == "🌍"


class WatchedBody(io.BytesIO):
    """A body that notes, whenever some of it is read, how many database connections the application holds."""

    def __init__(self, raw):
        super().__init__(raw)
        self.connections_held = []

    def readinto(self, buffer):
        self.connections_held.append(db.engine.pool.checkedout())
        return super().readinto(buffer)


class TestBody:
    def test_is_awaited_without_holding_a_database_connection(self, api):
        raw = naming(b'"Amina"')
        body = WatchedBody(raw)

        response = api.client.post(
            PATH,
            input_stream=body,
            content_length=len(raw),
            content_type="application/json",
            headers={"Authorization": f"Bearer {api.key}", "Idempotency-Key": str(uuid.uuid4())},
        )

        assert response.status_code == 201
        assert set(body.connections_held) == {0}

    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", "", None],
    )
    def test_is_refused_where_it_does_not_say_that_it_is_json(self, send, content_type):
        response = send(b'{"first_name": "Amina", "last_name": "Odhiambo"}', content_type=content_type)

        assert_refused(response, 415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
    )
    def test_is_taken_where_it_says_so(self, send, content_type):
        response = send(naming(b'"Amina"'), content_type=content_type)

        assert response.status_code == 201, response.text

    @pytest.mark.parametrize("raw", [b"", b" \r\n\t"])
    def test_may_be_left_out_where_no_field_is_required(self, send, pending_loan, raw):
        response = send(raw, path=f"/api/v1/loans/{pending_loan.id}/approve", content_type=None)

        assert response.status_code == 200, response.text

    def test_left_out_lacks_every_required_field(self, send):
        response = send(b"", content_type=None)

        assert_refused(response, 422, "invalid_request", pointers=["#/first_name", "#/last_name"])

    def test_may_be_as_large_as_said(self, send):
        raw = naming(b'"Amina"').ljust(BYTES_MAX)

        assert send(raw).status_code == 201

    @pytest.mark.parametrize("excess", [1, 1_000_000])
    def test_is_refused_when_larger(self, send, excess):
        response = send(b" " * (BYTES_MAX + excess))

        assert_refused(response, 413, "body_too_large")


class TestParameters:
    @pytest.mark.parametrize("route", routes.ROUTES, ids=str)
    def test_that_are_unknown_are_refused_by_every_route(self, api, route):
        path = f"{route.path}?colour=blue"

        body = {} if route.method == "GET" else {"json": route.body}
        headers = {"Authorization": f"Bearer {api.key}", "Idempotency-Key": str(uuid.uuid4())}
        response = api.client.open(path, method=route.method, headers=headers, **body)

        assert_refused(response, 422, "invalid_request", pointers=["query:/colour"])


class TestUnknownField:
    @pytest.mark.parametrize("route", routes.COMMANDS, ids=str)
    def test_is_refused_by_every_command(self, api, route):
        response = api.post(route.path, route.body | {"colour": "blue"})

        assert_refused(response, 422, "invalid_request", pointers=["#/colour"])


class TestPath:
    @pytest.mark.parametrize(
        "identifier",
        [
            "7",
            "0190aaaa000070008000000000000000",
            "{0190aaaa-0000-7000-8000-000000000000}",
            "urn:uuid:0190aaaa-0000-7000-8000-000000000000",
            "0190aaaa-0000-7000-8000-00000000000g",
            "0190aaaa-0000-7000-8000-000000000000%00",
            "%EF%BC%90190aaaa-0000-7000-8000-000000000000",
            "null",
            "..",
        ],
    )
    def test_with_no_identifier_leads_nowhere(self, api, identifier):
        assert_refused(api.get(f"/api/v1/loans/{identifier}"), 404, "not_found")

    def test_takes_an_identifier_in_capitals(self, api, pending_loan):
        response = api.get(f"/api/v1/loans/{str(pending_loan.id).upper()}")

        assert response.get_json()["id"] == str(pending_loan.id)

    @pytest.mark.parametrize("path", ["/api/v1/loans/", "/health/", "/docs"])
    def test_may_end_with_a_slash_or_not(self, api, path):
        assert api.get(path).status_code == 200


class TestMethod:
    @pytest.mark.parametrize("route", routes.ROUTES, ids=str)
    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
    def test_that_no_route_answers_is_refused_with_those_that_one_does(self, api, route, method):
        known = {each.method for each in routes.ROUTES if each.rule == route.rule}
        if method in known:
            method = "PUT"
        response = api.client.open(route.path, method=method, headers={"Authorization": f"Bearer {api.key}"})

        assert_refused(response, 405, "method_not_allowed")
        implied = {"GET": {"GET", "HEAD"}, "POST": {"POST"}, "PATCH": {"PATCH"}}
        allowed = set.union({"OPTIONS"}, *(implied[each] for each in known))
        assert set(response.headers["Allow"].split(", ")) == allowed

    @pytest.mark.parametrize("route", routes.COMMANDS, ids=str)
    def test_get_is_refused_where_there_is_only_a_command(self, api, route):
        if any(each.rule == route.rule for each in routes.QUERIES):
            assert api.get(route.path).status_code in {200, 404}
            return

        assert_refused(api.get(route.path), 405, "method_not_allowed")

    def test_head_gives_the_headers_of_get_without_its_body(self, api, pending_loan):
        path = f"/api/v1/loans/{pending_loan.id}"
        whole = api.get(path)

        response = api.client.head(path, headers={"Authorization": f"Bearer {api.key}"})

        assert response.status_code == 200
        assert response.data == b""
        assert response.headers["Content-Length"] == str(len(whole.data))

    @pytest.mark.parametrize("route", routes.ROUTES, ids=str)
    def test_options_names_the_methods_to_anybody(self, api, route):
        response = api.client.options(route.path)

        known = {each.method for each in routes.ROUTES if each.rule == route.rule}
        implied = {"OPTIONS"} | ({"HEAD"} if "GET" in known else set())
        assert (response.status_code, response.data) == (200, b"")
        assert set(response.headers["Allow"].split(", ")) == known | implied

    @pytest.mark.parametrize("route", routes.QUERIES, ids=str)
    def test_head_answers_as_get_does(self, api, route):
        path = route.path
        whole = api.get(path)

        response = api.client.head(path, headers={"Authorization": f"Bearer {api.key}"})

        assert (response.status_code, response.data) == (whole.status_code, b"")
        assert response.content_type == whole.content_type

    @pytest.mark.parametrize("path", ["/", "/errors", "/health", "/openapi.json", "/docs/"])
    def test_head_and_options_are_answered_outside_of_the_api_too(self, api, path):
        assert (api.client.head(path).status_code, api.client.head(path).data) == (200, b"")
        assert set(api.client.options(path).headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
        assert_refused(api.client.post(path), 405, "method_not_allowed")


class TestChunkedBody:
    def test_that_fills_the_limit_is_refused_rather_than_cut(self, app, api):
        limit = app.config["MAX_CONTENT_LENGTH"]
        raw = naming(b'"Amina"')
        padded = raw[:-1] + b" " * (limit - len(raw)) + b"}" + b"GARBAGE"

        response = api.client.post(
            PATH,
            input_stream=io.BytesIO(padded),
            content_type="application/json",
            headers={"Authorization": f"Bearer {api.key}", "Idempotency-Key": str(uuid.uuid4())},
            environ_overrides={"wsgi.input_terminated": True},
        )

        assert_refused(response, status=413, code="body_too_large")


class TestRepeatedParameter:
    @pytest.mark.parametrize("query", ["limit=1&limit=2", "status=repaid&status=pending"])
    def test_is_refused_since_one_of_the_two_would_be_ignored(self, api, query):
        response = api.get(f"/api/v1/loans?{query}")

        name = query.partition("=")[0]
        assert_refused(response, status=422, code="invalid_request", pointers=[f"query:/{name}"])


class TestText:
    @pytest.mark.parametrize("name", ["Amina\r\nBcc: x@example.com", "Ami\u2028na"])
    def test_of_one_line_takes_no_more(self, api, name):
        response = api.post(PATH, {"first_name": name, "last_name": "Odhiambo"})

        assert_refused(response, status=422, code="invalid_request", pointers=["#/first_name"])

    @pytest.mark.parametrize("email", ["a@\ud800.co", "a@b.co\ud800", '"\u0001"@b.co'])
    def test_of_an_address_is_printable(self, api, email):
        response = api.post(PATH, {"first_name": "Amina", "last_name": "Odhiambo", "email": email})

        assert_refused(response, status=422, code="invalid_request", pointers=["#/email"])

    def test_with_very_many_faults_lists_a_hundred(self, api):
        body = {f"field_{number}": 1 for number in range(500)}

        response = api.post(PATH, body)

        assert len(response.get_json()["errors"]) == 100


class TestDoubleSlash:
    def test_leads_nowhere_rather_than_to_the_host_named(self, api):
        response = api.get("/api/v1//loans", headers={"Host": "evil.example"})

        assert response.status_code == 404
        assert "Location" not in response.headers
