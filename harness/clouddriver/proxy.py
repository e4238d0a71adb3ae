#!/usr/bin/env python3
"""A forward proxy between the Clouddriver harness and the mock AWS.

    proxy.py --to 127.0.0.1:5000 [--port 5080] [--log wire.jsonl]

Clouddriver's AWS clients (``aws.proxy``) send plain HTTP in absolute form, whatever the host; all of it goes to the mock.
STS ignores ``aws.proxy`` and opens a CONNECT tunnel to port 443 instead: the tunnel ends here, under a certificate made
at start, and what comes out of it goes to the mock too. Nothing is ever sent anywhere else.

Prints one line of JSON (``ready``, ``port``) when it listens. ``--log`` writes one line of JSON for each request.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import itertools
import json
import ssl
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TextIO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: Headers that belong to one connection and are not passed on.
HOP_BY_HOP = {
    "connection",
    "proxy-connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
}
#: Longer than any answer of the mock takes, a large fleet's included.
UPSTREAM_SECONDS = 120


class WireLog:
    """One line of JSON for each request; thread-safe."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self._lock = threading.Lock()

    def write(self, entry: dict[str, Any]) -> None:
        """Appends an entry, at once readable by others."""
        if self._file is None:
            return
        line = json.dumps(entry)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()


class Proxy(ThreadingHTTPServer):
    """The listening side, and what its connections share."""

    daemon_threads = True
    #: SDK clients open one pool for each account, region and service at the same moment.
    request_queue_size = 128

    def __init__(self, port: int, upstream: str, log: WireLog) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.upstream = upstream
        self.log = log
        self.tls = server_context()
        self.numbers = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """One client connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Proxy

    def setup(self) -> None:
        super().setup()
        self.number = next(self.server.numbers)
        self.requests = 0
        self.upstream: http.client.HTTPConnection | None = None
        self.tunnel = ""

    def finish(self) -> None:
        if self.upstream is not None:
            self.upstream.close()
        super().finish()

    def relay(self) -> None:
        """Sends a request on and its answer back, both whole."""
        started = time.time()
        self.requests += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.upstream is None:
            self.upstream = http.client.HTTPConnection(
                self.server.upstream, timeout=UPSTREAM_SECONDS
            )
        path = "/" + self.path.split("/", 3)[-1] if "://" in self.path else self.path
        self.upstream.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.upstream.putheader(name, value)
        self.upstream.putheader("Content-Length", str(len(body)))
        self.upstream.endheaders(body)
        response = self.upstream.getresponse()
        answer = response.read()
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.note(started, body, response.status, answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = relay

    def do_CONNECT(self) -> None:
        """Ends the tunnel here and reads the requests inside it."""
        self.send_response_only(200)
        self.end_headers()
        self.tunnel, self.close_connection = self.path, False
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)  # type: ignore[assignment]

    def note(self, started: float, body: bytes, status: int, answer: bytes) -> None:
        """Writes the request to the log."""
        self.server.log.write(
            {
                "t": started,
                "ms": round((time.time() - started) * 1000),
                "connection": self.number,
                "nth": self.requests,
                "tunnel": self.tunnel,
                "method": self.command,
                "url": self.path,
                "headers": self.headers.items(),
                "body": body.decode("latin-1"),
                "status": status,
                "answer_bytes": len(answer),
                "answer": answer[:400].decode("latin-1") if status >= 400 else "",
            }
        )

    def log_message(self, *_args: Any) -> None:
        """Keeps standard error for what goes wrong."""


def server_context() -> ssl.SSLContext:
    """A certificate of our own for every AWS host. Its clients must be told not to check it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "*.amazonaws.com")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.amazonaws.com")]), False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        file.flush()
        context.load_cert_chain(file.name)
    return context


def main() -> None:
    """Runs until it is killed."""
    parser = argparse.ArgumentParser(description="Forward proxy to the mock AWS.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: any)")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="the mock AWS")
    parser.add_argument("--log", type=argparse.FileType("a"), help="file for the wire log")
    options = parser.parse_args()
    proxy = Proxy(options.port, options.to, WireLog(options.log))
    print(json.dumps({"ready": True, "port": proxy.server_port}), flush=True)
    proxy.serve_forever()


if __name__ == "__main__":
    main()
