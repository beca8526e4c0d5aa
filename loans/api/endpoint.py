"""What every route of a resource has in common: its scope, its schemas, its transaction, its idempotency.

`command` makes a POST that changes something, `calculation` a POST that stores nothing, `exchange` a POST that takes a
password or a token, `query` a GET. The view below them says only what is particular: it gets the session, the parsed
input and the path's identifiers, calls one service and gives the result.
"""

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

from loans.api import conditional, cross_origin, holding, requests, shapes
from loans.api.acts import Act, Reply, encode, respond
from loans.api.holding import Done
from loans.api.publishing import (
    CALCULATION,
    CHANGE,
    COMMAND,
    EXCHANGE,
    QUERY,
    QUERY_OF_ONE,
    Kind,
    holdable,
    publish,
)
from loans.db import db, transaction
from loans.services import idempotency
from loans.services.context import Context
from loans.services.idempotency import Answer, Claim

V = TypeVar("V", bound=Callable[..., Any])
Work = Callable[[Session, Context], Done]


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
    guarded: str | None = None,
) -> Callable[[V], V]:
    """Make a view the POST at `rule`: run in one transaction, once for each Idempotency-Key.

    The view is called with the session, the context, the parsed body and the path's arguments; `location` makes the
    Location header from what it returns. `?dry_run=true` undoes it all again. What If-Match says is checked first, with
    the row locked; a `CHANGE`, a PATCH, must say it. The field `shown_once` of the answer is null in what is stored and
    replayed (ADR 30). What `prepare` gives, before the transaction and holding no connection, goes to the view by name.
    `guarded` is its name in approval policies: where one asks for it, it waits for a second person (ADR 34).
    """

    def decorate(view: V) -> V:
        reply = Reply(schema=returns(), status=status, location=location, shown_once=shown_once)
        act = Act(view=view, scope=scope, accepts=accepts, reply=reply, guarded=guarded)

        @functools.wraps(view)
        def run(body: Any, **path: Any) -> Response:
            return _answer(act, body=body, path=path, must_match=kind is CHANGE, prepare=prepare)

        run.__idempotent__ = True  # type: ignore[attr-defined] # read by a convention test
        setattr(run, holding.ATTRIBUTE, act)
        described = kind if guarded is None else holdable(kind)
        publish(
            blueprint,
            rule,
            run=run,
            kind=described,
            scope=scope,
            schema=accepts,
            returns=returns,
            status=status,
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
            return _shown(schema, result)

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
            return _shown(schema, result)

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
            response = _shown(schema, result)
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
    act: Act,
    *,
    body: Any,
    path: Mapping[str, Any],
    must_match: bool,
    prepare: Callable[[], Mapping[str, Any]] | None,
) -> Response:
    """Answer a request for a command."""
    is_dry = requests.is_dry_run()
    if must_match:
        conditional.require()
    wanted = _claim()
    given = {**path, **_prepared(prepare)}

    def work(session: Session, context: Context) -> Done:
        conditional.check(session, path)
        return holding.do_or_keep(session, context, act=act, body=body, given=given, is_dry=is_dry)

    return _rehearse(work) if is_dry else _act_once(work, wanted=wanted)


def _prepared(prepare: Callable[[], Mapping[str, Any]] | None) -> Mapping[str, Any]:
    if prepare is None:
        return {}
    # Gives back the connection that the caller was looked up on.
    db.session().rollback()
    return prepare()


def _act_once(work: Work, *, wanted: Claim) -> Response:
    """Do what a command does, or answer what it answered when it was done with this key."""

    def once(session: Session) -> tuple[Answer, bool]:
        stored = idempotency.claim(session, wanted=wanted)
        if stored is not None:
            return stored, True
        circumstances = requests.context()
        answer = work(session, circumstances).answer
        idempotency.store(session, claimed=wanted, answer=answer, context=circumstances)
        return answer, False

    answer, replayed = transaction(once)
    return respond(answer, replayed=replayed)


def _rehearse(work: Work) -> Response:
    """Do what a command does, undo it, and answer as it would, but for the path of what was not created."""
    done = transaction(lambda session: work(session, requests.context()), dry_run=True)
    response = respond(dataclasses.replace(done.answer, location=None))
    response.headers["Dry-Run"] = "true"
    if done.is_held:
        response.headers["Approval-Required"] = "true"
    return response


def _claim() -> Claim:
    """Read the Idempotency-Key, which every command carries.

    :raises IdempotencyKeyMissing: if there is none.
    :raises InvalidIdempotencyKey: if it is empty, too long or not printable.
    """
    # Two bodies that say the same in another order or spacing are the same request.
    said = json.dumps(requests.body_of(request), sort_keys=True, default=str)
    return requests.claim(said.encode("utf-8"))


def _shown(schema: ma.Schema, result: Any) -> Response:
    return respond(Answer(status=200, location=None, body=encode(schema.dump(result))))
