"""Constant load on a running stack, through nginx, until Ctrl-C or SIGTERM: how a deployment is watched from outside.

API_KEY=... python deploy/constant_load.py --rate 60 --threads 8 [--address 127.0.0.1] [--port 443] [--seconds 60]

Half of the requests read, half register a borrower, each with an Idempotency-Key of its own. Nothing is repeated: an
answer other than 2xx, a reset connection or a time-out counts as one failure and is printed. At the end it prints one
line of JSON; it exits 1 if there was a failure. Connections are kept alive; one that the server closed before a
request was sent is opened anew, as every HTTP client does.
"""

import argparse
import collections
import contextlib
import http.client
import json
import os
import select
import signal
import socket
import ssl
import sys
import threading
import time
import uuid

HOST = "branchloans.com"
TIMEOUT_SECONDS = 20


class Connection(http.client.HTTPSConnection):
    """To the address we were given, under the name of the host."""

    def __init__(self, *, address: str, port: int) -> None:
        context = ssl.create_default_context()
        # Its subject is failed requests, not certificates; the smoke test verifies those.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(HOST, port, timeout=TIMEOUT_SECONDS, context=context)
        self.address = address
        self.tls = context

    def connect(self) -> None:
        """Connect to the address, not to what the name means here."""
        plain = socket.create_connection((self.address, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.tls.wrap_socket(plain, server_hostname=HOST)

    def forget_if_closed(self) -> None:
        """Drop a connection whose other side has ended it: it is readable though nothing was asked."""
        if self.sock is not None and select.select([self.sock], [], [], 0)[0]:
            self.close()


class Load:
    """The figures of all threads, and whether to go on."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.statuses: collections.Counter[str] = collections.Counter()
        self.slowest = 0.0
        self.created: list[str] = []

    def run(self, number: int) -> None:
        """Send requests at this thread's share of the rate."""
        connection = Connection(address=self.options.address, port=self.options.port)
        pause = self.options.threads / self.options.rate
        due = time.monotonic() + pause * number / self.options.threads
        writes = number % 2 == 0
        while not self.stop.is_set():
            if self.stop.wait(max(0.0, due - time.monotonic())):
                break
            due = max(due + pause, time.monotonic() - 1)
            self.one(connection, writes=writes)
            writes = not writes

    def one(self, connection: Connection, *, writes: bool) -> None:
        """Send one request and note what came of it."""
        key = str(uuid.uuid4())
        headers = {"Authorization": f"Bearer {os.environ['API_KEY']}", "X-Request-ID": key}
        started = time.monotonic()
        try:
            connection.forget_if_closed()
            if writes:
                headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
                body = json.dumps({"first_name": "Amina", "last_name": "Odhiambo", "external_id": key})
                connection.request("POST", "/api/v1/borrowers", body=body, headers=headers)
            else:
                connection.request("GET", "/api/v1/loans?limit=3", headers=headers)
            response = connection.getresponse()
            response.read()
            outcome = str(response.status)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            outcome = repr(error)
        with self.lock:
            self.statuses[outcome] += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
            if outcome == "201":
                self.created.append(key)
            if not outcome.startswith("2"):
                print(f"{time.strftime('%H:%M:%S')} {'POST' if writes else 'GET'} {outcome}", flush=True)

    def report(self, seconds: float) -> bool:
        """Print the figures and tell whether all is well."""
        sent = sum(self.statuses.values())
        failed = sum(count for outcome, count in self.statuses.items() if not outcome.startswith("2"))
        figures = {
            "sent": sent,
            "failed": failed,
            "created": len(self.created),
            "statuses": dict(self.statuses),
            "per_second": round(sent / seconds, 1),
            "slowest_seconds": round(self.slowest, 3),
            "seconds": round(seconds, 1),
        }
        print(json.dumps(figures), flush=True)
        return failed == 0


def main() -> None:
    """Load until told to stop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--seconds", type=float, default=3600)
    if not os.environ.get("API_KEY"):
        parser.error("set API_KEY to a key with the scopes loans:read and borrowers:write")
    load = Load(parser.parse_args())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: load.stop.set())
    threads = [threading.Thread(target=load.run, args=(n,)) for n in range(load.options.threads)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    with contextlib.suppress(KeyboardInterrupt):
        load.stop.wait(load.options.seconds)
    load.stop.set()
    for thread in threads:
        thread.join()
    sys.exit(0 if load.report(time.monotonic() - started) else 1)


if __name__ == "__main__":
    main()
