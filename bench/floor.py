"""The service with two routes more, which do nothing: what any request costs on this machine, and any statement."""

import sqlalchemy as sa
from flask import Flask

from loans.app import create_app
from loans.db import db

NOTHING, SELECT = "/bench/nothing", "/bench/select"


def _make() -> Flask:
    made = create_app()

    @made.get(NOTHING)
    def nothing() -> dict[str, bool]:
        return {"done": True}

    @made.get(SELECT)
    def select() -> dict[str, bool]:
        return {"done": db.session().execute(sa.text("SELECT 1")).scalar_one() == 1}

    return made


app = _make()
