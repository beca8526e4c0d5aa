"""What stands behind nginx in these tests besides the real application: recorders and a name server."""

import contextlib
import json
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TYPE_A, CLASS_IN = 1, 1
NAME_UNKNOWN = 3


@dataclass(frozen=True)
class Received:
    """A request as it reached what is behind nginx; `connection` numbers the connections it came on."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Recorder:
    """An HTTP server that answers everything with JSON and remembers what it was asked.

    `/slow` waits for `release`, and `/drop` closes the connection without an answer.
    """

    def __init__(self, *, address: str = "127.0.0.1", port: int = 0, padding: str = "") -> None:
        self.requests: list[Received] = []
        self.release = threading.Event()
        self._news = threading.Condition()
        self.padding = padding
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                recorder.connections += 1
                self.number = recorder.connections
                recorder.open.add(self.connection)

            def finish(self) -> None:
                recorder.open.discard(self.connection)
                super().finish()

            def answer(self) -> None:
                recorder.answer(self)

            def __getattr__(self, name: str):
                if name.startswith("do_"):
                    return self.answer
                raise AttributeError(name)

            def log_message(self, *_: object) -> None:
                """Say nothing: pytest shows what a test prints."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: object) -> None:
                """A connection that nginx closed while it was idle is no news."""

        self.connections = 0
        self.open: set[socket.socket] = set()
        self._server = Server((address, port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def answer(self, handler) -> None:
        length = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(length)
        with self._news:
            self.requests.append(
                Received(handler.command, handler.path, tuple(handler.headers.items()), body, handler.number)
            )
            self._news.notify_all()
        if handler.path.endswith("/drop"):
            handler.close_connection = True
            return
        if handler.path.endswith("/slow"):
            self.release.wait(timeout=30)
        answered = json.dumps({"path": handler.path, "padding": self.padding}).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(answered)))
        handler.send_header("X-Powered-By", "a recorder")
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(answered)

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many have come."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.requests) >= count, timeout=30), self.requests

    def stop(self) -> None:
        """Close the port and the connections that stayed open."""
        if not self._thread.is_alive():
            return
        self.release.set()
        self._server.shutdown()
        for connection in tuple(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()


class NameServer:
    """A name server on the loopback that knows what `addresses` says, and nothing else."""

    def __init__(self, **addresses: str) -> None:
        self.addresses = dict(addresses)
        names = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                question, reply_to = self.request
                reply_to.sendto(names.reply(question), self.client_address)

        self._server = socketserver.UDPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def reply(self, message: bytes) -> bytes:
        identity, flags = struct.unpack("!HH", message[:4])
        labels, position = [], 12
        while length := message[position]:
            labels.append(message[position + 1 : position + 1 + length].decode())
            position += 1 + length
        question = message[12 : position + 5]
        kind = struct.unpack("!H", message[position + 1 : position + 3])[0]
        address = self.addresses.get(".".join(labels).lower())
        answered = address is not None and kind == TYPE_A
        outcome = 0 if address is not None else NAME_UNKNOWN
        header = struct.pack("!HHHHHH", identity, 0x8480 | (flags & 0x0100) | outcome, 1, int(answered), 0, 0)
        if not answered:
            return header + question
        record = struct.pack("!HHHIH", 0xC00C, TYPE_A, CLASS_IN, 1, 4) + socket.inet_aton(address)
        return header + question + record

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports
