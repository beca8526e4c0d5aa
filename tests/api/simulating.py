"""Asking for a simulation and reading its answer."""

from tests.api.samples import LOAN_TERMS

PATH = "/api/v1/simulations"
# The first installment of the loan, 340.02: 10.00 interest, 330.02 principal. The others: 340.02 and 340.03.
PAID = {"id": "p1", "type": "repayment", "date": "2024-02-15", "amount": "340.02"}


def simulated(api, *events, as_of="2024-02-20", **terms):
    body = {"terms": LOAN_TERMS | terms, "events": list(events), "as_of": as_of}
    response = api.post(PATH, body)
    assert response.status_code == 200, response.text
    return response.get_json()


def refused(api, *events, **terms):
    return api.post(PATH, {"terms": LOAN_TERMS | terms, "events": list(events), "as_of": "2024-02-20"})


def posted_by(answer, event):
    """The lines that an event put on the ledger."""
    (lines,) = [posting["lines"] for posting in answer["postings"] if posting["event"] == event]
    return lines


def amounts(**given):
    return dict.fromkeys(("due", "paid", "waived", "written_off", "outstanding"), "0.00") | given


def row(answer, number):
    return answer["installments"][number - 1]
