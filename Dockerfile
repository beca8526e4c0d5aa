# Two stages: the builder installs the locked packages into /install, the runtime takes only that and our code.
# Build it with `make image` (deploy/build-image.sh), which also bakes the health check's times into the image.
FROM python:3.13-slim AS builder
WORKDIR /build
COPY requirements.txt .
# Wheels only: nothing is compiled, so that no stage needs a compiler, and every file has the hash that was locked.
RUN python -m pip install --no-cache-dir --disable-pip-version-check --no-warn-script-location \
    --require-hashes --only-binary=:all: --prefix=/install --requirement requirements.txt

FROM python:3.13-slim AS runtime
# pip is a build tool: nobody installs anything into a running container.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip \
    && groupadd --gid 10001 appuser \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin appuser
COPY --from=builder /install /usr/local
WORKDIR /app
COPY wsgi.py app.py gunicorn.conf.py ./
COPY migrations ./migrations
COPY loans ./loans
COPY docs/migrating-from-the-first-api.md ./docs/
COPY scripts/seed.py ./scripts/
# Here, since the file system is read-only where it runs.
RUN python -m compileall -q loans migrations wsgi.py app.py gunicorn.conf.py

ARG FLASK_ENV=production
ARG HEALTHCHECK_INTERVAL=30s
ARG HEALTHCHECK_TIMEOUT=5s
ARG HEALTHCHECK_RETRIES=3
ENV FLASK_ENV=${FLASK_ENV} \
    FLASK_APP=app.py \
    HEALTHCHECK_INTERVAL=${HEALTHCHECK_INTERVAL} \
    HEALTHCHECK_TIMEOUT=${HEALTHCHECK_TIMEOUT} \
    HEALTHCHECK_RETRIES=${HEALTHCHECK_RETRIES} \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONFAULTHANDLER=1 \
    PYTHONUNBUFFERED=1

# Last, so that a new commit does not rebuild what is above.
ARG VERSION=0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="branchloans-api" \
      org.opencontainers.image.description="The Branch Loans API" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

USER 10001:10001
EXPOSE 8000
# Docker expands no argument in these options: deploy/build-image.sh writes the three values into this line.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=3); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
# SIGTERM reaches gunicorn itself, which ends its requests (20 s at most) and then goes.
CMD ["gunicorn", "-w", "2", "-b", "0.0.0.0:8000", "wsgi:app"]
