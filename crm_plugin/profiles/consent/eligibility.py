"""SQL expressions over :class:`Person`: the people that a channel may reach."""

from typing import Any

import sqlalchemy as sa

from crm_plugin.host.records import HostInfo
from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.consent.channels import OWN_ADDRESS, address_columns
from crm_plugin.profiles.models.school import Consent, Person, Suppression
from crm_plugin.profiles.models.topics import TopicOptOut

BINDS_EVERYBODY = ("bounce", "complaint")
"""Reasons of a suppression that bind service messages whatever its scope."""


def suppressed(channel: str, purpose: str) -> sa.ColumnElement[bool]:
    """Return the condition that a person's address is not to be written to.

    :param purpose: ``marketing``, or ``service``, which only global suppressions, bounces and
        complaints bind.
    """
    _, address_key = address_columns(channel)
    there = sa.exists().where(Suppression.channel == channel, Suppression.address_key == address_key)
    if purpose == "marketing":
        return there.correlate(Person)
    binding = sa.or_(Suppression.scope == "all", Suppression.reason.in_(BINDS_EVERYBODY))
    return there.where(binding).correlate(Person)


def lacks_consent(channel: str, unknown_is_no: bool) -> sa.ColumnElement[bool]:
    """Return the condition that a person may not get marketing by a channel.

    :param unknown_is_no: whether the lack of any record counts as denied: :func:`unknown_is_no`.
    """
    answer = sa.exists().where(Consent.person_id == Person.id, Consent.channel == channel)
    if unknown_is_no:
        return sa.not_(answer.where(Consent.state == "granted").correlate(Person))
    return answer.where(Consent.state == "denied").correlate(Person)


def refuses_topic(topic_id: int, channel: str) -> sa.ColumnElement[bool]:
    """Return the condition that a person, or somebody with their address, wants nothing about a topic."""
    _, address_key = address_columns(channel)
    return sa.or_(
        topic_refused(topic_id, channel, address_key),
        topic_refused(topic_id, OWN_ADDRESS, Person.host_id),
    )


def topic_refused(topic_id: int, channel: str, address_key: Any) -> sa.ColumnElement[bool]:
    """Return the condition that an address, a column of the query around, gets nothing about a topic."""
    there = sa.exists().where(
        TopicOptOut.topic_id == topic_id,
        TopicOptOut.channel == channel,
        TopicOptOut.address_key == address_key,
    )
    return there.correlate(address_key.table)


def unknown_is_no(settings: Settings, info: HostInfo | None) -> bool:
    """Return whether marketing skips people of unknown consent.

    ``CRM_CONSENT_UNKNOWN`` decides (``send`` or ``skip``); without it the region: only in CN are they
    written to.
    """
    if settings.consent_unknown in ("send", "skip"):
        return settings.consent_unknown == "skip"
    region = settings.host_region or (info.region if info else None)
    return region != "CN"
