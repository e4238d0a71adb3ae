#!/usr/bin/env python3
"""A mock AWS endpoint: moto, plus API throttling, faults, call counts and bulk seeding.

moto (https://github.com/getmoto/moto, Apache-2.0) answers every AWS call. What a test of an AWS
client needs and moto lacks is added around it:

* token buckets per (account, region, service, action), as AWS documents them;
* throttling and other errors in the wire format of the protocol that the client speaks;
* latency, random failures and targeted faults;
* call counts per (account, region, service, action);
* pages of the Describe and List calls that moto answers in one piece;
* HTTP/1.1 keep-alive, and access keys that name their account.

Paths under ``/_mock/`` control it at run time; README.md lists them.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import waitress
from moto.moto_api._internal import mock_random

import fleet
from app import Behaviour, MockAws
from limits import limits_from
from moto_fixes import (
    keep_event_accounts,
    make_key_ids_decodable,
    speed_up_lookups,
    speed_up_tags,
    tell_deliveries,
)


def _key_pair(text: str) -> tuple[str, str]:
    key, _, account = text.partition("=")
    if not re.fullmatch(r"\d{12}", account):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=ACCOUNT")
    return key, account


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Mock AWS: moto with throttling, faults, call counts and seeding.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=0, help="port of the measured endpoint (0: any)")
    add(
        "--control-port",
        type=int,
        default=0,
        help="port of the endpoint without limits, faults or counts (0: any)",
    )
    add("--threads", type=int, default=32, help="worker threads of each endpoint")
    add(
        "--access-key",
        type=_key_pair,
        action="append",
        default=[],
        metavar="KEY=ACCOUNT",
        help="an access key id's account; AKIAMOCK<account> always works",
    )
    add(
        "--limits",
        default="none",
        metavar="aws|none|FILE",
        help="buckets: AWS's documented ones, none, or a JSON file as for POST /_mock/limits",
    )
    add("--limits-scale", type=float, default=1.0, help="multiplies the aws preset")
    add("--latency-ms", type=float, default=0, help="delay of each measured call")
    add("--latency-jitter-ms", type=float, default=0, help="random addition to the delay")
    add("--failure-rate", type=float, default=0, help="share of calls that fail with a 500")
    add("--no-paginate", action="store_true", help="answer as moto does, mostly unpaged")
    add(
        "--empty-unimplemented",
        action="store_true",
        help="answer reads that moto lacks with an empty result, not InvalidAction",
    )
    add(
        "--check-signatures",
        action="store_true",
        help="refuse measured calls that were not signed as they are: with a session's secret,"
        " or else with the secret mock-secret",
    )
    add("--random-seed", type=int, help="makes resource ids and faults reproducible")
    add("--log-errors", action="store_true", help="log moto's tracebacks to stderr")
    fleet.add_arguments(parser)
    return parser


def start(options: argparse.Namespace) -> MockAws:
    """Starts both endpoints in background threads and seeds the fleet."""
    # Images are seeded by the fleet; moto's own few hundred would only slow every answer.
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    if options.random_seed is not None:
        mock_random.seed(options.random_seed)
    speed_up_tags()
    speed_up_lookups()
    keep_event_accounts()
    make_key_ids_decodable()
    tell_deliveries()
    behaviour = Behaviour(
        unpaged=options.no_paginate,
        empty_unimplemented=options.empty_unimplemented,
        check_signatures=options.check_signatures,
        random_seed=options.random_seed,
    )
    app = MockAws(behaviour, dict(options.access_key))
    ports = ((app, options.port), (app.control, options.control_port))
    servers = [_listen(wsgi, port, options) for wsgi, port in ports]
    url, control_url = (f"http://{options.host}:{s.effective_port}" for s in servers)
    # moto makes signed calls to itself for some features, at this port.
    os.environ["MOTO_PORT"] = str(servers[1].effective_port)
    app.faults.set(
        {
            "latency_ms": options.latency_ms,
            "jitter_ms": options.latency_jitter_ms,
            "failure_rate": options.failure_rate,
        }
    )
    if options.limits in ("aws", "none"):
        limits = {"preset": options.limits, "scale": options.limits_scale}
    else:
        limits = json.loads(Path(options.limits).read_text())
    app.limiter.set_rules(limits_from(limits))
    began = time.perf_counter()
    app.seeded = fleet.seed(control_url, options)
    app.seeded |= {"seconds": round(time.perf_counter() - began, 2)}
    app.seeded |= {"url": url, "control_url": control_url}
    return app


def _listen(wsgi: Any, port: int, options: argparse.Namespace) -> Any:
    # Whole answers are buffered: a large DescribeInstances page must not block a worker thread
    # on a slow reader.
    buffer = 256 * 1024 * 1024
    server = waitress.create_server(
        wsgi,
        host=options.host,
        port=port,
        threads=options.threads,
        ident="",
        outbuf_overflow=buffer,
        outbuf_high_watermark=buffer,
        connection_limit=2000,
        channel_timeout=300,
    )
    threading.Thread(target=server.run, daemon=True).start()
    return server


def main() -> None:
    """Runs until SIGINT or SIGTERM."""
    options = build_parser().parse_args()
    if not options.log_errors:
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
    app = start(options)
    print(json.dumps({"ready": True, "pid": os.getpid(), **app.seeded}), flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    stop.wait()
    # The servers' threads have no end of their own.
    os._exit(0)


if __name__ == "__main__":
    main()
