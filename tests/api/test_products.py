"""Products over HTTP."""

import pytest

from tests.api import samples
from tests.api.samples import INSTANT_OF_TESTS, UNKNOWN_ID, assert_refused, without

PATH = "/api/v1/products"


class TestCreateProduct:
    def test_answers_with_the_product_and_where_it_is(self, api):
        body = samples.product(description="Until payday", rounding="half_up", annual_rate="18.5")

        response = api.post(PATH, body)

        assert response.status_code == 201, response.text
        created = response.get_json()
        assert response.headers["Location"] == f"{PATH}/{created['id']}"
        assert created == {
            "id": created["id"],
            "code": body["code"],
            "name": "Salary advance",
            "description": "Until payday",
            "currency": "KES",
            "version": 1,
            "principal_min": "1000.00",
            "principal_max": "50000.00",
            "installments_min": 1,
            "installments_max": 24,
            "annual_rate": "18.50",
            "method": "equal_installments",
            "frequency": {"every": 1, "unit": "month"},
            "day_count": "EQUAL_PERIODS",
            "rounding": "half_up",
            "allocation": ["penalty", "fee", "interest", "principal"],
            "terms": samples.POLICY | {"annual_rate": "18.50", "rounding": "half_up"},
            "created_at": INSTANT_OF_TESTS,
            "updated_at": INSTANT_OF_TESTS,
        }

    def test_keeps_every_term_that_it_is_given(self, api):
        given = {
            "due_day": 25,
            "business_day_convention": "modified_following",
            "holiday_calendar": "KE",
            "grace": {"principal": 0, "interest": 0, "interest_free": 1},
            "pauses": [{"from_date": "2027-01-01", "until": "2027-02-01"}],
            "balloon": "100.00",
            "installment_multiple": "1.00",
            "interest_mode": "daily",
            "day_count": "ACT/365F",
            "allocation": {"order": ["interest", "principal", "fee", "penalty"], "across": "vertical"},
            "early_payment": "shorter_term",
            "fees": [
                {
                    "name": "processing",
                    "type": "upfront",
                    "percent": "2.50",
                    "of": "principal",
                    "collection": "deducted",
                }
            ],
            "late_fee": {"amount": "50.00", "grace_days": 3, "cap": "50.00"},
            "penalty_rate": "24.00",
            "down_payment": {"percent": "10.00"},
            "tranches_max": 2,
            "suspend_after_days": 60,
            "accounting": "cash",
        }

        response = api.post(PATH, samples.product(**given))

        assert response.status_code == 201, response.text
        created = response.get_json()
        assert created["terms"] == samples.POLICY | given
        assert created["allocation"] == ["interest", "principal", "fee", "penalty"]
        assert api.get(f"{PATH}/{created['id']}").get_json() == created

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            (["interest", "principal"], ["penalty", "fee", "interest", "principal"]),
            (["principal", "interest"], ["penalty", "fee", "principal", "interest"]),
            (["fee", "penalty", "interest", "principal"], ["fee", "penalty", "interest", "principal"]),
        ],
    )
    def test_takes_an_order_alone_for_the_allocation(self, api, given, kept):
        response = api.post(PATH, samples.product(allocation=given))

        assert response.get_json()["terms"]["allocation"] == {"order": kept, "across": "horizontal"}

    def test_names_the_faults_of_its_limits_and_of_its_terms_at_once(self, api):
        body = samples.product(
            code="Has Capitals",
            principal_min="-1.00",
            rounding="nearest",
            fees=[{"type": "upfront"}, {"type": "upfront", "amount": "5.00", "colour": "blue"}],
            **{"a/b": 1},
        )

        response = api.post(PATH, without(body, "method"))

        pointers = [
            *("#/code", "#/principal_min", "#/a~1b", "#/method", "#/rounding"),
            *("#/fees/0/amount", "#/fees/1/colour"),
        ]
        assert_refused(response, 422, "invalid_request", pointers=pointers)

    @pytest.mark.parametrize(
        "name", ["principal", "installments", "start_date", "first_due_date", "holidays"]
    )
    def test_refuses_what_an_application_brings(self, api, name):
        response = api.post(PATH, samples.product(**{name: "1"}))

        assert_refused(response, 422, "invalid_request", pointers=[f"#/{name}"])

    def test_refuses_an_unknown_calendar(self, api):
        response = api.post(PATH, samples.product(holiday_calendar="Atlantis"))

        problem = assert_refused(response, 422, "invalid_request", pointers=["#/holiday_calendar"])
        assert problem["errors"][0]["code"] == "unknown_calendar"

    def test_rounds_half_to_even_unless_told_otherwise(self, api):
        response = api.post(PATH, samples.product())

        assert response.get_json()["rounding"] == "half_even"

    @pytest.mark.parametrize(
        ("currency", "given", "answered"),
        [
            ("JPY", "1000", "1000"),
            ("KWD", "10.5", "10.500"),
            ("KWD", "10.125", "10.125"),
            ("KES", "7", "7.00"),
        ],
    )
    def test_writes_amounts_with_the_decimals_of_the_currency(self, api, currency, given, answered):
        body = samples.product(currency=currency, principal_min=given, principal_max="2000")

        response = api.post(PATH, body)

        assert response.status_code == 201, response.text
        assert response.get_json()["principal_min"] == answered

    @pytest.mark.parametrize(("currency", "amount"), [("JPY", "10.5"), ("KES", "10.125"), ("KWD", "1.0625")])
    def test_refuses_more_decimals_than_the_currency_has(self, api, currency, amount):
        body = samples.product(currency=currency, principal_min=amount, principal_max="2000")

        response = api.post(PATH, body)

        assert_refused(response, 422, "invalid_amount", pointers=["#/principal_min"])

    def test_refuses_a_code_that_another_has(self, api):
        body = samples.product()
        api.post(PATH, body)

        response = api.post(PATH, body)

        assert_refused(response, 409, "duplicate_product", pointers=["#/code"])

    @pytest.mark.parametrize(
        ("given", "pointer"),
        [
            ({"principal_min": "50000.01"}, "#/principal_min"),
            ({"installments_min": 25}, "#/installments_min"),
        ],
    )
    def test_refuses_limits_that_leave_nothing(self, api, given, pointer):
        response = api.post(PATH, samples.product(**given))

        assert_refused(response, 422, "invalid_limits", pointers=[pointer])

    @pytest.mark.parametrize(
        ("given", "pointer"),
        [
            ({"frequency": {"every": 12, "unit": "month"}, "installments_max": 51}, "#/installments_max"),
            ({"allocation": ["interest"]}, "#/allocation"),
            ({"allocation": ["interest", "interest"]}, "#/allocation"),
            ({"allocation": ["penalty", "interest", "principal"]}, "#/allocation"),
            ({"allocation": []}, "#/allocation"),
            ({"balloon": "1000.00"}, "#/balloon"),
            ({"grace": {"principal": 1}}, "#/grace/principal"),
            ({"method": "flat", "interest_mode": "daily"}, "#/interest_mode"),
        ],
    )
    def test_refuses_terms_that_no_loan_could_have(self, api, given, pointer):
        response = api.post(PATH, samples.product(**given))

        problem = assert_refused(response, 422, "invalid_request", pointers=[pointer])
        assert {fault["code"] for fault in problem["errors"]} == {"invalid_terms"}

    @pytest.mark.parametrize(
        ("given", "pointer"),
        [
            ({"code": "Has Capitals"}, "#/code"),
            ({"code": "x\n"}, "#/code"),
            ({"code": "x" * 65}, "#/code"),
            ({"name": ""}, "#/name"),
            ({"description": "x" * 1001}, "#/description"),
            ({"currency": "kes"}, "#/currency"),
            ({"currency": "XXX"}, "#/currency"),
            ({"currency": "KES "}, "#/currency"),
            ({"currency": 404}, "#/currency"),
            ({"principal_min": "0.00"}, "#/principal_min"),
            ({"principal_min": 1000}, "#/principal_min"),
            ({"principal_min": 1000.5}, "#/principal_min"),
            ({"principal_min": "-1.00"}, "#/principal_min"),
            ({"principal_min": "1e3"}, "#/principal_min"),
            ({"principal_min": "1,000.00"}, "#/principal_min"),
            ({"principal_max": "9" * 19}, "#/principal_max"),
            ({"principal_max": "١٠٠٠"}, "#/principal_max"),
            ({"installments_min": 0}, "#/installments_min"),
            ({"installments_max": 601}, "#/installments_max"),
            ({"installments_max": 2**63}, "#/installments_max"),
            ({"installments_max": "24"}, "#/installments_max"),
            ({"installments_max": 24.0}, "#/installments_max"),
            ({"installments_min": True}, "#/installments_min"),
            ({"annual_rate": 12}, "#/annual_rate"),
            ({"annual_rate": 12.5}, "#/annual_rate"),
            ({"annual_rate": "-1"}, "#/annual_rate"),
            ({"annual_rate": "1000.01"}, "#/annual_rate"),
            ({"annual_rate": "1.0000001"}, "#/annual_rate"),
            ({"annual_rate": "twelve"}, "#/annual_rate"),
            ({"method": "balloon"}, "#/method"),
            ({"method": 1}, "#/method"),
            ({"method": {}}, "#/method"),
            ({"day_count": "ACT/364"}, "#/day_count"),
            ({"rounding": "nearest"}, "#/rounding"),
            ({"allocation": ["interest", "fees"]}, "#/allocation/1"),
            ({"allocation": ["interest"] * 13}, "#/allocation"),
            ({"allocation": ["interest", 7]}, "#/allocation/1"),
            ({"allocation": {"order": ["interest"]}}, "#/allocation/order"),
            ({"allocation": {"along": "vertical"}}, "#/allocation/along"),
            ({"allocation": "interest"}, "#/allocation"),
            ({"frequency": {"every": 0, "unit": "week"}}, "#/frequency/every"),
            ({"frequency": {"every": 13, "unit": "month"}}, "#/frequency/every"),
            ({"frequency": {"every": 1, "unit": "fortnight"}}, "#/frequency/unit"),
            ({"frequency": {"every": 1, "unit": "week", "on": 5}}, "#/frequency/on"),
            ({"frequency": "monthly"}, "#/frequency"),
        ],
    )
    def test_refuses_a_malformed_field(self, api, given, pointer):
        response = api.post(PATH, samples.product(**given))

        assert_refused(response, 422, "invalid_request", pointers=[pointer])

    @pytest.mark.parametrize("body", [[], "product", 7])
    def test_refuses_what_is_no_object(self, api, body):
        response = api.post(PATH, body)

        assert_refused(response, 422, "invalid_request", pointers=["#"])

    def test_names_every_missing_field(self, api):
        response = api.post(PATH, {})

        required = [*without(samples.product(), "rounding")]
        assert_refused(response, 422, "invalid_request", pointers=[f"#/{name}" for name in required])


class TestReviseProduct:
    def test_answers_with_the_next_version_and_where_it_is(self, api):
        first = api.post(PATH, samples.product()).get_json()

        response = api.post(f"{PATH}/{first['id']}/versions", samples.terms(annual_rate="15.00"))

        assert response.status_code == 201, response.text
        assert response.headers["Location"] == f"{PATH}/{first['id']}/versions/2"
        terms = first["terms"] | {"annual_rate": "15.00"}
        assert response.get_json() == first | {"version": 2, "annual_rate": "15.00", "terms": terms}

    def test_leaves_earlier_versions_as_they_were(self, api):
        first = api.post(PATH, samples.product()).get_json()
        versions = f"{PATH}/{first['id']}/versions"
        second = api.post(versions, samples.terms(annual_rate="15.00")).get_json()

        assert api.get(f"{versions}/1").get_json() == first
        assert api.get(f"{versions}/2").get_json() == second
        assert api.get(f"{PATH}/{first['id']}").get_json() == second

    def test_leaves_loans_the_version_they_were_applied_for(self, api, borrower):
        product_id = api.post(PATH, samples.product()).get_json()["id"]
        older_loan = api.post("/api/v1/loans", samples.application(borrower.id, product_id)).get_json()
        api.post(f"{PATH}/{product_id}/versions", samples.terms(annual_rate="15.00"))

        newer_loan = api.post("/api/v1/loans", samples.application(borrower.id, product_id)).get_json()

        kept = api.get(f"/api/v1/loans/{older_loan['id']}").get_json()
        assert (kept["product_version"], kept["annual_rate"]) == (1, "12.00")
        assert (newer_loan["product_version"], newer_loan["annual_rate"]) == (2, "15.00")

    def test_refuses_to_rename_a_product(self, api, product):
        response = api.post(f"{PATH}/{product.id}/versions", samples.terms(code="other", currency="KES"))

        assert_refused(response, 422, "invalid_request", pointers=["#/code", "#/currency"])

    def test_refuses_limits_that_leave_nothing(self, api, product):
        response = api.post(f"{PATH}/{product.id}/versions", samples.terms(principal_max="999.99"))

        assert_refused(response, 422, "invalid_limits", pointers=["#/principal_min"])
        assert api.get(f"{PATH}/{product.id}").get_json()["version"] == 1

    def test_refuses_an_unknown_product(self, api):
        response = api.post(f"{PATH}/{UNKNOWN_ID}/versions", samples.terms())

        assert_refused(response, 404, "product_not_found")


class TestGetProduct:
    def test_refuses_an_unknown_one(self, api):
        assert_refused(api.get(f"{PATH}/{UNKNOWN_ID}"), 404, "product_not_found")

    @pytest.mark.parametrize("version", ["0", "2", "2147483648", "9223372036854775808", "9" * 30])
    def test_refuses_a_version_it_never_had(self, api, product, version):
        assert_refused(api.get(f"{PATH}/{product.id}/versions/{version}"), 404, "product_not_found")

    @pytest.mark.parametrize("version", ["-1", "one", "1.0"])
    def test_refuses_what_is_no_version(self, api, product, version):
        assert_refused(api.get(f"{PATH}/{product.id}/versions/{version}"), 404, "not_found")


class TestListProducts:
    def test_begins_with_the_newest(self, api):
        older = api.post(PATH, samples.product()).get_json()
        newer = api.post(PATH, samples.product()).get_json()

        response = api.get(f"{PATH}?limit=2")

        assert response.get_json()["data"] == [newer, older]

    def test_finds_one_by_its_code_in_its_newest_version(self, api):
        product = api.post(PATH, samples.product()).get_json()
        second = api.post(f"{PATH}/{product['id']}/versions", samples.terms(annual_rate="9.00")).get_json()

        response = api.get(f"{PATH}?code={product['code']}")

        assert response.get_json() == {"data": [second], "next_cursor": None}
