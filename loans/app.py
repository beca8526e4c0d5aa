"""The composition root: the only place that knows every part."""

import os

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from loans import api, cli, db, embedded, logger, metrics, resources
from loans.api import figures, health, portfolio
from loans.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application from its settings, by default those of the environment.

    Without a database URL it starts the embedded PostgreSQL, which only development and tests allow.

    :raises ConfigurationError: if the environment does not describe a service that can start.
    :raises EmbeddedPostgresError: if the embedded PostgreSQL cannot be started.
    """
    settings = settings or Settings.from_env(os.environ)
    logger.configure(settings.log_level)
    url = settings.database_url or embedded.ensure_running(settings.data_dir / "postgres")
    app = Flask("loans", static_folder=None)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=url,
        SQLALCHEMY_ENGINE_OPTIONS=db.engine_options(settings),
        MAX_CONTENT_LENGTH=settings.request_body_bytes_max,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.extensions["settings"] = settings
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    app.url_map.strict_slashes = False
    # Merging would redirect, to whatever host the caller names.
    app.url_map.merge_slashes = False
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.db.init_app(app)
    db.migrate.init_app(app, db.db, directory="migrations", compare_type=True)
    with app.app_context():
        db.measure_pool(db.db.engine, size=settings.db_pool_size)
    api.register(app, settings)
    health.init_app(app, database_url=url, timeout_seconds=settings.health_db_timeout_seconds)
    portfolio.init_app(app, database_url=url, business_timezone=settings.business_timezone)
    watch = figures.Watch(url, business_timezone=settings.business_timezone)
    metrics.init_app(app, sources=(watch, resources.readings))
    cli.register(app)
    return app
