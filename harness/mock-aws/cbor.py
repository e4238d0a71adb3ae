"""RPC v2 CBOR, which the Go and Rust SDKs speak to CloudWatch: moto's JSON side answers it."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cbor2
from moto.core.utils import get_service_model

from aws_calls import CBOR_PATH, Call, Environ, Response


def serve(call: Call, environ: Environ, ask: Callable[[Call, Environ], Response]) -> Response:
    """Asks in JSON, and gives the answer in CBOR."""
    service = re.search(CBOR_PATH, environ["PATH_INFO"])
    assert service is not None, "only called for such paths"
    body = json.dumps(cbor2.loads(call.body) if call.body else {}, default=_as_json).encode()
    environ |= {
        "PATH_INFO": "/",
        "CONTENT_TYPE": "application/x-amz-json-1.0",
        "HTTP_X_AMZ_TARGET": f"{service[1]}.{call.action}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    environ.pop("HTTP_SMITHY_PROTOCOL", None)
    response = ask(replace(call, protocol="json", body=body), environ)
    data = json.loads(response.body or b"{}")
    if response.status == 200:
        shape = get_service_model(call.service).operation_model(call.action).output_shape
        data = _typed(data, shape)
    headers = [(k, v) for k, v in response.headers if k.lower().startswith("x-amzn-")]
    headers += [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
    return Response(response.status, headers, cbor2.dumps(data))


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.timestamp()


def _typed(value: Any, shape: Any) -> Any:
    """Gives a JSON value the CBOR type that its shape calls for."""
    match None if value is None or shape is None else shape.type_name:
        case "structure":
            known = shape.members
            present = ((k, v) for k, v in value.items() if k in known and v is not None)
            return {k: _typed(v, known[k]) for k, v in present}
        case "list":
            return [_typed(v, shape.member) for v in value]
        case "map":
            return {k: _typed(v, shape.value) for k, v in value.items()}
        case "timestamp":
            return cbor2.CBORTag(1, float(value))
        case "blob":
            return base64.b64decode(value)
        case "float" | "double":
            return float(value)
    return value
