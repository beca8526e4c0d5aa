"""The message about a deployment: what it says, and that it never fails one."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


@pytest.fixture
def webhook():
    """A webhook on the loopback that keeps what it is sent; `status` is what it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            self.server.messages.append(json.loads(self.rfile.read(length)))
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.messages, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/token"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class TestNotify:
    @pytest.mark.parametrize(
        ("outcome", "text"),
        [
            ("deployed", "staging: ada/x:1 is serving. https://run"),
            ("refused", "staging: ada/x:1 was refused; the version before it kept serving. https://run"),
            (
                "rolled-back",
                "staging: ada/x:1 failed its smoke test and was rolled back; the version before it serves. https://run",
            ),
            ("reverted", "staging: rolled back by hand; the version before serves. https://run"),
            (
                "broken",
                "staging: BROKEN. ada/x:1 failed and so did the way back: someone has to look now. https://run",
            ),
            (
                "unknown",
                "staging: the connection was lost while ada/x:1 was deployed: look at the host (make history). https://run",
            ),
            ("", "staging: the deployment of ada/x:1 stopped before anything was switched. https://run"),
        ],
    )
    def test_says_how_it_ended(self, run, webhook, outcome, text):
        ended = run(
            "notify.py",
            *(
                "--environment",
                "staging",
                f"--outcome={outcome}",
                "--what",
                "ada/x:1",
                "--link",
                "https://run",
            ),
            NOTIFY_URL=webhook.url,
        )

        assert ended.code == 0
        assert webhook.messages == [{"text": text}]

    def test_says_it_only_here_without_a_webhook(self, run):
        ended = run("notify.py", "--environment", "staging", "--outcome", "deployed", "--what", "ada/x:1")

        assert ended.code == 0
        assert ended.lines == ["staging: ada/x:1 is serving.", "Nobody else was told: NOTIFY_URL is not set."]

    def test_warns_when_the_webhook_refuses(self, run, webhook):
        webhook.status = 500

        ended = run("notify.py", "--environment", "staging", "--outcome", "deployed", NOTIFY_URL=webhook.url)

        assert ended.code == 0
        assert ended.err.strip() == "::warning::Nobody else was told: the webhook answered 500"

    @pytest.mark.parametrize(
        "url", ["https://127.0.0.1:1/token", "file:///etc/passwd", "http://example.org/token"]
    )
    def test_warns_without_repeating_the_address_which_holds_a_token(self, run, url):
        ended = run("notify.py", "--environment", "staging", "--outcome", "deployed", NOTIFY_URL=url)

        assert ended.code == 0
        assert ended.err.startswith("::warning::Nobody else was told: ")
        assert url not in ended.err
