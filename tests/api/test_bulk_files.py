"""What a file may look like: NDJSON or CSV, however long, with records that nobody can read among others."""

import json
import uuid

import pytest

from loans.app import create_app
from tests.api import uploads
from tests.api.samples import assert_refused
from tests.api.uploads import CSV, NDJSON, REPAYMENTS, lines, ndjson, repayment, send, statuses
from tests.conftest import Api, make_settings

HEADER = b"loan_id,amount,currency\n"


def codes(response):
    """The row, the line and the code of each, where it has one."""
    return [(row["row"], row["line"], row.get("problem", {}).get("code")) for row in lines(response)[0]]


@pytest.fixture
def row(disbursed_loan):
    """A good row of a CSV file without a line end."""
    return f"{disbursed_loan.id},10.00,KES".encode()


@pytest.fixture
def limited(database_url, issue_key, today):
    """The API with limits of 2,048 bytes and 3 rows a file."""

    app = create_app(make_settings(database_url, bulk_bytes_max=2048, bulk_rows_max=3))
    return Api(client=app.test_client(), key=issue_key())


class TestCsv:
    def test_may_begin_with_a_byte_order_mark_and_end_lines_as_it_likes(self, api, row):
        for raw in (
            b"\xef\xbb\xbf" + HEADER + row,
            HEADER.replace(b"\n", b"\r\n") + row + b"\r\n",
            HEADER + b"\n" + row + b"\n\n",
            b'"loan_id", amount ,currency\n' + row,
        ):
            assert statuses(send(api, raw, content_type=CSV)) == [201]

    def test_may_quote_what_has_commas_quotes_and_lines(self, api, disbursed_loan):
        note = 'first, "quoted"\n\nand more'
        cell = note.replace('"', '""')
        raw = f'loan_id,amount,currency,note\n{disbursed_loan.id},1.00,KES,"{cell}"\n{disbursed_loan.id},x,KES,\n'

        response = send(api, raw.encode(), content_type=f"{CSV}; charset=UTF-8")

        assert codes(response) == [(1, 2, None), (2, 5, "invalid_request")]
        events = api.get(f"/api/v1/loans/{disbursed_loan.id}/events").get_json()["data"]
        assert events[-1]["note"] == note

    @pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
    def test_takes_what_looks_like_a_formula_for_data(self, api, disbursed_loan, cell):
        raw = f"loan_id,amount,currency,reference\n{disbursed_loan.id},1.00,KES,{cell}\n"

        assert statuses(send(api, raw.encode(), content_type=CSV)) == [201]

        events = api.get(f"/api/v1/loans/{disbursed_loan.id}/events").get_json()["data"]
        assert events[-1]["reference"] == cell

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            (b"", "no header row"),
            (b"loan_id,amount,currency,colour\n", "'colour'"),
            (b"loan_id;amount;currency\n", "'loan_id;amount;currency'"),
            (b"loan_id,amount\n", "lacks currency"),
            (b"loan_id,amount,currency,amount\n", "twice"),
            (b"loan_id,amount,currency,\n", "''"),
            (b'loan_id,amount,"currency\n', "not closed"),
            (b"loan_id,amount,currenc\xff\n", "not UTF-8"),
            (b"loan_id," + b"x" * 20_000 + b"\n", "longer than"),
        ],
        ids=repr,
    )
    def test_is_refused_at_once_for_its_header(self, api, row, header, said):
        raw = header + row if header else b""

        problem = assert_refused(send(api, raw, content_type=CSV), 422, "invalid_file")

        assert said in problem["detail"]

    def test_has_rows_at_fault_among_others(self, api, row):
        raw = HEADER + b"\n".join(
            [
                row,
                row + b",more",
                row.rpartition(b",")[0],
                row.replace(b"KES", b"K\xffS"),
                row.replace(b"KES", b"K\x00S"),
                row.replace(b"KES", b'"KES'),
                row.replace(b"KES", b'"KE"S'),
                row.replace(b"KES", b"x" * 20_000),
                row.replace(b"KES", b'"KES"x'),
                b'"',
                row,
            ]
        )

        response = send(api, raw, content_type=CSV)

        malformed = [(number, number + 1, "malformed_row") for number in range(2, 11)]
        assert codes(response) == [(1, 2, None), *malformed, (11, 12, None)]

    def test_of_applications_has_whole_numbers_in_two_columns(self, api, borrower, product):
        header = "borrower_id,product_id,principal,currency,installments,due_day,external_id\n"
        start = f"{borrower.id},{product.id},5000.00,KES"
        external = f"csv-{uuid.uuid4().hex}"
        raw = f"{header}{start},6,5,{external}\n{start},six,,\n{start},6.0,,\n{start},{'9' * 30},,\n{start},,,\n"

        answered, _ = lines(send(api, raw.encode(), path=uploads.LOANS, content_type=CSV))

        assert [row["status"] for row in answered] == [201, 422, 422, 422, 422]
        assert {row["problem"]["errors"][0]["pointer"] for row in answered[1:]} == {"#/installments"}
        made = api.get(f"/api/v1/loans/{answered[0]['loan']['id']}").get_json()
        assert (made["external_id"], made["installments"], made["terms"]["due_day"]) == (external, 6, 5)


class TestNdjson:
    def test_has_rows_at_fault_among_others(self, api, disbursed_loan):
        good = json.dumps(repayment(disbursed_loan)).encode()
        raw = b"\n".join(
            [
                b"\xef\xbb\xbf" + good,
                b"",
                b"{",
                b"[]",
                b"7",
                b"null",
                good + good,
                good.replace(b"KES", b"K\xffS"),
                good.replace(b"KES", b"K\x00S"),
                good.replace(b"}", b', "amount": "1.00"}'),
                good.replace(b'"10.00"', b"NaN"),
                b"[" * 10_000,
                good.replace(b"KES", b"x" * 20_000),
                b"  " + good + b"\r",
            ]
        )

        answered = codes(send(api, raw))

        assert answered[0] == (1, 1, None)
        assert answered[1:-1] == [(number, number + 1, "malformed_row") for number in range(2, 13)]
        assert answered[-1] == (13, 14, None)

    def test_has_a_fault_of_a_value_beside_its_pointer(self, api, disbursed_loan):
        raw = ndjson(repayment(disbursed_loan, note="a\x00b"))

        answered, _ = lines(send(api, raw))

        assert answered[0]["problem"]["errors"][0]["pointer"] == "#/note"


class TestRequest:
    @pytest.mark.parametrize(
        "content_type", ["application/json", "text/plain", "text/csv; charset=latin-1", "", "x"]
    )
    def test_of_another_type_is_refused(self, api, disbursed_loan, content_type):
        response = send(api, ndjson(repayment(disbursed_loan)), content_type=content_type)

        assert_refused(response, 415, "unsupported_media_type")

    def test_without_a_key_is_refused(self, api, disbursed_loan):
        response = api.client.post(
            REPAYMENTS,
            data=ndjson(repayment(disbursed_loan)),
            content_type=NDJSON,
            headers={"Authorization": f"Bearer {api.key}"},
        )

        assert_refused(response, 400, "idempotency_key_missing")

    def test_on_condition_of_a_version_is_refused(self, api, disbursed_loan):
        """Of one loan it would hold; a file has many, and doing it regardless is what was not asked."""
        path = f"/api/v1/loans/{disbursed_loan.id}"
        headers = {
            "Authorization": f"Bearer {api.key}",
            "Idempotency-Key": str(uuid.uuid4()),
            "If-Match": api.get(path).headers["ETag"],
        }

        response = send(api, ndjson(repayment(disbursed_loan)), headers=headers)

        assert_refused(response, 412, "precondition_failed")
        assert len(api.get(f"{path}/events").get_json()["data"]) == disbursed_loan.event_count

    def test_may_be_larger_than_other_bodies(self, api, disbursed_loan):
        row = repayment(disbursed_loan, "0.01", note="x" * 500)
        raw = ndjson(*[row] * 500)

        response = send(api, raw)

        assert len(raw) > 262_144
        assert lines(response)[1]["done"] == 500

    def test_may_have_so_many_rows_and_no_more(self, limited, disbursed_loan):
        row = repayment(disbursed_loan)
        as_csv = HEADER + f"{disbursed_loan.id},10.00,KES\n".encode() * 4

        assert statuses(send(limited, ndjson(*[row] * 3))) == [201] * 3
        for raw, content_type in ((ndjson(*[row] * 4), NDJSON), (as_csv, CSV)):
            problem = assert_refused(send(limited, raw, content_type=content_type), 413, "too_many_rows")
            assert problem["rows_max"] == 3
        assert (
            statuses(send(limited, as_csv[: -len(as_csv.splitlines()[1]) - 1], content_type=CSV)) == [201] * 3
        )

    @pytest.mark.parametrize("chunked", [False, True])
    def test_may_have_so_many_bytes_and_no_more(self, limited, disbursed_loan, chunked):
        row = ndjson(repayment(disbursed_loan))
        given = {"environ_overrides": {"wsgi.input_terminated": True}} if chunked else {}

        def sent(size):
            headers = {"Authorization": f"Bearer {limited.key}", "Idempotency-Key": str(uuid.uuid4())}
            if chunked:
                given["environ_overrides"]["CONTENT_LENGTH"] = ""
            return limited.client.post(
                REPAYMENTS, data=row.ljust(size), content_type=NDJSON, headers=headers, **given
            )

        assert statuses(sent(2048)) == [201]
        assert_refused(sent(2049), 413, "body_too_large")

    def test_is_not_taken_in_from_a_stranger(self, app, issue_key, disbursed_loan):
        """Whoever may not do it is told so before a byte of the file is read."""

        class Untouched:
            def read(self, *_):
                raise AssertionError("the file was read")

            readline = readinto = read

            def tell(self):
                return 0

            def seek(self, *_):
                return 0

        for key, status in (("nonsense", 401), (issue_key("loans:read"), 403)):
            response = app.test_client().post(
                REPAYMENTS,
                input_stream=Untouched(),
                content_type=NDJSON,
                content_length=10_000_000,
                headers={"Authorization": f"Bearer {key}", "Idempotency-Key": "x"},
            )

            assert response.status_code == status
