"""Lending: what was lent, what came back, what is late, and do the books agree?

Amounts are major units of their currency. No panel adds amounts of different currencies.
"""

from grafana.source import objectives
from grafana.source.page import choice
from grafana.source.page import dashboard as make
from grafana.source.panels import (
    GREEN,
    RED,
    Json,
    Panel,
    Query,
    Row,
    at_most,
    graph,
    or_zero,
    stat,
    thresholds,
)

# Several instances and colours report the same book: max takes it once.
CHOSEN = 'job="flask-api", currency=~"$currency"'
ANY = 'job="flask-api"'
OUTSTANDING = f"sum by (currency) (max by (currency, component) (branchloans_outstanding_amount{{{CHOSEN}}}))"
ARREARS = f"max by (currency, bucket) (branchloans_arrears_amount{{{CHOSEN}}})"


def dashboard() -> Json:
    """Make it."""
    return make(
        uid="lending",
        title="Lending",
        description="The loan book: loans by status, money out and back, arrears, and whether the books agree.",
        runbooks={
            "ledger and verification": "docs/runbooks/verification.md",
            "alerts of the books": "docs/runbooks/alerts/books.md",
        },
        period="now-7d",
        variables=[choice("currency", "Currency", "label_values(branchloans_loans, currency)")],
        panels=[
            *BOOKS_PANELS,
            Row("The book"),
            *BOOK_PANELS,
            Row("What happens"),
            *_events(),
        ],
    )


NOTHING = thresholds((0.000001, RED))
BOOKS_PANELS: tuple[Panel, ...] = (
    stat(
        "Ledger imbalance",
        "What debits and credits differ by, the worst currency. There is no budget for this: anything but 0 "
        "wakes somebody.",
        Query(expr=f"max(abs(branchloans_ledger_imbalance_amount{{{ANY}}}))"),
        unit="none",
        limits=NOTHING,
    ),
    stat(
        "Faults of the last verification",
        "Loans whose stored state is not the fold of their events, found by the last flask verify.",
        Query(expr=f"max(branchloans_verification_faults{{{ANY}}})"),
        unit="none",
        limits=NOTHING,
    ),
    stat(
        "Last verification",
        "Time since flask verify last came to its end.",
        Query(expr=f"time() - max(branchloans_verification_timestamp_seconds{{{ANY}}})"),
        unit="s",
        limits=at_most(objectives.VERIFICATION_HOURS * 3600),
    ),
    stat(
        "Oldest unsent event",
        "Age of the oldest event in the outbox. It grows until something takes the events away.",
        Query(expr=f"max(branchloans_outbox_age_seconds{{{ANY}}})"),
        unit="s",
    ),
    stat(
        "These figures",
        "Time since the figures of the book were computed: a minute, more on a large book, or the database does "
        "not answer.",
        Query(expr=f"time() - max(branchloans_portfolio_timestamp_seconds{{{ANY}}})"),
        unit="s",
        limits=at_most(objectives.FIGURES_SECONDS),
    ),
    stat(
        "Loans",
        "Loans in every status.",
        Query(expr=f"sum(max by (status, currency) (branchloans_loans{{{CHOSEN}}}))"),
        unit="none",
        limits=thresholds((0, GREEN)),
    ),
)


BOOK_PANELS: tuple[Panel, ...] = (
    graph(
        "Loans by status",
        "How many loans are in each status.",
        Query(
            expr=f"sum by (status) (max by (status, currency) (branchloans_loans{{{CHOSEN}}}))",
            legend="{{status}}",
        ),
        unit="none",
        stacked=True,
        width=8,
    ),
    graph(
        "Outstanding",
        "What borrowers owe on their schedules, principal and interest, by currency.",
        Query(
            expr=f"max by (currency, component) (branchloans_outstanding_amount{{{CHOSEN}}})",
            legend="{{currency}} {{component}}",
        ),
        unit="short",
        stacked=False,
        width=8,
    ),
    graph(
        "Disbursed and received",
        "All disbursements and all money received from borrowers, by currency; what was reversed or charged back "
        "is taken off.",
        Query(
            expr=f"max by (currency) (branchloans_disbursed_amount{{{CHOSEN}}})",
            legend="{{currency}} disbursed",
        ),
        Query(
            expr=f"max by (currency) (branchloans_repaid_amount{{{CHOSEN}}})",
            legend="{{currency}} received",
        ),
        unit="short",
        width=8,
    ),
    graph(
        "In arrears",
        "What is late, by how long it has been (days past due) and by currency.",
        Query(expr=ARREARS, legend="{{currency}} {{bucket}}"),
        unit="short",
        width=8,
    ),
    graph(
        "Loans in arrears",
        "How many loans are late, by how long their oldest unpaid installment has been.",
        Query(
            expr=f"sum by (bucket) (max by (currency, bucket) (branchloans_arrears_loans{{{CHOSEN}}}))",
            legend="{{bucket}}",
        ),
        unit="none",
        stacked=True,
        width=8,
    ),
    graph(
        "Late, and at risk",
        "Share of what is owed that is late; and of principal, the share owed on loans late for more than 30 days "
        "(PAR 30).",
        Query(expr=f"sum by (currency) ({ARREARS}) / ({OUTSTANDING} > 0)", legend="late {{currency}}"),
        Query(expr='currency:branchloans_par30:ratio{currency=~"$currency"}', legend="PAR 30 {{currency}}"),
        unit="percentunit",
        width=8,
    ),
)


def _events() -> list[Panel]:
    def hourly(counter: str, legend: str, *, by: str = "currency") -> Query:
        selected = CHOSEN if by == "currency" else ANY
        return Query(
            expr=f"sum by ({by}) (rate({counter}{{{selected}}}[$__rate_interval])) * 3600", legend=legend
        )

    zero = f"0 * sum(rate(flask_http_request_total{{{ANY}}}[$__rate_interval]))"
    refused = f"sum by (code) (rate(refusals_total{{{ANY}}}[$__rate_interval]))"
    return [
        graph(
            "Applications and payouts",
            "Loans applied for and loans paid out, per hour.",
            hourly("loans_applied_total", "applied for {{currency}}"),
            hourly("loans_disbursed_total", "paid out {{currency}}"),
            unit="none",
        ),
        graph(
            "Repayments",
            "Repayments recorded and reversed, per hour.",
            hourly("repayments_total", "recorded {{currency}}"),
            hourly("repayments_reversed_total", "reversed {{currency}}"),
            unit="none",
        ),
        graph(
            "Refused by a rule",
            "Requests per hour that a rule refused, by code: borrowers who ask for too much, tellers who type wrongly.",
            Query(
                expr=f"({or_zero(refused, zero=zero, label='code')}) * 3600",
                legend="{{code}}",
            ),
            unit="none",
        ),
        graph(
            "Replayed answers",
            "Commands per hour that came again with a known Idempotency-Key and took effect once.",
            Query(
                expr=f"(sum(rate(idempotent_replays_total{{{ANY}}}[$__rate_interval])) or {zero}) * 3600",
                legend="replays",
            ),
            unit="none",
        ),
    ]
