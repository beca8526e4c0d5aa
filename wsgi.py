"""What gunicorn serves: `gunicorn wsgi:app`."""

from loans.app import create_app

app = create_app()
