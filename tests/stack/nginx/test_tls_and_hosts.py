"""Who gets in, and how: protocols, ciphers, host names, plain HTTP."""

import re
import shutil
import ssl
import subprocess

import pytest

from tests.stack.nginx.edge import CONFIGURATION, HOST, Edge

# Mozilla's guideline 6.0, "intermediate": the ciphers of TLS 1.2.
INTERMEDIATE = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)


def shake_hands(edge: Edge, *options: str) -> str:
    """Everything that openssl says of a handshake."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.ports.https}", "-servername", HOST, *options],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


class TestProtocols:
    @pytest.mark.parametrize(
        ("option", "protocol"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")], ids=["1.2", "1.3"]
    )
    def test_serves(self, edge, option, protocol):
        said = shake_hands(edge, option)

        assert re.search(rf"(?:New|Protocol\s*:).*{re.escape(protocol)}", said)
        assert "Cipher is (NONE)" not in said

    @pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
    def test_refuses_what_is_older(self, edge, option):
        said = shake_hands(edge, option, "-cipher", "ALL:@SECLEVEL=0")

        assert "alert protocol version" in said
        assert "Cipher is (NONE)" in said

    @pytest.mark.parametrize(
        "cipher",
        [
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "ECDHE-RSA-CHACHA20-POLY1305",
        ],
    )
    def test_accepts_the_ciphers_of_the_profile(self, edge, cipher):
        said = shake_hands(edge, "-tls1_2", "-cipher", cipher)

        assert f"Cipher is {cipher}" in said

    @pytest.mark.parametrize(
        "cipher",
        [
            "AES128-GCM-SHA256",
            "AES256-SHA256",
            "AES128-SHA",
            "DHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES128-SHA256",
            "ECDHE-RSA-AES256-SHA",
            "ECDHE-RSA-CAMELLIA128-SHA256",
        ],
    )
    def test_refuses_other_ciphers(self, edge, cipher):
        said = shake_hands(edge, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")

        assert "alert handshake failure" in said
        assert "Cipher is (NONE)" in said

    def test_is_configured_as_the_profile_says(self):
        text = (CONFIGURATION / "snippets" / "tls.conf").read_text()

        assert "ssl_protocols TLSv1.2 TLSv1.3;" in text
        assert f"ssl_ciphers {INTERMEDIATE};" in text
        assert "ssl_prefer_server_ciphers off;" in text

    def test_does_not_negotiate_a_group_outside_the_profile(self, edge):
        said = shake_hands(edge, "-groups", "secp521r1")

        assert "Cipher is (NONE)" in said

    def test_resumes_a_session(self, edge, tmp_path):
        ticket = str(tmp_path / "session")
        shake_hands(edge, "-tls1_2", "-sess_out", ticket)

        assert "Reused, TLSv1.2" in shake_hands(edge, "-tls1_2", "-sess_in", ticket)


class TestHttp2:
    def test_is_offered(self, edge):
        edge.trust.set_alpn_protocols(["h2", "http/1.1"])
        try:
            with edge.connect() as connection:
                chosen = connection.selected_alpn_protocol()
        finally:
            edge.trust.set_alpn_protocols(["http/1.1"])

        assert chosen == "h2"

    @pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl, which speaks HTTP/2")
    def test_answers_a_request(self, edge):
        done = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--http2"),
                *("--cacert", str(edge.folder / "ssl" / "branchloans.crt")),
                *("--resolve", f"{HOST}:{edge.ports.https}:127.0.0.1"),
                *("--write-out", "\n%{http_version} %{http_code}"),
                f"https://{HOST}:{edge.ports.https}/health",
            ],
            capture_output=True,
            text=True,
            check=True,
        )

        assert done.stdout == '{"status":"healthy"}\n\n2 200'


class TestHosts:
    @pytest.mark.parametrize("name", ["example.com", "www.branchloans.com", "localhost", ""])
    def test_refuses_the_handshake_for_another_name(self, edge, name):
        given = ["-servername", name] if name else ["-noservername"]
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.ports.https}", *given],
            input="",
            capture_output=True,
            text=True,
            check=False,
        )

        assert "unrecognized name" in done.stdout + done.stderr
        assert "BEGIN CERTIFICATE" not in done.stdout

    def test_refuses_a_request_for_another_host_than_the_handshake_named(self, edge):
        answer = edge.get("/health", headers={"Host": "example.com"})

        assert answer.status == 421
        assert answer.is_problem

    def test_refuses_two_hosts(self, edge):
        answer = edge.raw(b"GET /health HTTP/1.1\r\nHost: branchloans.com\r\nHost: example.com\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 400 ")

    @pytest.mark.parametrize(
        "host", ["example.com", "127.0.0.1", "branchloans.com.example.com", "203.0.113.9"]
    )
    def test_does_not_answer_plain_http_for_another_host(self, edge, host):
        answer = edge.plain(f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

        assert answer == b""

    def test_takes_a_port_in_the_host_header(self, edge):
        assert edge.get("/health", headers={"Host": "BranchLoans.com:443"}).status == 200


class TestPlainHttp:
    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
    def test_redirects_with_method_path_and_query(self, edge, method):
        request = f"{method} /api/v1/loans?limit=2 HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        answer = edge.plain(request.encode()).decode()

        assert answer.startswith("HTTP/1.1 308 ")
        assert "\r\nLocation: https://branchloans.com/api/v1/loans?limit=2\r\n" in answer
        assert "Strict-Transport-Security" not in answer

    def test_never_redirects_to_another_host(self, edge):
        request = f"GET //example.com/%0d%0aX-Evil: HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        answer = edge.plain(request.encode()).decode()

        assert "\r\nLocation: https://branchloans.com//example.com/%0d%0aX-Evil:\r\n" in answer

    def test_serves_the_challenges_of_a_certificate_authority(self, edge):
        (edge.folder / "acme" / ".well-known" / "acme-challenge" / "token").write_text("the answer\n")
        request = (
            f"GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        )
        answer = edge.plain(request.encode())

        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\nthe answer\n")

    def test_tells_a_client_that_speaks_plain_http_to_the_tls_port(self, edge):
        request = f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
        answer = edge.plain(request, port=edge.ports.https)

        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in answer


class TestCertificate:
    def test_is_not_trusted_for_another_name(self, edge):
        with pytest.raises(ssl.SSLError):
            edge.connect(server_name="example.com")
