import uuid
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa

from loans.core.dates import Frequency, PeriodUnit
from loans.core.money import UnknownCurrency
from loans.core.terms import InvalidTerms
from loans.models.product import Product
from loans.services import products
from loans.services.products import DuplicateProduct, InvalidLimits, ProductNotFound
from tests.factories import make_context, make_product, make_terms
from tests.services import rows


def publish(session, *, code="weekly-loan", currency="KES", **terms):
    return products.publish(
        session,
        code=code,
        name="Weekly loan",
        currency=currency,
        terms=make_terms(**terms),
        context=make_context(),
    )


def count_coded(session, code):
    table = Product.__table__
    return session.execute(sa.select(sa.func.count()).where(table.c.code == code)).scalar_one()


class TestPublish:
    def test_stores_version_one(self, session):
        product = publish(
            session, annual_rate=Fraction("36.125"), frequency=Frequency(2, PeriodUnit.WEEK), principal_min=1
        )

        assert (product.code, product.name, product.version) == ("weekly-loan", "Weekly loan", 1)
        assert product.annual_rate == Decimal("36.125")
        assert (product.frequency_every, product.frequency_unit) == (2, "week")
        assert (product.principal_min, product.principal_max) == (1, 10_000_000)
        assert products.get(session, product_id=product.id) == product

    def test_keeps_every_decimal_of_a_rate(self, session):
        product = publish(session, annual_rate=Fraction("0.000001"))

        assert product.annual_rate == Decimal("0.000001")

    def test_announces_and_audits_the_terms(self, session):
        product = publish(session, currency="JPY")

        ((told, payload),) = rows.outbox(session, product)
        assert told == "product.published"
        assert payload["product_id"] == str(product.id)
        assert (payload["version"], payload["currency"]) == (1, "JPY")
        assert (payload["principal_min"], payload["principal_max"]) == ("100000", "10000000")
        assert payload["annual_rate"] == "12.00"
        assert (payload["frequency_every"], payload["frequency_unit"]) == (1, "month")
        (entry,) = rows.audit(session, product)
        assert (entry.action, entry.subject_type) == ("product.publish", "product")
        assert (entry.before, entry.after) == (None, payload)

    def test_accepts_limits_that_leave_one_choice(self, session):
        product = publish(
            session, principal_min=5000, principal_max=5000, installments_min=6, installments_max=6
        )

        assert (product.principal_min, product.installments_min) == (5000, 6)

    @pytest.mark.parametrize(
        ("terms", "field"),
        [
            ({"principal_min": 5001, "principal_max": 5000}, "principal_min"),
            ({"installments_min": 7, "installments_max": 6}, "installments_min"),
        ],
    )
    def test_refuses_limits_that_leave_none(self, session, terms, field):
        with pytest.raises(InvalidLimits) as refusal:
            publish(session, **terms)

        assert refusal.value.field == field
        assert count_coded(session, "weekly-loan") == 0

    @pytest.mark.parametrize(
        ("terms", "field"),
        [
            ({"principal_min": 0}, "principal_min"),
            ({"principal_max": 10**15 + 1}, "principal_max"),
            ({"installments_min": 0}, "installments_min"),
            ({"installments_max": 601}, "installments_max"),
            # 51 times 12 months.
            ({"installments_max": 51, "frequency": Frequency(12, PeriodUnit.MONTH)}, "installments_max"),
            ({"annual_rate": Fraction(1001)}, "annual_rate"),
            ({"allocation": ()}, "allocation"),
        ],
    )
    def test_refuses_terms_that_no_loan_could_have(self, session, terms, field):
        with pytest.raises(InvalidTerms) as refusal:
            publish(session, **terms)

        assert refusal.value.field == field
        assert count_coded(session, "weekly-loan") == 0

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
        product = make_product(session, annual_rate=Fraction(12))

        revised = revise(session, product, annual_rate=Fraction(15))

        assert (revised.version, revised.annual_rate) == (2, 15)
        assert (revised.code, revised.currency) == (product.code, product.currency)

    def test_leaves_the_earlier_version(self, session):
        product = make_product(session, annual_rate=Fraction(12))
        revise(session, product, annual_rate=Fraction(15))

        earlier = products.get(session, product_id=product.id, version=1)

        assert (earlier.version, earlier.annual_rate) == (1, 12)

    def test_is_announced(self, session):
        product = make_product(session)

        revise(session, product, annual_rate=Fraction(15))

        published = [(told, payload["version"]) for told, payload in rows.outbox(session, product)]
        assert published == [("product.published", 1), ("product.published", 2)]

    def test_refuses_limits_that_leave_no_choice(self, session):
        product = make_product(session)

        with pytest.raises(InvalidLimits):
            revise(session, product, installments_min=61)

    def test_refuses_an_unknown_product(self, session):
        with pytest.raises(ProductNotFound):
            products.revise(session, product_id=uuid.uuid4(), terms=make_terms(), context=make_context())


class TestGet:
    def test_refuses_an_unknown_product(self, session):
        with pytest.raises(ProductNotFound):
            products.get(session, product_id=uuid.uuid4())

    def test_refuses_an_unknown_version(self, session):
        product = make_product(session)

        with pytest.raises(ProductNotFound):
            products.get(session, product_id=product.id, version=2)


def revise(session, product, **terms):
    return products.revise(session, product_id=product.id, terms=make_terms(**terms), context=make_context())
