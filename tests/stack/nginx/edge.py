"""nginx with the project's own configuration, on ports of the loopback."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.stack.nginx.backends import free_ports
from tests.stack.nginx.process import Program, until

ROOT = Path(__file__).parent.parent.parent.parent
CONFIGURATION = ROOT / "nginx"
HOST = "branchloans.com"
# Debian has it where only root's PATH looks.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
NGINX = os.environ.get("NGINX") or shutil.which("nginx", path=SEARCH_PATH)
# ops / made-up-password, by `htpasswd -nbB`.
HTPASSWD = "ops:$2y$05$cVUxr7P5SLavOZJSuS9q5OJo.xme2pWknTN0OoozLuLqK17gMqCuW\n"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def body(self) -> object:
        return json.loads(self.content)

    @property
    def is_problem(self) -> bool:
        return self.headers["Content-Type"] == "application/problem+json" and set(self.body) >= {
            "type",
            "title",
            "status",
            "detail",
            "code",
            "request_id",
        }


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where nginx listens here, and where it finds what is behind it."""

    http: int
    https: int
    status: int
    names: int
    api: int
    prometheus: int
    grafana: int


def version() -> tuple[int, ...]:
    """The version of the nginx at hand."""
    said = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=True).stderr
    return tuple(int(part) for part in re.search(r"nginx/([0-9.]+)", said)[1].split("."))


def make_certificate(folder: Path) -> None:
    """Make a self-signed pair as `make certs` does."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "rsa:2048"),
            *("-keyout", "branchloans.key", "-out", "branchloans.crt"),
            *("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def render(folder: Path, ports: Ports, *, adjusted: Mapping[str, str]) -> None:
    """Copy the configuration and change what a machine without containers has to have otherwise: ports and paths.

    `adjusted` are further changes a test asks for, where it would have to wait otherwise.
    """
    shutil.copytree(CONFIGURATION, folder, dirs_exist_ok=True)
    changes = {
        r"listen 80\b": f"listen 127.0.0.1:{ports.http}",
        r"listen 443\b": f"listen 127.0.0.1:{ports.https}",
        r"listen 8081\b": f"listen 127.0.0.1:{ports.status}",
        r"127\.0\.0\.11 valid=2s": f"127.0.0.1:{ports.names} valid=1s",
        r"\b(api|api-green):8000\b": rf"\1:{ports.api}",
        r"\bprometheus:9090\b": f"prometheus:{ports.prometheus}",
        r"\bgrafana:3000\b": f"grafana:{ports.grafana}",
        r"(?<=[ =])/tmp/": f"{folder}/tmp/",  # noqa: S108 - what the configuration says
        r"/run/secrets/": f"{folder}/secrets/",
        r"/var/www/acme": f"{folder}/acme",
        r"/usr/share/branch-loans/runbooks": str(CONFIGURATION.parent / "docs" / "runbooks"),
        **adjusted,
    }
    if version() < (1, 25, 1):
        changes |= {r"( ssl(?: default_server)?);\n\s*http2 on;": r"\1 http2;"}
    if version() < (1, 27, 3):
        # The pool as far as this nginx goes: with addresses that do not change.
        changes |= {
            rf"server api:{ports.api} resolve": f"server 127.0.0.1:{ports.api}",
            rf"server api-green:{ports.api} resolve": f"server 127.0.0.2:{ports.api}",
        }
    if os.geteuid() == 0:
        # Its workers could not read a test's private folder.
        changes |= {r"\Aworker_processes|\nworker_processes": "\nuser root;\nworker_processes"}
    for file in folder.rglob("*.*"):
        if file.suffix in {".conf", ".map"}:
            text = file.read_text()
            for pattern, replacement in changes.items():
                text = re.sub(pattern, replacement, text)
            file.write_text(text)


class Edge:
    """A running nginx and a client that speaks to it."""

    def __init__(
        self, folder: Path, ports: Ports, *, pool: bool = False, adjusted: Mapping[str, str] | None = None
    ) -> None:
        self.ports = ports
        self.folder = folder
        for name in ("tmp", "secrets", "ssl", "acme/.well-known/acme-challenge"):
            (folder / name).mkdir(parents=True)
        make_certificate(folder / "ssl")
        (folder / "secrets" / "prometheus_htpasswd").write_text(HTPASSWD)
        render(folder, ports, adjusted=adjusted or {})
        self.set_capabilities(pool=pool)
        self.trust = ssl.create_default_context(cafile=folder / "ssl" / "branchloans.crt")
        self.program = Program([NGINX, "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"])
        until(lambda: listens(ports.status))

    def set_capabilities(self, *, pool: bool) -> None:
        """Do as the image does before nginx starts; the pool also where this nginx cannot follow its addresses."""
        script = self.folder / "entrypoint.d" / "40-capabilities.sh"
        target = self.folder / "tmp" / "nginx"
        found = {"PATH": os.pathsep.join([str(Path(NGINX).parent), SEARCH_PATH])}
        subprocess.run([script, self.folder / "capabilities", target], check=True, env=found)
        for name in ("pool.conf", "pool.map"):
            if pool:
                shutil.copy(self.folder / "capabilities" / name, target)
            else:
                (target / name).unlink(missing_ok=True)

    def reload(self) -> None:
        """Tell it to read its configuration again; the workers of the old one may answer a moment longer."""
        self.program.signal(signal.SIGHUP)

    def stop(self) -> None:
        self.program.stop()

    def connect(self, *, server_name: str = HOST, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """Open a connection; `source` is whom nginx takes us for."""
        plain = socket.create_connection(
            ("127.0.0.1", self.ports.https), timeout=30, source_address=(source, 0)
        )
        try:
            return self.trust.wrap_socket(plain, server_hostname=server_name)
        except BaseException:
            plain.close()
            raise

    def session(self, *, source: str = "127.0.0.1") -> http.client.HTTPConnection:
        """A connection for several requests; close it."""
        connection = http.client.HTTPConnection(HOST, timeout=30)
        connection.sock = self.connect(source=source)
        return connection

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: str | bytes | None = None,
        source: str = "127.0.0.1",
    ) -> Answer:
        """Make one request over TLS on a connection of its own."""
        connection = self.session(source=source)
        try:
            return ask(connection, method, path, headers=headers, body=body)
        finally:
            connection.close()

    def get(self, path: str, **kwargs) -> Answer:
        return self.call("GET", path, **kwargs)

    def raw(self, request: bytes) -> bytes:
        """Send these bytes over TLS and give everything that comes back until nginx closes."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection)

    def plain(self, request: bytes, *, port: int | None = None) -> bytes:
        """Send these bytes without TLS."""
        with socket.create_connection(("127.0.0.1", port or self.ports.http), timeout=30) as connection:
            connection.sendall(request)
            return read_all(connection)

    def logged(self, request_id: str) -> dict[str, object]:
        """The access log's line of a request, as soon as it is there."""
        return json.loads(self.program.out.wait_for(f'"request_id":"{re.escape(request_id)}"'))


def ask(connection: http.client.HTTPConnection, method: str, path: str, *, headers=None, body=None) -> Answer:
    """Make a request on a connection that stays open."""
    connection.request(method, path, body=body, headers=dict(headers or {}))
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def read_all(connection: socket.socket) -> bytes:
    chunks = []
    try:
        while chunk := connection.recv(65536):
            chunks.append(chunk)
    except (ConnectionResetError, ssl.SSLEOFError):
        pass  # It is allowed to close without ceremony.
    return b"".join(chunks)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def choose_ports(*, names: int, api: int, prometheus: int, grafana: int) -> Ports:
    """Free ports for nginx beside those of what is behind it."""
    first, second, third = free_ports(3)
    return Ports(
        http=first,
        https=second,
        status=third,
        names=names,
        api=api,
        prometheus=prometheus,
        grafana=grafana,
    )
