"""Counts of API calls."""

from __future__ import annotations

import fnmatch
import threading
import time
from collections.abc import Iterable
from typing import Any

from aws_calls import Call

OUTCOMES = ("served", "throttled", "faulted", "errors", "forged", "unimplemented")


class Counters:
    """Counts calls per (account, region, service, action); thread-safe."""

    KEYS = ("account", "region", "service", "action")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._counts: dict[tuple[str, ...], dict[str, float]] = {}
            self._since = time.time()

    def add(self, call: Call, outcomes: Iterable[str], size: int, seconds: float) -> None:
        key = (call.account, call.region, call.service, call.action)
        with self._lock:
            row = self._counts.setdefault(key, {})
            for name in ("calls", *outcomes):
                row[name] = row.get(name, 0) + 1
            row["response_bytes"] = row.get("response_bytes", 0) + size
            row["seconds"] = row.get("seconds", 0) + seconds

    def snapshot(self, params: dict[str, list[str]]) -> dict[str, Any]:
        """Counts, filtered by ?account= &region= &service= &action=, grouped by ?by=."""
        by = params.get("by", [",".join(self.KEYS)])[0].split(",")
        indices = [self.KEYS.index(name) for name in by if name in self.KEYS]
        measures = ("calls", *OUTCOMES, "response_bytes", "seconds")
        groups: dict[tuple[str, ...], dict[str, float]] = {}
        with self._lock:
            since = self._since
            for key, row in self._counts.items():
                wanted = all(
                    fnmatch.fnmatchcase(value, params.get(name, ["*"])[0])
                    for name, value in zip(self.KEYS, key, strict=True)
                )
                if not wanted:
                    continue
                group = groups.setdefault(tuple(key[i] for i in indices), {})
                for name in measures:
                    group[name] = group.get(name, 0) + row.get(name, 0)
        calls: list[dict[str, Any]] = [
            {self.KEYS[i]: part for i, part in zip(indices, key, strict=True)}
            | {n: round(row[n], 3) if n == "seconds" else int(row[n]) for n in measures}
            for key, row in sorted(groups.items())
        ]
        totals = {n: round(sum(c[n] for c in calls), 3) for n in measures}
        elapsed = round(time.time() - since, 3)
        return {"elapsed_seconds": elapsed, "totals": totals, "calls": calls}
