"""Blueprint health: is the process up, is the database within reach."""

from flask import Blueprint, Flask, current_app, jsonify
from flask.typing import ResponseReturnValue

from loans import clock
from loans.api import security
from loans.db import DatabaseUnreachableError, Ping
from loans.logger import log

blueprint = Blueprint("health", __name__)


def init_app(app: Flask, *, database_url: str, timeout_seconds: float) -> None:
    """Give the application its own way to ping the database."""
    app.extensions["ping"] = Ping(database_url, timeout_seconds=timeout_seconds)


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    """Tell that the process is up, without touching the database, in the word that HEALTH_STATUS chose."""
    log("Health check")
    return jsonify(status=security.settings().health_status)


@blueprint.get("/health-db")
def health_db() -> ResponseReturnValue:
    """Tell whether the database answers, and how fast."""
    ping = current_app.extensions["ping"]
    started = clock.monotonic()
    try:
        seconds = ping()
    except DatabaseUnreachableError as error:
        waited = clock.monotonic() - started
        log("DB health check failed", level="error", error=str(error), duration=f"{waited:.4f}s")
        return jsonify(status="Database connection error"), 500
    log("DB health check success", duration=f"{seconds:.4f}s")
    return jsonify(status=f"Connection Successfully Established with the Database in {seconds:.4f} seconds")
