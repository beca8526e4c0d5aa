"""Blueprint index: where things are, and what each error code means."""

from pathlib import Path

from flask import Blueprint, Response, abort, jsonify
from flask.typing import ResponseReturnValue

from loans import __version__
from loans.api import errors

blueprint = Blueprint("index", __name__)
# What the deprecation headers of the first API lead to; the image carries this one page.
MIGRATION_PAGE = Path(__file__).parents[2] / "docs" / "migrating-from-the-first-api.md"


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


@blueprint.get("/docs/migrating-from-the-first-api.md")
def migration_page() -> ResponseReturnValue:
    """Give the page for those who still call the first API."""
    return Response(MIGRATION_PAGE.read_bytes(), content_type="text/markdown; charset=utf-8")


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
