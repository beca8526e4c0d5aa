"""The application in a control group that limits it, as its container does, on a machine that does not."""

import os
from pathlib import Path

from loans import resources

resources.readings.__kwdefaults__ |= {"root": Path(os.environ["CONTROL_GROUP"]), "own": Path("/nonexistent")}

# create_app, which wsgi calls, takes the readings above.
from wsgi import app  # noqa: E402

__all__ = ["app"]
