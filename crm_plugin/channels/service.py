"""What campaigns call: a content checked and made ready, with all that its channel must know."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from crm_plugin.channels import installation
from crm_plugin.channels.base import Channel, Context, Made, Problem, SmsText
from crm_plugin.channels.carrier_capabilities import LinkMode, link_mode_of
from crm_plugin.channels.email.carried_id import header_for
from crm_plugin.channels.email.smtp import offers
from crm_plugin.channels.registry import CHANNELS, capabilities_of, carrier_for
from crm_plugin.channels.sms import templates
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, CrmError


def context(crm: Crm, session: Session, content: Mapping[str, Any]) -> Context:
    """Gather what the channels must know beside the content: school, sender, SMS template and carrier.

    :raises BadInput: ``settings.bad_value``.
    """
    try:
        info = crm.host.info
        site, locale, longest = info.site_name, info.locale, info.message_max_chars
    except CrmError:
        # Without an answer of the school the texts go out in English and unsigned by its name.
        site, locale, longest = "", "en", None
    found = Context(
        site_name=site,
        locale=locale,
        sender=crm.settings.mail_from or _default_sender(crm),
        mark=installation.mark(session, crm.settings),
        id_header=header_for(crm.settings.smtp_url),
        longest_mail=offers.largest(session, crm.settings),
        max_chars=longest,
        clock=crm.clock,
    )
    key, version = str(content.get("template") or ""), content.get("template_version")
    template = templates.find(session, key, crm.settings.sms_carrier, version) if key else None
    return with_sms(crm, found, template, content.get("link_mode")) if template else found


def with_sms(crm: Crm, known: Context, template: SmsText, link_mode: LinkMode | None = None) -> Context:
    """Add an SMS template, and what its carrier allows.

    :param link_mode: the one that a launch wrote down; None = the one in force.
    :raises BadInput: ``settings.bad_value``.
    """
    rules = capabilities_of(crm.settings.sms_carrier)
    return replace(
        known,
        sms=template,
        sms_carrier=crm.settings.sms_carrier,
        sms_rules=rules,
        link_mode=link_mode or link_mode_of(crm.settings, rules),
        sms_signature=crm.settings.sms_signature,
    )


def is_mainland(crm: Crm) -> bool:
    """Return whether SMS are billed as in mainland China where a recipient is not known yet.

    The school's country decides; where it says none, a carrier there does.
    """
    rules = capabilities_of(crm.settings.sms_carrier)
    try:
        country = crm.settings.host_region or crm.host.info.region
    except CrmError:
        country = None
    return rules.mainland_parts and (country == "CN" if country else rules.needs_template)


def _default_sender(crm: Crm) -> str:
    host = urlsplit(crm.settings.public_url).hostname or "localhost"
    return f"no-reply@{host}"


def pinned(crm: Crm, session: Session, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a content that goes by the SMS template and the way of linking that are in force now.

    From its launch on a campaign sends one text and one kind of link, whatever becomes of the template and
    of the settings; the report says by the kind what a click means.
    """
    if not content.get("template"):
        return dict(content)
    made = context(crm, session, content)
    if made.sms is None:
        return dict(content)
    return {**content, "template_version": made.sms.version, "link_mode": made.link_mode}


PINNED = ("template_version", "link_mode")
"""Keys of a content that a launch writes; a copy goes by what is in force by then."""


def carrier_problems(crm: Crm, channel: str) -> list[Problem]:
    """Report that a channel's carrier is not there or lacks a setting; calls nobody."""
    try:
        carrier_for(crm, channel)
    except BadInput as error:
        return [Problem(error.code, "", error.params)]
    return []


def compile_content(
    crm: Crm, session: Session, channel: str, content: Mapping[str, Any], purpose: str
) -> Made:
    """Return a content ready to render and what is wrong with it, read once.

    :raises BadInput: ``campaign.unknown_channel``, ``settings.bad_value``.
    """
    return _channel(channel).compile(content, purpose, context(crm, session, content))


def _channel(name: str) -> Channel:
    channel = CHANNELS.get(name)
    if channel is None:
        raise BadInput("campaign.unknown_channel", "channel", channel=name, known=", ".join(CHANNELS))
    return channel
