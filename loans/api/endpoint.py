"""What every route of a resource has in common: its scope, its schemas, its transaction, its idempotency.

`command` makes a POST that changes something, `calculation` a POST that stores nothing, `exchange` a POST that takes a
password or a token, `query` a GET. The view below them says only what is particular: it gets the session, the parsed
input and the path's identifiers, calls one service and gives the result.
"""

import copy
import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import marshmallow as ma
from flask import Response, request
from flask_smorest import Blueprint as SmorestBlueprint
from sqlalchemy.orm import Session

from loans.api import conditional, cross_origin, requests, shapes
from loans.api.errors import IdempotencyKeyMissing
from loans.api.publishing import CALCULATION, CHANGE, COMMAND, EXCHANGE, QUERY, QUERY_OF_ONE, Kind, publish
from loans.db import db, transaction
from loans.services import idempotency
from loans.services.context import Context
from loans.services.idempotency import Answer, Claim

V = TypeVar("V", bound=Callable[..., Any])


class Blueprint(SmorestBlueprint):  # type: ignore[misc] # flask-smorest is untyped
    """A resource: a flask-smorest blueprint that reads its input strictly and lets nobody in unasked."""

    ARGUMENTS_PARSER = requests.StrictParser()

    def __init__(self, name: str, import_name: str, **kwargs: Any) -> None:
        super().__init__(name, import_name, **kwargs)
        self.before_request(cross_origin.authorize)


def command(  # noqa: PLR0913 - what a command declares
    blueprint: Blueprint,
    rule: str,
    *,
    scope: str,
    accepts: type[ma.Schema],
    returns: type[ma.Schema],
    status: int = 200,
    location: Callable[[Any], str] | None = None,
    kind: Kind = COMMAND,
    shown_once: str | None = None,
    prepare: Callable[[], Mapping[str, Any]] | None = None,
) -> Callable[[V], V]:
    """Make a view the POST at `rule`: run in one transaction, once for each Idempotency-Key.

    The view is called with the session, the context, the parsed body and the path's arguments; `location` makes the
    Location header from what it returns. `?dry_run=true` undoes it all again. What If-Match says is checked first, with
    the row locked; a `CHANGE`, a PATCH, must say it. The field `shown_once` of the answer is null in what is stored and
    replayed (ADR 30). What `prepare` gives, before the transaction and holding no connection, goes to the view by name.
    """
    schema = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(body: Any, **path: Any) -> Response:
            is_dry = requests.is_dry_run()
            if kind is CHANGE:
                conditional.require()
            wanted = _claim()
            given = {**path, **_prepared(prepare)}

            def act(session: Session, circumstances: Context) -> Answer:
                conditional.check(session, path)
                # A copy: a view may take its body apart, and a transaction that is run again needs it whole.
                result = view(session, circumstances, copy.deepcopy(body), **given)
                return _answer(result, schema=schema, status=status, location=location, shown_once=shown_once)

            return _rehearse(act) if is_dry else _act_once(act, wanted=wanted)

        run.__idempotent__ = True  # type: ignore[attr-defined] # read by a convention test
        publish(
            blueprint, rule, run=run, kind=kind, scope=scope, schema=accepts, returns=returns, status=status
        )
        return view

    return decorate


def calculation(
    blueprint: Blueprint, rule: str, *, scope: str, accepts: type[ma.Schema], returns: type[ma.Schema]
) -> Callable[[V], V]:
    """Make a view the POST at `rule` that stores nothing: without a transaction, and as often as it is asked.

    The view is called with the session, the parsed body and the path's arguments. The connection that the key was
    looked up on is given back first, since a calculation that reads nothing may take a while.
    """
    schema = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(body: Any, **path: Any) -> Response:
            requests.refuse_parameters()
            session = db.session()
            session.rollback()
            result = view(session, body, **path)
            return _response(Answer(status=200, location=None, body=_dump(schema, result)), replayed=False)

        run.__stores_nothing__ = True  # type: ignore[attr-defined] # read by a convention test
        publish(
            blueprint,
            rule,
            run=run,
            kind=CALCULATION,
            scope=scope,
            schema=accepts,
            returns=returns,
            status=200,
        )
        return view

    return decorate


def exchange(
    blueprint: Blueprint, rule: str, *, scope: str, accepts: type[ma.Schema], returns: type[ma.Schema]
) -> Callable[[V], V]:
    """Make a view the POST at `rule` whose body holds a password or token: nothing of it is stored, not even a hash
    under an Idempotency-Key, from which a password could be guessed (ADR 31).

    The view is called with the parsed body alone and opens its own transactions, since hashing a password must hold
    no connection. A convention test lists these routes.
    """
    schema = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(body: Any) -> Response:
            requests.refuse_parameters()
            db.session().rollback()
            result = view(body)
            return _response(Answer(status=200, location=None, body=_dump(schema, result)), replayed=False)

        run.__is_exchange__ = True  # type: ignore[attr-defined] # read by a convention test
        publish(
            blueprint, rule, run=run, kind=EXCHANGE, scope=scope, schema=accepts, returns=returns, status=200
        )
        return view

    return decorate


def query(  # noqa: PLR0913 - what a query declares
    blueprint: Blueprint,
    rule: str,
    *,
    scope: str,
    returns: type[ma.Schema],
    args: type[ma.Schema] | None = None,
    version: Callable[[Any], int] | None = None,
    shape: shapes.Shape | None = None,
) -> Callable[[V], V]:
    """Make a view the GET at `rule`; it gets the session, the parsed query if any, the path's arguments.

    A page, which has a next_cursor, gets a Link header as well; what has a `version` gets an ETag. A `shape` says what
    `view`, `fields` and `expand` may ask for; the arguments have these three then.
    """
    whole = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(*parsed: Any, **path: Any) -> Response:
            if args is None:
                requests.refuse_parameters()
            schema = whole if shape is None else shape.schema(parsed[0])
            result = view(db.session(), *parsed, **path)
            response = _response(
                Answer(status=200, location=None, body=_dump(schema, result)), replayed=False
            )
            _link(response, cursor=ma.utils.get_value(result, "next_cursor", None))
            return response if version is None else conditional.answer(response, version=version(result))

        kind = QUERY if version is None else QUERY_OF_ONE
        documented = returns if shape is None else shape.documented(returns)
        publish(blueprint, rule, run=run, kind=kind, scope=scope, schema=args, returns=documented, status=200)
        return view

    return decorate


def _link(response: Response, *, cursor: str | None) -> None:
    """Say where the next page is, if there is one."""
    if cursor:
        others = {name: value for name, value in request.args.items() if name != "cursor"}
        response.headers["Link"] = f'<{request.path}?{urlencode({**others, "cursor": cursor})}>; rel="next"'


def _answer(
    result: Any,
    *,
    schema: ma.Schema,
    status: int,
    location: Callable[[Any], str] | None,
    shown_once: str | None,
) -> Answer:
    """Make what a command answers, and what is kept of it for replays."""
    shown = schema.dump(result)
    return Answer(
        status=status,
        location=location(result) if location else None,
        body=_encode(shown),
        kept=_encode(shown | {shown_once: None}) if shown_once else None,
    )


def _prepared(prepare: Callable[[], Mapping[str, Any]] | None) -> Mapping[str, Any]:
    if prepare is None:
        return {}
    # Gives back the connection that the caller was looked up on.
    db.session().rollback()
    return prepare()


def _act_once(act: Callable[[Session, Context], Answer], *, wanted: Claim) -> Response:
    """Do what a command does, or answer what it answered when it was done with this key."""

    def work(session: Session) -> tuple[Answer, bool]:
        stored = idempotency.claim(session, wanted=wanted)
        if stored is not None:
            return stored, True
        circumstances = requests.context()
        answer = act(session, circumstances)
        idempotency.store(session, claimed=wanted, answer=answer, context=circumstances)
        return answer, False

    answer, replayed = transaction(work)
    return _response(answer, replayed=replayed)


def _rehearse(act: Callable[[Session, Context], Answer]) -> Response:
    """Do what a command does, undo it, and answer as it would, but for the path of what was not created."""
    answer = transaction(lambda session: act(session, requests.context()), dry_run=True)
    response = _response(dataclasses.replace(answer, location=None), replayed=False)
    response.headers["Dry-Run"] = "true"
    return response


def _claim() -> Claim:
    """Read the Idempotency-Key, which every command carries.

    :raises IdempotencyKeyMissing: if there is none.
    :raises InvalidIdempotencyKey: if it is empty, too long or not printable.
    """
    # Two bodies that say the same in another order or spacing are the same request.
    said = json.dumps(requests.body_of(request), sort_keys=True, default=str)
    wanted = requests.claim(said.encode("utf-8"))
    if wanted is None:
        raise IdempotencyKeyMissing("send an Idempotency-Key, for example a random UUID, with every POST")
    return wanted


def _dump(schema: ma.Schema, result: Any) -> bytes:
    return _encode(schema.dump(result))


def _encode(shown: Any) -> bytes:
    return (json.dumps(shown, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8")


def _response(answer: Answer, *, replayed: bool) -> Response:
    response = Response(answer.body, status=answer.status, content_type="application/json")
    if answer.location is not None:
        response.headers["Location"] = answer.location
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
