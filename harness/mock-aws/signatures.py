"""Checks SigV4 signatures, as AWS does: shows that what arrives is what a client signed."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import quote

from moto.sts.models import sts_backends

from aws_calls import Call, Environ, Response, error_response

#: Secret of every key that is not of a session.
SECRET = "mock-secret"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/"
    r"(?P<scope>(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request),"
    r"\s*SignedHeaders=(?P<signed>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})$"
)
#: Headers that WSGI keeps apart from the others.
APART = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def refusal(call: Call, environ: Environ) -> Response | None:
    """What AWS answers when it cannot verify the signature; None when it can."""
    problem = _problem(environ, call.body)
    if problem is None:
        return None
    return error_response(call, "SignatureDoesNotMatch", problem, 403)


def _problem(environ: Environ, body: bytes) -> str | None:
    match = AUTHORIZATION.match(environ.get("HTTP_AUTHORIZATION", ""))
    if match is None:
        return "no SigV4 signature in the Authorization header"
    secret, token = _credentials(match["key"])
    if token is not None and environ.get("HTTP_X_AMZ_SECURITY_TOKEN") != token:
        return "the session token does not belong to the key"
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256") or hashlib.sha256(body).hexdigest()
    if re.fullmatch("[0-9a-f]{64}", payload) and payload != hashlib.sha256(body).hexdigest():
        return "the body is not the one that x-amz-content-sha256 speaks of"
    names = match["signed"].split(";")
    values = [_header(environ, name) for name in names]
    if None in values:
        return f"signed header {names[values.index(None)]} is missing"
    raw = environ["REQUEST_URI"]
    path, _, query = raw.partition("?")
    canonical = "\n".join(
        [
            environ["REQUEST_METHOD"],
            # Every service but S3 signs the path as it was sent, encoded once more.
            path if match["service"] == "s3" else quote(path, safe="/-_.~"),
            _canonical_query(query),
            "".join(f"{name}:{value}\n" for name, value in zip(names, values, strict=True)),
            match["signed"],
            payload,
        ]
    )
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            environ.get("HTTP_X_AMZ_DATE", ""),
            match["scope"],
            hashlib.sha256(canonical.encode("latin-1")).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in (match["date"], match["region"], match["service"], "aws4_request"):
        key = _hmac(key, part)
    if not hmac.compare_digest(_hmac(key, text).hex(), match["signature"]):
        return "the signature is not that of the request"
    return None


def _credentials(key: str) -> tuple[str, str | None]:
    """Secret and session token of a key; a key that is not of a session has no token."""
    for backends in sts_backends.values():
        for backend in backends.values():
            if session := backend.get_assumed_role_from_access_key(key):
                return session.secret_access_key, session.session_token
    return SECRET, None


def _header(environ: Environ, name: str) -> str | None:
    value = environ.get(APART.get(name) or f"HTTP_{name.upper().replace('-', '_')}")
    return None if value is None else " ".join(value.split())


def _canonical_query(query: str) -> str:
    pairs = [part.partition("=") for part in query.split("&") if part]
    return "&".join(f"{name}={value}" for name, _, value in sorted(pairs))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
