"""What the demo portfolio consists of: borrowers, products and loans, at least one loan for each method and event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from loans.core.events import RefundOf
from loans.core.terms import Component
from loans.services import origination, repayments, servicing, settlements
from loans.services.demo_acts import Act, after, charges_back, pauses, pays, reverses
from loans.services.products import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoProduct:
    """A product of the portfolio; its terms as on the wire."""

    code: str
    name: str
    currency: str
    limits: Limits
    terms: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLoan:
    """A loan of the portfolio: what is borrowed, how far it goes, and what happens to it once it is paid out."""

    external_id: str
    borrower: str
    product: str
    principal: str
    installments: int
    days_ago: int
    ends_as: str = "disbursed"
    first_part: str | None = None
    story: tuple[Act, ...] = ()


BORROWERS = (
    ("demo-alice", "Alice", "Wanjiru", "alice@example.com", date(1988, 4, 12)),
    ("demo-bob", "Bob", "Otieno", "bob@example.com", date(1979, 11, 3)),
    ("demo-charlie", "Charlie", "Kimani", "charlie@example.com", date(1995, 7, 29)),
)
_MONTHLY = {"every": 1, "unit": "month"}
_WIDE = Limits(principal_min=100_000, principal_max=50_000_000, installments_min=1, installments_max=24)
PRODUCTS = (
    DemoProduct(
        code="demo-salary-advance",
        name="Salary advance",
        currency="KES",
        limits=_WIDE,
        terms={"annual_rate": "24.00", "method": "equal_installments", "frequency": _MONTHLY},
    ),
    DemoProduct(
        code="demo-shop-stock",
        name="Shop stock loan",
        currency="USD",
        limits=Limits(principal_min=10_000, principal_max=2_000_000, installments_min=4, installments_max=52),
        terms={
            "annual_rate": "18.50",
            "method": "equal_principal",
            "frequency": {"every": 2, "unit": "week"},
            "day_count": "ACT/365F",
        },
    ),
    DemoProduct(
        code="demo-motorbike",
        name="Motorbike loan",
        currency="KES",
        limits=_WIDE,
        terms={
            "annual_rate": "20.00",
            "method": "flat",
            "fees": [{"name": "insurance", "type": "per_installment", "amount": "150.00"}],
            "late_fee": {"percent": "5", "grace_days": 3, "cap": "1000.00"},
        },
    ),
    DemoProduct(
        code="demo-season",
        name="Season loan",
        currency="KES",
        limits=_WIDE,
        terms={"annual_rate": "16.00", "method": "interest_only", "penalty_rate": "24.00"},
    ),
    DemoProduct(
        code="demo-invoice",
        name="Invoice loan",
        currency="JPY",
        limits=Limits(principal_min=10_000, principal_max=9_000_000, installments_min=1, installments_max=6),
        terms={
            "annual_rate": "9.00",
            "method": "bullet",
            "day_count": "ACT/360",
            "fees": [{"name": "handling", "type": "upfront", "percent": "1", "collection": "deducted"}],
        },
    ),
    DemoProduct(
        code="demo-credit-line",
        name="Credit line",
        currency="USD",
        limits=Limits(principal_min=10_000, principal_max=2_000_000, installments_min=2, installments_max=36),
        terms={
            "annual_rate": "14.00",
            "method": "equal_installments",
            "day_count": "ACT/365F",
            "interest_mode": "daily",
            "early_payment": "shorter_term",
            "tranches_max": 3,
        },
    ),
    DemoProduct(
        code="demo-school",
        name="School loan",
        currency="KES",
        limits=_WIDE,
        terms={
            "annual_rate": "18.00",
            "method": "equal_installments",
            "business_day_convention": "following",
            "holiday_calendar": "KE",
            "down_payment": {"percent": "10"},
            "grace": {"interest_free": 1},
        },
    ),
)
_BEFORE_DISBURSEMENT = (
    DemoLoan(
        external_id="demo-pending",
        borrower="demo-alice",
        product="demo-salary-advance",
        principal="12500.00",
        installments=6,
        days_ago=2,
        ends_as="pending",
    ),
    DemoLoan(
        external_id="demo-approved",
        borrower="demo-bob",
        product="demo-shop-stock",
        principal="3000.00",
        installments=12,
        days_ago=3,
        ends_as="approved",
    ),
    DemoLoan(
        external_id="demo-rejected",
        borrower="demo-charlie",
        product="demo-salary-advance",
        principal="400000.00",
        installments=24,
        days_ago=20,
        ends_as="rejected",
    ),
    DemoLoan(
        external_id="demo-cancelled",
        borrower="demo-charlie",
        product="demo-shop-stock",
        principal="500.00",
        installments=8,
        days_ago=15,
        ends_as="cancelled",
    ),
)
_PAID_AS_AGREED = (
    DemoLoan(
        external_id="demo-current",
        borrower="demo-alice",
        product="demo-salary-advance",
        principal="100000.00",
        installments=12,
        days_ago=100,
        story=(pays(1), pays(2), pays(3)),
    ),
    DemoLoan(
        external_id="demo-overdue",
        borrower="demo-bob",
        product="demo-shop-stock",
        principal="2400.00",
        installments=12,
        days_ago=90,
        story=(pays(1), pays(2), pays(3), reverses()),
    ),
    DemoLoan(
        external_id="demo-repaid",
        borrower="demo-charlie",
        product="demo-shop-stock",
        principal="800.00",
        installments=4,
        days_ago=120,
        story=(pays(1), pays(2), pays(3), pays(4)),
    ),
    DemoLoan(
        external_id="demo-holidays",
        borrower="demo-alice",
        product="demo-school",
        principal="60000.00",
        installments=10,
        days_ago=75,
        story=(pays(1), pays(2)),
    ),
    DemoLoan(
        external_id="demo-parts",
        borrower="demo-bob",
        product="demo-credit-line",
        principal="9000.00",
        installments=12,
        days_ago=80,
        first_part="4000.00",
        story=(pays(1), after(45, does=origination.disburse, amount="5000.00"), pays(2)),
    ),
    DemoLoan(
        external_id="demo-paid-off",
        borrower="demo-charlie",
        product="demo-credit-line",
        principal="3000.00",
        installments=12,
        days_ago=110,
        story=(
            pays(1),
            after(60, does=repayments.record, amount="1000.00"),
            after(90, does=repayments.payoff),
        ),
    ),
)
_IN_TROUBLE = (
    DemoLoan(
        external_id="demo-late",
        borrower="demo-alice",
        product="demo-motorbike",
        principal="80000.00",
        installments=12,
        days_ago=130,
        story=(
            pays(1),
            after(95, does=servicing.charge_late_fee, amount="250.00"),
            after(100, does=servicing.waive_fees, component=Component.PENALTY, amount="250.00"),
        ),
    ),
    DemoLoan(
        external_id="demo-forgiven",
        borrower="demo-bob",
        product="demo-season",
        principal="50000.00",
        installments=9,
        days_ago=120,
        story=(
            pays(1),
            after(70, does=servicing.waive_interest),
            after(80, does=servicing.change_rate, annual_rate="12.00"),
            after(85, does=settlements.grant_credit, amount="500.00"),
        ),
    ),
    DemoLoan(
        external_id="demo-rescheduled",
        borrower="demo-charlie",
        product="demo-salary-advance",
        principal="90000.00",
        installments=12,
        days_ago=125,
        story=(
            pays(1),
            pauses(40, length=30),
            after(70, does=servicing.reschedule, installments=18),
        ),
    ),
    DemoLoan(
        external_id="demo-re-aged",
        borrower="demo-alice",
        product="demo-salary-advance",
        principal="45000.00",
        installments=12,
        days_ago=150,
        story=(
            after(120, does=servicing.re_age, installments=12),
            after(145, does=repayments.record, amount="4000.00"),
        ),
    ),
    DemoLoan(
        external_id="demo-charged-back",
        borrower="demo-bob",
        product="demo-invoice",
        principal="400000",
        installments=6,
        days_ago=60,
        story=(
            after(20, does=servicing.charge_fee, amount="1500"),
            after(30, does=repayments.record, amount="100000"),
            charges_back(35),
        ),
    ),
    DemoLoan(
        external_id="demo-refunded",
        borrower="demo-charlie",
        product="demo-salary-advance",
        principal="20000.00",
        installments=3,
        days_ago=70,
        story=(
            after(5, does=servicing.charge_fee, amount="300.00"),
            after(40, does=repayments.record, amount="25000.00", overpayment="hold"),
            after(45, does=settlements.refund, amount="1000.00"),
            after(46, does=settlements.refund, amount="300.00", of=RefundOf.FEE),
        ),
    ),
    DemoLoan(
        external_id="demo-charged-off",
        borrower="demo-alice",
        product="demo-season",
        principal="30000.00",
        installments=6,
        days_ago=200,
        story=(after(160, does=settlements.charge_off), after(180, does=repayments.record, amount="2000.00")),
    ),
    DemoLoan(
        external_id="demo-written-off",
        borrower="demo-bob",
        product="demo-motorbike",
        principal="35000.00",
        installments=6,
        days_ago=300,
        story=(
            pays(1),
            after(270, does=settlements.write_off),
            after(290, does=settlements.recover, amount="1500.00"),
        ),
    ),
)
LOANS = (*_BEFORE_DISBURSEMENT, *_PAID_AS_AGREED, *_IN_TROUBLE)
