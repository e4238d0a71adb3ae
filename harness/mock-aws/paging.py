"""Pagination of answers that moto gives whole."""

from __future__ import annotations

import io
import json
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from aws_calls import Call, Environ, Response, error_response

Serve = Callable[[Call, Environ], Response]
#: Makes a response of a page's items and its token.
Rebuild = Callable[[list[Any], str | None], Response]
#: Gets items, and how to get more.
More = Callable[[], "tuple[list[Any], More | None]"]


@dataclass(frozen=True)
class Split:
    """An answer taken apart: its items, moto's own token, and how to rebuild it."""

    items: list[Any]
    token: str | None
    rebuild: Rebuild


@dataclass(frozen=True)
class PageSpec:
    """How AWS pages an action that moto answers whole."""

    items: str
    size: str
    token_in: str
    token_out: str
    max_size: int
    default_size: int | None = None  # None: one page of at most max_size


def _ec2(items: str, max_size: int = 1000) -> PageSpec:
    return PageSpec(items, "MaxResults", "NextToken", "nextToken", max_size)


def _query(items: str, default: int, maximum: int = 100) -> PageSpec:
    return PageSpec(items, "MaxRecords", "NextToken", "NextToken", maximum, default)


def _elb(items: str, default: int = 400) -> PageSpec:
    return PageSpec(items, "PageSize", "Marker", "NextMarker", 400, default)


def _ecs(items: str) -> PageSpec:
    return PageSpec(items, "maxResults", "nextToken", "nextToken", 100, 100)


PAGES: dict[tuple[str, str], PageSpec] = {
    ("ec2", "DescribeImages"): _ec2("imagesSet"),
    ("ec2", "DescribeInstances"): _ec2("reservationSet"),
    ("ec2", "DescribeInstanceStatus"): _ec2("instanceStatusSet"),
    ("ec2", "DescribeInstanceTypeOfferings"): _ec2("instanceTypeOfferingSet"),
    ("ec2", "DescribeInstanceTypes"): PageSpec(
        "instanceTypeSet", "MaxResults", "NextToken", "nextToken", 100, 100
    ),
    ("ec2", "DescribeLaunchTemplates"): _ec2("launchTemplates", 200),
    ("ec2", "DescribeLaunchTemplateVersions"): _ec2("launchTemplateVersionSet", 200),
    ("ec2", "DescribeNetworkInterfaces"): _ec2("networkInterfaceSet"),
    ("ec2", "DescribeSecurityGroupRules"): _ec2("securityGroupRuleSet"),
    ("ec2", "DescribeSecurityGroups"): _ec2("securityGroupInfo"),
    ("ec2", "DescribeSnapshots"): _ec2("snapshotSet"),
    ("ec2", "DescribeSubnets"): _ec2("subnetSet"),
    ("ec2", "DescribeTags"): _ec2("tagSet"),
    ("ec2", "DescribeVolumes"): _ec2("volumeSet"),
    ("ec2", "DescribeVpcs"): _ec2("vpcSet"),
    ("autoscaling", "DescribeAutoScalingInstances"): _query("AutoScalingInstances", 50, 50),
    ("autoscaling", "DescribePolicies"): _query("ScalingPolicies", 50),
    ("autoscaling", "DescribeScheduledActions"): _query("ScheduledUpdateGroupActions", 50),
    ("autoscaling", "DescribeTags"): _query("Tags", 50),
    ("elbv2", "DescribeListeners"): _elb("Listeners"),
    ("elbv2", "DescribeTargetGroups"): _elb("TargetGroups"),
    ("cloudwatch", "DescribeAlarms"): _query("MetricAlarms", 50),
    ("ecs", "ListClusters"): _ecs("clusterArns"),
    ("ecs", "ListContainerInstances"): _ecs("containerInstanceArns"),
    ("ecs", "ListServices"): PageSpec(
        "serviceArns", "maxResults", "nextToken", "nextToken", 100, 10
    ),
    ("ecs", "ListTaskDefinitions"): _ecs("taskDefinitionArns"),
    ("ecs", "ListTasks"): _ecs("taskArns"),
}


@dataclass(frozen=True)
class Rest:
    """What follows a page. ``more`` fetches items beyond those at hand."""

    created: float
    name: str
    items: list[Any]
    rebuild: Rebuild
    more: More | None


class Paginator:
    """Cuts moto's whole answers into pages and keeps the rest for follow-up calls."""

    KEEP = 5000
    MAX_AGE = 900.0
    #: Reservations that one look into moto takes; a page may need several.
    CHUNK = 50

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rest: dict[str, Rest] = {}

    def run(self, call: Call, environ: Environ, serve: Serve) -> Response:
        spec = PAGES.get((call.service, call.action))
        if spec is None:
            return serve(call, environ)
        params: dict[str, Any]
        params = dict(call.form) if call.form else json.loads(call.body or b"{}")
        token, size = params.pop(spec.token_in, None), params.pop(spec.size, None)
        limit = min(int(size), spec.max_size) if size else spec.default_size or spec.max_size
        # Ids excuse a request from EC2's page limit.
        by_id = call.service == "ec2" and any(
            re.search(r"(Id|Name)\.\d+$", k) and not k.startswith("Filter.") for k in params
        )
        if by_id and not size:
            limit = sys.maxsize
        name = f"{call.account}/{call.region}/{call.service}/{call.action}"
        if token:
            return self._next(call, name, token, limit)

        def ask(moto_token: str | None) -> tuple[Response, Split | None]:
            asked = dict(params)
            if call.action == "DescribeInstances" and not by_id:
                asked["MaxResults"] = str(self.CHUNK)
                if moto_token:
                    asked["NextToken"] = moto_token
            body = urlencode(asked).encode() if call.form else json.dumps(asked).encode()
            again = environ | {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
            response = serve(replace(call, body=body), again)
            if response.status != 200:
                return response, None
            return response, (_split_xml if call.form else _split_json)(spec, response)

        def more(moto_token: str | None) -> More | None:
            if not moto_token:
                return None

            def fetch() -> tuple[list[Any], More | None]:
                _response, split = ask(moto_token)
                return (split.items, more(split.token)) if split else ([], None)

            return fetch

        response, split = ask(None)
        if split is None or (not split.token and _weight(split.items) <= limit):
            return response
        rest = Rest(0, name, split.items, split.rebuild, more(split.token))
        return self._page(rest, limit)

    def _next(self, call: Call, name: str, token: str, limit: int) -> Response:
        with self._lock:
            rest = self._rest.get(token)
        if rest is None or rest.name != name:
            code = "InvalidParameterValue" if call.service == "ec2" else "InvalidNextToken"
            return error_response(call, code, f"Unable to parse pagination token {token}.", 400)
        return self._page(rest, limit)

    def _page(self, rest: Rest, limit: int) -> Response:
        items, more = rest.items, rest.more
        while more is not None and _weight(items) < limit:
            fetched, more = more()
            items = items + fetched
        count, weight = 0, 0
        while count < len(items) and (count == 0 or weight + _weigh(items[count]) <= limit):
            weight += _weigh(items[count])
            count += 1
        token = None
        if items[count:] or more is not None:
            token = secrets.token_urlsafe(24)
            now = time.monotonic()
            left = Rest(now, rest.name, items[count:], rest.rebuild, more)
            with self._lock:
                for old in [t for t, r in self._rest.items() if now - r.created > self.MAX_AGE]:
                    del self._rest[old]
                while len(self._rest) >= self.KEEP:
                    del self._rest[next(iter(self._rest))]
                self._rest[token] = left
        return rest.rebuild(items[:count], token)


def _weigh(item: Any) -> int:
    """Items count one each, but an EC2 reservation counts its instances."""
    if isinstance(item, ElementTree.Element):
        for child in item:
            if child.tag.endswith("}instancesSet"):
                return max(1, len(child))
    return 1


def _weight(items: list[Any]) -> int:
    return sum(_weigh(item) for item in items)


def _split_json(spec: PageSpec, response: Response) -> Split | None:
    document = json.loads(response.body)
    items = document.pop(spec.items, None)
    if not isinstance(items, list):
        return None
    moto_token = document.pop(spec.token_out, None)

    def rebuild(page: list[Any], token: str | None) -> Response:
        data = document | {spec.items: page} | ({spec.token_out: token} if token else {})
        return replace(response, body=json.dumps(data).encode())

    return Split(items, moto_token, rebuild)


def _split_xml(spec: PageSpec, response: Response) -> Split | None:
    root = ElementTree.fromstring(response.body)
    namespace = root.tag[1:].split("}")[0] if root.tag.startswith("{") else ""
    prefix = f"{{{namespace}}}" if namespace else ""
    parent = next((e for e in root.iter() if e.find(prefix + spec.items) is not None), None)
    if parent is None:
        return None
    holder = parent.find(prefix + spec.items)
    assert holder is not None
    items = list(holder)
    moto_token = None
    for old in parent.findall(prefix + spec.token_out):
        moto_token = old.text
        parent.remove(old)
    lock = threading.Lock()

    def rebuild(page: list[Any], token: str | None) -> Response:
        with lock:
            holder[:] = page
            marker = ElementTree.SubElement(parent, prefix + spec.token_out) if token else None
            if marker is not None:
                marker.text = token
            body = ElementTree.tostring(root, "utf-8", default_namespace=namespace or None)
            if marker is not None:
                parent.remove(marker)
        return replace(response, body=body)

    return Split(items, moto_token, rebuild)
