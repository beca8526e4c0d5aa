"""docs/api.md: it describes every route, and its examples are run in order and answer as it says."""

import json
import re

import pytest

from loans.app import create_app
from loans.db import transaction
from loans.services import api_keys, passwords, permissions, staff
from loans.services.api_keys import Secret
from loans.services.passwords import Password
from tests import settling
from tests.conftest import ROOT, SECRET_KEY, Api, make_settings
from tests.conventions import document_rules
from tests.factories import make_context

BLOCK = re.compile(r"^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is another each time: ids, hashes of what has ids, and tokens, of which the document shows the ends.
MADE = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|eyJ[\w.-]+|blr_[0-9a-f.]+|[0-9a-f]{64}")


NDJSON = "application/x-ndjson"

GRACE = {
    "username": "grace.wanjiku",
    "name": "Grace Wanjiku",
    "role": "admin",
    "password": Password(hashed=passwords.hash_of("correct horse battery")),
}


@pytest.fixture(scope="module")
def document():
    return (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.fixture
def reader(make_database, today):
    """The API on an empty book, as a reader of the document has it on 15 June 2026."""
    app = create_app(make_settings(make_database()))
    secret = Secret(environment="test", pepper=SECRET_KEY)
    with app.app_context():
        key = transaction(
            lambda session: api_keys.issue(
                session, name="reader", scopes=api_keys.SCOPES, secret=secret, now=make_context().now
            )
        )
        transaction(lambda session: staff.employ(session, **GRACE, context=make_context()))
    return Api(client=app.test_client(), key=key)


def examples(document):
    """Every example as (request line, headers sent, body or None, status, headers, answer)."""
    blocks = BLOCK.findall(document)
    for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
        line, _, body = asked.strip().partition("\n\n")
        line, _, sent = line.partition("\n")
        head, _, answer = answered.strip().partition("\n\n")
        status, *headers = head.split("\n")
        yield (
            line,
            dict(header.split(": ", 1) for header in sent.splitlines()),
            body if "Content-Type" in sent else json.loads(body) if body else None,
            int(status.split()[1]),
            dict(header.split(": ", 1) for header in headers),
            json.loads(answer) if NDJSON not in status + "".join(headers) else said(answer),
        )


def said(answer):
    """The lines of an answer that is a line for each row, without the blanks that the document adds for its readers."""
    return [json.loads(line) for line in answer.splitlines()]


def told(response):
    """An answer of any type as JSON: that of a file has many documents."""
    return said(response.text) if response.content_type == NDJSON else json.loads(response.text)


def routes(app):
    """Every route below /api, as (method, rule)."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            yield from ((method, rule) for method in sorted(rule.methods & {"GET", "POST", "PATCH"}))


def written(method, rule):
    """A route as the document writes it: `GET /api/v1/loans/{loan_id}`."""
    path = re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", rule.rule)
    return f"{method} {path}"


def scope_of(app, method, rule):
    """The scope that a route declares; a class holds the views of several methods."""
    view = app.view_functions[rule.endpoint]
    of_class = getattr(view, "view_class", None)
    return (getattr(of_class, method.lower()) if of_class else view).__scope__


def shown_of(actual, *, shown):
    """What the document would show of an answer: its fields, and of a list as many items."""
    if isinstance(shown, dict) and isinstance(actual, dict):
        return {name: shown_of(actual[name], shown=shown[name]) for name in shown}
    if isinstance(shown, list) and isinstance(actual, list):
        return [shown_of(item, shown=kept) for item, kept in zip(actual, shown, strict=False)]
    return actual


class Ids:
    """Which id of this run stands for which id of the document: ids differ each time they are made."""

    def __init__(self):
        self.known = {}

    def learn(self, *, shown, actual):
        for documented, found in zip(MADE.findall(shown), MADE.findall(actual), strict=True):
            self.known.setdefault(documented, found)

    def translate(self, text):
        return MADE.sub(lambda match: self.known.get(match.group(), match.group()), text)


def ask(reader, line, sent, *, body, ids):
    """Send an example's request, with the ids of this run."""
    method, path = ids.translate(line).split(" ")
    headers = {"X-Request-ID": "docs-1"} | {name: ids.translate(value) for name, value in sent.items()}
    if path.startswith("/api/v1/events"):
        with reader.client.application.app_context():
            settling.wait_until_settled()
    if method == "GET":
        return reader.get(path, headers=headers)
    if "Content-Type" in headers:
        # A file is sent as it stands.
        raw = ids.translate(body)
        key = {"Authorization": f"Bearer {reader.key}", "Idempotency-Key": "docs-file"}
        return reader.client.post(path, data=raw, headers=key | headers)
    if method == "PATCH":
        return reader.patch(path, body, headers=headers)
    return reader.post(path, body and json.loads(ids.translate(json.dumps(body))), headers=headers)


class TestExamples:
    def test_answer_as_the_document_says(self, reader, document):
        ids, asked = Ids(), 0

        for line, sent, body, status, headers, answer in examples(document):
            response = ask(reader, line, sent, body=body, ids=ids)
            answered = response.json if response.is_json else told(response)
            shown = json.dumps(shown_of(answered, shown=answer))
            ids.learn(shown=json.dumps(answer), actual=shown)
            asked += 1

            assert (line, response.status_code) == (line, status)
            assert json.loads(shown) == json.loads(ids.translate(json.dumps(answer)))
            for name, value in headers.items():
                assert response.headers[name] == ids.translate(value)

        assert asked == 94

    def test_cover_every_route(self, document, app):
        adapter = app.url_map.bind("localhost")

        reached = set()
        for line, *_ in examples(document):
            method, path = line.partition("\n")[0].partition("?")[0].split(" ")
            reached.add((method, adapter.match(path, method)[0]))

        assert {(method, rule.endpoint) for method, rule in routes(app)} - reached == set()


class TestRoutes:
    def test_have_a_heading_each(self, document, app):
        described = {heading for heading in document_rules.headings(document) if "/api/" in heading}

        assert described == {written(method, rule) for method, rule in routes(app)}

    def test_are_described_with_the_scope_they_want(self, document, app):
        sections = dict(re.findall(r"^### `(.+?)`\n(.+?)(?=^#)", document, re.MULTILINE | re.DOTALL))

        told = {
            written(*route): re.findall(r"Scope\s+`(.+?)`", sections[written(*route)])
            for route in routes(app)
        }

        assert told == {written(*route): [scope_of(app, *route)] for route in routes(app)}


class TestScopes:
    def test_of_the_roles_are_marked(self, document):
        rows = re.findall(r"^\| `([a-z]+:[a-z]+)` \|[^|]*\|(.*)\|$", document, re.MULTILINE)

        marked = {scope: [mark.strip() for mark in marks.split("|")] for scope, marks in rows}

        for column, role in enumerate(("officer", "teller", "auditor")):
            told = {scope for scope, marks in marked.items() if marks[column] == "yes"}
            assert told == permissions.SCOPES_OF_ROLES[role]

    def test_are_all_in_the_table(self, document):
        described = re.findall(r"^\| `([a-z]+:[a-z]+)` \|", document, re.MULTILINE)

        assert sorted(described) == sorted(permissions.DECLARABLE)
