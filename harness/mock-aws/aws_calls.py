"""AWS requests and responses, independent of the protocol that carries them."""

from __future__ import annotations

import contextlib
import io
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl
from xml.sax.saxutils import escape

import cbor2
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.iam.models import get_account_id_from

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

ACCOUNT_KEY = re.compile(r"AKIAMOCK(\d{12})$")
CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
CBOR_PATH = r"/service/([^/]+)/operation/([^/]+)$"
READ_PREFIXES = ("Describe", "List", "Get", "BatchGet", "Select", "Search", "Lookup")
#: Service name in a SigV4 credential scope -> name used in counts, limits and faults.
SIGNING_NAMES = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2"}
JSON_PROTOCOLS = {"application/x-amz-json-1.0", "application/x-amz-json-1.1"}


@dataclass(frozen=True)
class Call:
    """What one AWS request is, as far as counting, limiting and errors need to know."""

    account: str
    region: str
    service: str
    action: str
    protocol: str  # ec2, query, json, rest-json, rest-xml or cbor
    form: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    body: bytes = field(default=b"", hash=False, compare=False)

    @property
    def is_read(self) -> bool:
        return self.action.startswith(READ_PREFIXES)

    @property
    def is_unfiltered(self) -> bool:
        """True for an EC2 read with neither a filter nor pagination."""
        return not any(k == "MaxResults" or k.startswith("Filter.") for k in self.form)


def read_body(environ: Environ) -> bytes:
    """Returns the request body and leaves it readable for moto."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    body = stream.read(int(length)) if length else stream.read()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def classify(environ: Environ, body: bytes, access_keys: dict[str, str]) -> Call | None:
    """Names the AWS call in a request; None when it is not one."""
    credential = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if credential is None and "X-Amz-Credential" in query:
        credential = CREDENTIAL.search("Credential=" + query["X-Amz-Credential"][0])
    if credential is None:
        return None
    access_key, region, signing_name = credential.groups()

    account = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or access_keys.get(access_key)
    if account is None and (match := ACCOUNT_KEY.match(access_key)):
        account = match.group(1)
    if account is not None:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
    else:
        account = get_account_id_from(access_key)

    service = SIGNING_NAMES.get(signing_name.lower(), signing_name.lower())
    if cbor := re.search(CBOR_PATH, environ.get("PATH_INFO", "")):
        return Call(account, region, service, cbor[2], "cbor", body=body)
    content_type = environ.get("CONTENT_TYPE", "").split(";")[0].strip()
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target or content_type in JSON_PROTOCOLS:
        action = (target or "Unknown").rsplit(".", 1)[-1]
        return Call(account, region, service, action, "json", body=body)
    form: dict[str, str] = {}
    if content_type == "application/x-www-form-urlencoded":
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif "Action" in query:
        form = {key: values[0] for key, values in query.items()}
    if "Action" in form:
        if service == "elbv2" and form.get("Version") == "2012-06-01":
            service = "elb"
        protocol = "ec2" if service == "ec2" else "query"
        return Call(account, region, service, form["Action"], protocol, form, body)
    action, protocol = "Unknown", "rest-xml" if service == "s3" else "rest-json"
    with contextlib.suppress(Exception):  # an unknown path or service stays "Unknown"
        action = get_service_router(service).match(Request(environ.copy()))[0].name
    environ["wsgi.input"] = io.BytesIO(body)
    return Call(account, region, service, action, protocol, body=body)


@dataclass
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def send(self, start_response: StartResponse) -> list[bytes]:
        skip = {"content-length", "connection", "transfer-encoding"}
        headers = [(k, v) for k, v in self.headers if k.lower() not in skip]
        headers.append(("Content-Length", str(len(self.body))))
        reason = "OK" if self.status < 400 else "Error"
        start_response(f"{self.status} {reason}", headers)
        return [self.body]


def json_response(data: Any, status: int = 200) -> Response:
    body = json.dumps(data, indent=1, sort_keys=True).encode()
    return Response(status, [("Content-Type", "application/json")], body)


def error_response(call: Call, code: str, message: str, status: int) -> Response:
    """An AWS error in the wire format of the call's protocol."""
    request_id = str(uuid.uuid4())
    safe_code, safe_message = escape(code), escape(message)
    headers = [("x-amzn-RequestId", request_id)]
    if call.protocol == "ec2":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
            f"<Code>{safe_code}</Code><Message>{safe_message}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        ).encode()
        headers.append(("Content-Type", "text/xml;charset=UTF-8"))
    elif call.protocol == "query":
        fault = "Sender" if status < 500 else "Receiver"
        body = (
            f"<ErrorResponse><Error><Type>{fault}</Type><Code>{safe_code}</Code>"
            f"<Message>{safe_message}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        ).encode()
        headers.append(("Content-Type", "text/xml"))
    elif call.protocol == "rest-xml":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{safe_code}</Code><Message>{safe_message}</Message>"
            f"<RequestId>{request_id}</RequestId></Error>"
        ).encode()
        headers.append(("Content-Type", "application/xml"))
    elif call.protocol == "cbor":
        body = cbor2.dumps({"__type": code, "message": message})
        headers += [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
    else:
        body = json.dumps({"__type": code, "message": message}).encode()
        json_type = "application/x-amz-json-1.1"
        if call.protocol == "rest-json":
            json_type = "application/json"
            headers.append(("x-amzn-ErrorType", code))
        headers.append(("Content-Type", json_type))
    return Response(status, headers, body)


def throttle_response(call: Call, code: str | None = None) -> Response:
    """The error AWS answers when a bucket is empty."""
    if call.protocol == "ec2":
        default, message, status = "RequestLimitExceeded", "Request limit exceeded.", 503
    elif call.protocol == "rest-json":
        default, message, status = "TooManyRequestsException", "Rate exceeded", 429
    elif call.protocol == "rest-xml":
        default, message, status = "SlowDown", "Please reduce your request rate.", 503
    elif call.protocol == "query":
        default, message, status = "Throttling", "Rate exceeded", 400
    else:
        default, message, status = "ThrottlingException", "Rate exceeded", 400
    return error_response(call, code or default, message, status)


def unimplemented_response(call: Call, what: str, empty: bool) -> Response:
    """For something that moto lacks, named ``what``.

    An empty answer if asked for and the whole of a read is lacking; otherwise an error.
    """
    if empty and call.is_read and "filter" not in what.lower():
        request_id = str(uuid.uuid4())
        name, ns = escape(call.action), ""
        if call.protocol == "ec2":
            ns = f' xmlns="http://ec2.amazonaws.com/doc/{escape(call.form["Version"])}/"'
            body = f"<{name}Response{ns}><requestId>{request_id}</requestId></{name}Response>"
            return Response(200, [("Content-Type", "text/xml")], body.encode())
        if call.protocol == "query":
            body = (
                f"<{name}Response><{name}Result/><ResponseMetadata><RequestId>{request_id}"
                f"</RequestId></ResponseMetadata></{name}Response>"
            )
            return Response(200, [("Content-Type", "text/xml")], body.encode())
        return json_response({})
    code = "UnknownOperationException"
    if call.protocol in ("ec2", "query"):
        code = "InvalidAction"
    message = f"{call.action} is not implemented by this mock: {what}"
    return error_response(call, code, message, 400)
