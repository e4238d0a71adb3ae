"""Corrections to moto, made by replacing functions in it."""

from __future__ import annotations

import copy
import json
import random
import string
from typing import Any

import moto.iam.utils
from moto.config.responses import ConfigResponse
from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, filter_reservations, get_prefix
from moto.events.utils import EventTemplateParser
from moto.sns.models import sns_backends


def speed_up_tags() -> None:
    """Makes a resource's tags one look-up.

    moto matches every tagged resource of the region against a pattern for each resource
    that it describes, so describing n instances takes time in the order of n squared.
    """

    def get_tags(self: Any) -> list[dict[str, str]]:
        tags = self.ec2_backend.tags.get(self.id) if self.id else None
        if not tags:
            return []
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
        return [
            {"resource_id": self.id, "key": k, "value": v, "resource_type": kind}
            for k, v in tags.items()
        ]

    TaggedEC2Resource.get_tags = get_tags  # type: ignore[method-assign]


def speed_up_lookups() -> None:
    """Finds instances and volumes by id without going through all of them."""

    def find(backend: Any, instance_id: str) -> tuple[Any, Any] | None:
        index = backend.__dict__.setdefault("_mock_instance_index", {})
        if instance_id not in index:
            for reservation in reversed(list(backend.reservations.values())):
                if any(i.id == instance_id for i in reservation.instances):
                    index.update((i.id, (reservation, i)) for i in reservation.instances)
                    break
        return index.get(instance_id)

    def get_instance(self: Any, instance_id: str) -> Any:
        found = find(self, instance_id)
        if found is None:
            raise InvalidInstanceIdError(instance_id)
        return found[1]

    def get_instance_by_id(self: Any, instance_id: str) -> Any:
        found = find(self, instance_id)
        return found[1] if found else None

    def get_reservations_by_instance_ids(
        self: Any, instance_ids: list[str], filters: Any = None
    ) -> list[Any]:
        chosen: dict[str, Any] = {}
        for instance_id in dict.fromkeys(instance_ids):
            found = find(self, instance_id)
            if found is None:
                raise InvalidInstanceIdError(instance_id)
            reservation, instance = found
            if reservation.id not in chosen:
                chosen[reservation.id] = copy.copy(reservation)
                chosen[reservation.id].instances = []
            chosen[reservation.id].instances.append(instance)
        reservations = list(chosen.values())
        return reservations if filters is None else filter_reservations(reservations, filters)

    original = EBSBackend.describe_volumes

    def describe_volumes(self: Any, volume_ids: Any = None, filters: Any = None) -> list[Any]:
        if volume_ids and not filters and all(v in self.volumes for v in volume_ids):
            return [self.volumes[v] for v in dict.fromkeys(volume_ids)]
        return original(self, volume_ids, filters)

    InstanceBackend.get_instance = get_instance  # type: ignore[method-assign]
    InstanceBackend.get_instance_by_id = get_instance_by_id  # type: ignore[method-assign]
    InstanceBackend.get_reservations_by_instance_ids = (  # type: ignore[method-assign]
        get_reservations_by_instance_ids
    )
    EBSBackend.describe_volumes = describe_volumes  # type: ignore[method-assign]


def make_key_ids_decodable() -> None:
    """Makes key ids base32 throughout, as AWS's are.

    moto writes the account into them as AWS does, and then digits that base32 lacks: whoever
    reads the account from a key id, as a proxy does, could read it from half of moto's only.
    """

    def base32_sequence(length: int) -> str:
        return "".join(random.choices(string.ascii_uppercase + "234567", k=length))

    moto.iam.utils._random_uppercase_or_digit_sequence = base32_sequence


def keep_event_accounts() -> None:
    """Says in an event that reaches a target which account it is of; moto leaves that out."""
    template = EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE
    if '"account"' not in template:
        EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE = template.replace(
            '"region"', '"account": "<account>", "region"'
        )


def tell_deliveries() -> None:
    """Answers DescribeDeliveryChannelStatus: a delivery fails when the channel's topic is gone."""

    def describe_delivery_channel_status(self: ConfigResponse) -> str:
        backend = self.config_backend
        statuses = []
        for channel in backend.delivery_channels.values():
            topic = channel.sns_topic_arn
            info = {"lastStatus": "SUCCESS"}
            if topic is None:
                info = {"lastStatus": "NOT_APPLICABLE"}
            elif topic not in sns_backends[backend.account_id][topic.split(":")[3]].topics:
                info = {"lastStatus": "FAILURE", "lastErrorCode": "NoSuchTopic"}
            statuses.append({"name": channel.name, "configStreamDeliveryInfo": info})
        return json.dumps({"DeliveryChannelsStatus": statuses})

    ConfigResponse.describe_delivery_channel_status = (  # type: ignore[method-assign]
        describe_delivery_channel_status
    )


def set_pending(account: str, subscription: str, pending: bool) -> None:
    """Makes a subscription one that nobody has confirmed yet; moto's are confirmed from the start."""
    region = subscription.split(":")[3]
    found = sns_backends[account][region].subscriptions[subscription]
    found.attributes["PendingConfirmation"] = pending
    # So it is shown in lists until then.
    found.arn = "PendingConfirmation" if pending else subscription
