"""The channels and carriers there are: a new one is its file and one line here."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from crm_plugin.channels.base import Carrier, Channel
from crm_plugin.channels.carrier_capabilities import FREE_TEXT, Capabilities
from crm_plugin.channels.email.channel import EMAIL
from crm_plugin.channels.email.smtp.carrier import SmtpCarrier
from crm_plugin.channels.email.smtp.offers import note
from crm_plugin.channels.outbox import OutboxCarrier
from crm_plugin.channels.private_message import MESSAGE, HostCarrier
from crm_plugin.channels.sms.carriers.aliyun import AliyunCarrier
from crm_plugin.channels.sms.carriers.generic_http import HttpCarrier
from crm_plugin.channels.sms.carriers.pushes import Push
from crm_plugin.channels.sms.carriers.tencent import TencentCarrier
from crm_plugin.channels.sms.carriers.twilio import TwilioCarrier
from crm_plugin.channels.sms.channel import SMS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.registry import Registry
from crm_plugin.profiles.consent.channels import add_channel

CHANNELS: Registry[Channel] = Registry("channel")


def register(channel: Channel) -> None:
    """Take a channel in: from now on campaigns, conditions, consents and pages know it."""
    CHANNELS.add(channel.name, channel)
    add_channel(channel.name, channel.address)


register(SMS)
register(EMAIL)
register(MESSAGE)

CARRIERS: Registry[Callable[[Crm], Carrier]] = Registry("carrier")
CARRIERS.add("outbox", OutboxCarrier)
CARRIERS.add("smtp", lambda crm: SmtpCarrier(crm, partial(note, crm), crm.instance / "warned"))
CARRIERS.add("host", HostCarrier)
CARRIERS.add("http", HttpCarrier)
CARRIERS.add("aliyun", AliyunCarrier)
CARRIERS.add("tencent", TencentCarrier)
CARRIERS.add("twilio", TwilioCarrier)


@dataclass
class KeptCarriers:
    """The carriers that an installation uses: (name, process) → carrier."""

    carriers: dict[tuple[str, int], Carrier] = field(default_factory=dict)


def capabilities_of(carrier: str) -> Capabilities:
    """Return what an SMS carrier declares of itself."""
    found = getattr(CARRIERS.get(carrier), "capabilities", FREE_TEXT)
    assert isinstance(found, Capabilities)
    return found


def push_of(carrier: str) -> Push | None:
    """Return how a carrier's delivery reports are read; None when it sends none."""
    found = getattr(CARRIERS.get(carrier), "push", None)
    return found if isinstance(found, Push) else None


def carrier_for(crm: Crm, channel: str) -> Carrier:
    """Return the carrier that this installation uses for a channel, kept for this process.

    :raises BadInput: ``channel.unknown_carrier`` when a setting names one that is not there.
    """
    name = CHANNELS[channel].carrier(crm)
    factory = CARRIERS.get(name)
    if factory is None:
        raise BadInput("channel.unknown_carrier", carrier=name, known=", ".join(CARRIERS))
    # A forked worker must not write to its parent's connection.
    kept = crm.state(KeptCarriers).carriers
    place = (name, os.getpid())
    if place not in kept:
        kept[place] = factory(crm)
    return kept[place]
