import uuid
from decimal import Decimal

import pytest
import sqlalchemy as sa

from loans.core.documents import InvalidDocument
from loans.core.money import UnknownCurrency
from loans.models.product import Product
from loans.services import products
from loans.services.products import DuplicateProduct, InvalidLimits, ProductNotFound
from tests.factories import make_context, make_limits, make_product, make_terms
from tests.services import rows


def publish(session, *, code="weekly-loan", currency="KES", limits=None, **terms):
    return products.publish(
        session,
        code=code,
        name="Weekly loan",
        currency=currency,
        limits=make_limits(**(limits or {})),
        terms=make_terms(**terms),
        context=make_context(),
    )


def count_coded(session, code):
    table = Product.__table__
    return session.execute(sa.select(sa.func.count()).where(table.c.code == code)).scalar_one()


class TestPublish:
    def test_stores_version_one(self, session):
        product = publish(
            session,
            limits={"principal_min": 1},
            annual_rate="36.125",
            frequency={"every": 2, "unit": "week"},
            balloon="0.00",
        )

        assert (product.code, product.name, product.version) == ("weekly-loan", "Weekly loan", 1)
        assert (product.annual_rate, product.method) == (Decimal("36.125"), "equal_installments")
        assert (product.principal_min, product.principal_max) == (1, 10_000_000)
        assert products.get(session, product_id=product.id) == product

    def test_stores_every_term_so_that_a_default_that_changes_changes_no_product(self, session):
        product = publish(session, frequency={"every": 2, "unit": "week"}, late_fee={"amount": "5.00"})

        assert product.terms == {
            "currency": "KES",
            "annual_rate": "12.00",
            "method": "equal_installments",
            "frequency": {"every": 2, "unit": "week"},
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
            "late_fee": {"amount": "5.00", "grace_days": 0},
            "penalty_rate": "0.00",
            "tranches_max": 1,
            "suspend_after_days": 90,
            "accounting": "accrual",
        }

    def test_keeps_the_code_of_a_calendar_and_leaves_its_holidays_to_the_application(self, session):
        product = publish(session, holiday_calendar="KE", business_day_convention="following")

        assert product.terms["holiday_calendar"] == "KE"
        assert "holidays" not in product.terms

    def test_keeps_every_decimal_of_a_rate(self, session):
        product = publish(session, annual_rate="0.000001")

        assert product.annual_rate == Decimal("0.000001")
        assert product.terms["annual_rate"] == "0.000001"

    def test_announces_and_audits_the_terms(self, session):
        product = publish(session, currency="JPY")

        ((told, payload),) = rows.outbox(session, product)
        assert told == "product.published"
        assert payload["product_id"] == str(product.id)
        assert (payload["version"], payload["currency"]) == (1, "JPY")
        assert (payload["principal_min"], payload["principal_max"]) == ("100000", "10000000")
        assert (payload["installments_min"], payload["installments_max"]) == (1, 60)
        assert payload["terms"] == product.terms
        (entry,) = rows.audit(session, product)
        assert (entry.action, entry.subject_type) == ("product.publish", "product")
        assert (entry.before, entry.after) == (None, payload)

    def test_accepts_limits_that_leave_one_choice(self, session):
        only = {
            "principal_min": 5000,
            "principal_max": 5000,
            "installments_min": 6,
            "installments_max": 6,
        }

        product = publish(session, limits=only)

        assert (product.principal_min, product.installments_min) == (5000, 6)

    @pytest.mark.parametrize(
        ("limits", "field"),
        [
            ({"principal_min": 5001, "principal_max": 5000}, "principal_min"),
            ({"installments_min": 7, "installments_max": 6}, "installments_min"),
        ],
    )
    def test_refuses_limits_that_leave_none(self, session, limits, field):
        with pytest.raises(InvalidLimits) as refusal:
            publish(session, limits=limits)

        assert refusal.value.field == field
        assert count_coded(session, "weekly-loan") == 0

    @pytest.mark.parametrize(
        ("limits", "terms", "pointer"),
        [
            ({"principal_min": 0}, {}, "#/principal_min"),
            ({"principal_max": 10**15 + 1}, {}, "#/principal_max"),
            ({"installments_min": 0}, {}, "#/installments_min"),
            ({"installments_max": 601}, {}, "#/installments_max"),
            # 51 times 12 months.
            ({"installments_max": 51}, {"frequency": {"every": 12, "unit": "month"}}, "#/installments_max"),
            ({}, {"annual_rate": "1001.00"}, "#/annual_rate"),
            ({}, {"allocation": {"order": []}}, "#/allocation/order"),
            # The smallest loan is of 1,000.00.
            ({}, {"balloon": "1000.00"}, "#/balloon"),
            ({}, {"grace": {"principal": 1}}, "#/grace/principal"),
            ({}, {"holiday_calendar": "KX"}, "#/holiday_calendar"),
            ({}, {"colour": "blue"}, "#/colour"),
            ({}, {"principal": "1000.00"}, "#/principal"),
            ({}, {"installments": 12}, "#/installments"),
            ({}, {"first_due_date": "2026-07-01"}, "#/first_due_date"),
            ({}, {"holidays": {"weekend": [], "days": []}}, "#/holidays"),
        ],
    )
    def test_refuses_terms_that_no_loan_could_have(self, session, limits, terms, pointer):
        with pytest.raises(InvalidDocument) as refusal:
            publish(session, limits=limits, **terms)

        assert [fault["pointer"] for fault in refusal.value.extensions["errors"]] == [pointer]
        assert count_coded(session, "weekly-loan") == 0

    def test_names_every_fault_below_the_place_of_the_terms(self, session):
        with pytest.raises(InvalidDocument) as refusal:
            products.publish(
                session,
                code="weekly-loan",
                name="Weekly loan",
                currency="KES",
                limits=make_limits(installments_max=601),
                terms={"annual_rate": 12, "fees": [{"type": "upfront"}]},
                context=make_context(),
                pointer="#/terms",
            )

        pointers = {fault["pointer"] for fault in refusal.value.extensions["errors"]}
        assert pointers == {"#/terms/annual_rate", "#/terms/fees/0/amount", "#/terms/installments_max"}

    def test_refuses_an_unknown_currency(self, session):
        with pytest.raises(UnknownCurrency):
            publish(session, currency="XXX")

    def test_refuses_a_code_twice(self, session):
        product = publish(session)

        with pytest.raises(DuplicateProduct) as refusal:
            publish(session, currency="USD")

        assert refusal.value.field == "code"
        assert products.get(session, product_id=product.id).currency == "KES"


class TestRevise:
    def test_adds_a_version(self, session):
        product = make_product(session, annual_rate="12.00")

        revised = revise(session, product, annual_rate="15.00")

        assert (revised.version, revised.annual_rate) == (2, 15)
        assert (revised.code, revised.currency) == (product.code, product.currency)

    def test_leaves_the_earlier_version(self, session):
        product = make_product(session, annual_rate="12.00")
        revise(session, product, annual_rate="15.00")

        earlier = products.get(session, product_id=product.id, version=1)

        assert (earlier.version, earlier.annual_rate) == (1, 12)

    def test_is_announced(self, session):
        product = make_product(session)

        revise(session, product, annual_rate="15.00")

        published = [(told, payload["version"]) for told, payload in rows.outbox(session, product)]
        assert published == [("product.published", 1), ("product.published", 2)]

    def test_refuses_limits_that_leave_no_choice(self, session):
        product = make_product(session)

        with pytest.raises(InvalidLimits):
            revise(session, product, limits={"installments_min": 61})

    def test_refuses_an_unknown_product(self, session):
        with pytest.raises(ProductNotFound):
            products.revise(
                session,
                product_id=uuid.uuid4(),
                limits=make_limits(),
                terms=make_terms(),
                context=make_context(),
            )


class TestGet:
    def test_refuses_an_unknown_product(self, session):
        with pytest.raises(ProductNotFound):
            products.get(session, product_id=uuid.uuid4())

    def test_refuses_an_unknown_version(self, session):
        product = make_product(session)

        with pytest.raises(ProductNotFound):
            products.get(session, product_id=product.id, version=2)


def revise(session, product, *, limits=None, **terms):
    return products.revise(
        session,
        product_id=product.id,
        limits=make_limits(**(limits or {})),
        terms=make_terms(**terms),
        context=make_context(),
    )
