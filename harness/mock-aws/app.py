"""The WSGI application: moto behind limits, faults, counts and pages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import moto
from moto.core.base_backend import BackendDict
from moto.server import DomainDispatcherApplication, create_backend_app

import cbor
from aws_calls import (
    Call,
    Environ,
    Response,
    StartResponse,
    classify,
    error_response,
    json_response,
    read_body,
    throttle_response,
    unimplemented_response,
)
from counters import Counters
from faults import FaultInjector
from limits import Limiter, limits_from
from moto_fixes import set_pending
from paging import Paginator
from signatures import refusal


@dataclass
class Behaviour:
    """What the application does differently from moto on request."""

    #: Answer as moto does, mostly in one page.
    unpaged: bool = False
    #: Answer reads that moto lacks with an empty result instead of InvalidAction.
    empty_unimplemented: bool = False
    #: Refuse measured calls whose signature is not that of their bytes.
    check_signatures: bool = False
    #: Makes faults reproducible.
    random_seed: int | None = None


class MockAws:
    """One AWS with two doors: ``__call__`` is measured and limited, ``control`` is neither."""

    def __init__(self, behaviour: Behaviour, access_keys: dict[str, str]) -> None:
        self.behaviour = behaviour
        self.access_keys = access_keys
        self.limiter = Limiter()
        self.faults = FaultInjector(behaviour.random_seed)
        self.counters = Counters()
        self.seeded: dict[str, Any] = {}
        self._paginator = Paginator()
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The door of the program under test."""
        return self._handle(environ, start_response, measured=True)

    def control(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The door of the test driver: the same state without limits, faults or counts."""
        return self._handle(environ, start_response, measured=False)

    def _handle(
        self, environ: Environ, start_response: StartResponse, *, measured: bool
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_mock/"):
            return self._administer(environ, path).send(start_response)
        started = time.perf_counter()
        call = classify(environ, read_body(environ), self.access_keys)
        if call is None:
            return self._moto(environ, start_response)
        if not measured:
            response, _ = self._serve(call, environ)
            return response.send(start_response)
        answer = self._measured(call, environ)
        response, outcomes = answer if answer is not None else (None, ("faulted",))
        size = len(response.body) if response is not None else 0
        self.counters.add(call, outcomes, size, time.perf_counter() - started)
        return _hang_up(start_response) if response is None else response.send(start_response)

    def _measured(self, call: Call, environ: Environ) -> tuple[Response, tuple[str, ...]] | None:
        """An answer and what became of the call; None when the connection is to break."""
        if self.behaviour.check_signatures and (refused := refusal(call, environ)) is not None:
            return refused, ("errors", "forged")
        delay, fault = self.faults.pick(call)
        if delay:
            time.sleep(delay)
        if fault is not None:
            match fault.kind:
                case "throttle":
                    return throttle_response(call), ("throttled", "faulted")
                case "close":
                    return None
                case "http":
                    return Response(fault.status, [], b""), ("faulted",)
            error = error_response(call, fault.code, fault.message, fault.status)
            return error, ("faulted",)
        rule = self.limiter.exceeded(call)
        if rule is not None:
            return throttle_response(call, rule.code), ("throttled",)
        return self._serve(call, environ)

    def _serve(self, call: Call, environ: Environ) -> tuple[Response, tuple[str, ...]]:
        try:
            if call.protocol == "cbor":
                response = cbor.serve(call, environ, self._ask)
            else:
                response = self._ask(call, environ)
        except NotImplementedError as error:
            empty = self.behaviour.empty_unimplemented
            return unimplemented_response(call, str(error), empty), ("unimplemented",)
        except Exception as error:  # noqa: BLE001 - a bug in moto must not end the connection
            message = f"{type(error).__name__}: {error}"
            return error_response(call, "InternalFailure", message, 500), ("errors",)
        return response, ("served",) if response.status < 400 else ("errors",)

    def _ask(self, call: Call, environ: Environ) -> Response:
        if self.behaviour.unpaged:
            return self._ask_moto(call, environ)
        return self._paginator.run(call, environ, self._ask_moto)

    def _ask_moto(self, _call: Call, environ: Environ) -> Response:
        captured: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _exc: Any = None) -> Any:
            captured["status"], captured["headers"] = int(status.split()[0]), headers
            return lambda _data: None

        chunks = self._moto(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return Response(captured["status"], captured["headers"], body)

    def _administer(self, environ: Environ, path: str) -> Response:
        method = environ["REQUEST_METHOD"]
        try:
            spec = json.loads(read_body(environ) or b"{}") if method == "POST" else {}
            match (method, path.removeprefix("/_mock/")):
                case ("GET", "health"):
                    return json_response({"ok": True, "moto": moto.__version__})
                case ("GET", "seed"):
                    return json_response(self.seeded)
                case ("GET", "calls"):
                    query = parse_qs(environ.get("QUERY_STRING", ""))
                    return json_response(self.counters.snapshot(query))
                case ("GET", "limits"):
                    return json_response(self.limiter.snapshot())
                case ("POST", "limits"):
                    self.limiter.set_rules(limits_from(spec))
                    return json_response({"rules": len(self.limiter.rules)})
                case ("GET", "faults"):
                    return json_response(self.faults.snapshot())
                case ("POST", "faults"):
                    self.faults.set(spec)
                    return json_response(self.faults.snapshot())
                case ("POST", "subscriptions"):
                    set_pending(spec["account"], spec["arn"], bool(spec["pending"]))
                    return json_response({"pending": bool(spec["pending"])})
                case ("POST", "reset"):
                    return json_response(self._reset(spec))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return json_response({"error": f"{type(error).__name__}: {error}"}, 400)
        return json_response({"error": f"no {method} {path}"}, 404)

    def _reset(self, spec: dict[str, Any]) -> dict[str, bool]:
        """Resets counters, buckets and faults; AWS's state too when ``state`` is true."""
        chosen = {"counters": True, "buckets": True, "faults": True, "state": False}
        unknown = set(spec) - set(chosen)
        if unknown:
            raise ValueError(f"unknown {sorted(unknown)}")
        chosen |= spec
        if chosen["counters"]:
            self.counters.reset()
        if chosen["buckets"]:
            self.limiter.reset()
        if chosen["faults"]:
            self.faults.clear()
        if chosen["state"]:
            BackendDict.reset()
            self.seeded = {}
        return chosen


def _hang_up(start_response: StartResponse) -> Iterable[bytes]:
    """Promises a body and breaks the connection in it."""
    start_response("200 OK", [("Content-Type", "text/xml"), ("Content-Length", "100")])
    return iter([b"<"])
