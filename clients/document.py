"""The OpenAPI document that clients are generated from: `python -m clients.document` prints it.

It is read from the application itself, which needs neither database nor server for it.
"""

import contextlib
import hashlib
import io
import json

import click

from loans.app import create_app
from loans.config import Settings

# Nothing is ever asked of it.
NO_DATABASE = "postgresql+psycopg2://nobody@localhost/nowhere"


def text() -> str:
    """Give the document, the same text for the same document."""
    app = create_app(Settings(environment="test", database_url=NO_DATABASE))
    # The line that the application logs for the request.
    with contextlib.redirect_stdout(io.StringIO()):
        found = app.test_client().get("/openapi.json").get_json()
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def digest(document: str) -> str:
    """Give what tells one document from another."""
    return hashlib.sha256(document.encode()).hexdigest()


def without_files(document: str) -> str:
    """Leave out what takes a file of rows: the generator of the Python client knows no such body (ADR 36)."""
    found = json.loads(document)
    found["paths"] = {
        path: operations
        for path, operations in found["paths"].items()
        if not any(_takes_file(operation) for operation in operations.values())
    }
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def _takes_file(operation: object) -> bool:
    body = operation.get("requestBody", {}) if isinstance(operation, dict) else {}
    return "text/csv" in body.get("content", {})


@click.command()
@click.option(
    "--without-files", "is_without_files", is_flag=True, help="Leave out what takes a file of rows."
)
def show(*, is_without_files: bool) -> None:
    """Print the OpenAPI document."""
    click.echo(without_files(text()) if is_without_files else text(), nl=False)


if __name__ == "__main__":
    show()
