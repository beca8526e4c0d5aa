"""Blueprint index: where things are, and what each error code means."""

from flask import Blueprint, abort, jsonify
from flask.typing import ResponseReturnValue

from loans import __version__
from loans.api import errors

blueprint = Blueprint("index", __name__)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Name the service and the paths to begin with."""
    return jsonify(
        name="Branch Loans",
        version=__version__,
        api="/api/v1",
        docs="/docs/",
        openapi="/openapi.json",
        errors="/errors",
        health="/health",
    )


@blueprint.get("/errors")
def list_errors() -> ResponseReturnValue:
    """List every error code."""
    return jsonify(data=list(errors.catalogue().values()))


@blueprint.get("/errors/<code>")
def get_error(code: str) -> ResponseReturnValue:
    """Explain one error code."""
    explained = errors.catalogue().get(code)
    if explained is None:
        abort(404)
    return jsonify(explained)
