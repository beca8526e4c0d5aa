"""The development server: `python app.py` serves the API on http://127.0.0.1:8000 until Ctrl-C."""

import os

from loans.app import create_app

app = create_app()

if __name__ == "__main__":
    app.run(host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8000")), threaded=True)
