"""The golden cases of the first API, tests/data/first_api.json, and what they say of an answer."""

import json
import re
from pathlib import Path

GOLDEN = json.loads((Path(__file__).parent / "data" / "first_api.json").read_text(encoding="utf-8"))
ERROR_KEYS = {"error", "detail", "error_code", "status_code", "request_id"}


def named(cases):
    """Cases as pytest shows them."""
    return {"argvalues": cases, "ids": [case["name"] for case in cases]}


def body_of(case):
    """The body of a case as bytes; one that is too long to write down says how often it repeats its first half."""
    if "repeat" in case:
        return b"[" * case["repeat"] + b"]" * case["repeat"]
    return case["body"].encode()


def headers_of(case):
    """The content type of a case, if it has one."""
    kind = case.get("type", "application/json")
    return {"Content-Type": kind} if kind else {}


def faults_of_loan(text):
    """What is wrong with the form of a loan: exactly nine sorted keys, text for money, HTTP dates."""
    loan = json.loads(text)
    faults = [] if list(loan) == GOLDEN["keys"] else [f"keys are {list(loan)}"]
    faults += [
        f"{name} is {loan[name]!r}"
        for name in ("created_at", "updated_at")
        if not re.match(GOLDEN["http_date"], loan[name])
    ]
    for name in ("amount", "interest_rate_apr"):
        if loan[name] is not None and not re.fullmatch(r"[0-9]+\.[0-9]{2}", loan[name]):
            faults.append(f"{name} is {loan[name]!r}")
    return faults
