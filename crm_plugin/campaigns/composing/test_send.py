"""Test sends: the real render path and carrier with a real person's data, and no trace in the statistics."""

import math
import time
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import access
from crm_plugin.campaigns.composing.preview import person_for
from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.prepared_campaign import load
from crm_plugin.campaigns.rates import limits as pace
from crm_plugin.campaigns.rates.grants import slot_of
from crm_plugin.channels import service as channels
from crm_plugin.channels.base import Receipt, Recipient
from crm_plugin.channels.rates.throttle import Throttle
from crm_plugin.channels.registry import carrier_for
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import AuditRow, record
from crm_plugin.kernel.errors import BadInput, Conflict, Unavailable
from crm_plugin.links import service as links
from crm_plugin.profiles.consent.channels import address_kind
from crm_plugin.profiles.store.email_addresses import email_key
from crm_plugin.profiles.store.international_email import is_plain, is_taken
from crm_plugin.profiles.store.phone_numbers import phone_key

DAY = timedelta(hours=24)
WAIT_SECONDS = 3.0
"""So long somebody at a page waits for the limits."""
_ACTION = "campaign.test"
LABEL = "[Test] "
"""Before the subject of a test; before the text where there is no subject."""


def send_test(
    crm: Crm, actor: Actor, campaign_id: int, address: str, person_host_id: str | None = None
) -> Receipt:
    """Send one message of a campaign to an address that somebody typed.

    No row of the ledger, no tracked link, no cap on the person whose data are borrowed: links lead straight
    to their targets. The limits of carrier, channel and domain bind it like every other message.

    :param person_host_id: whose data fill the content; None = somebody of the audience.
    :raises BadInput: ``channel.bad_address``, ``content.*``.
    :raises NotFound: ``object.missing`` when there is no such person.
    :raises Conflict: ``campaign.too_many_tests``.
    :raises Unavailable: ``campaign.test_later`` when the limits take no message now.
    """
    with crm.db.read() as session:
        campaign = access.one(session, actor, campaign_id, "crm.send")
        to = _address(crm, session, campaign.channel, address)
        person = person_for(crm, session, campaign, person_host_id)
        content = _labelled(campaign.content)
        compiled = channels.compile_content(crm, session, campaign.channel, content, campaign.purpose).ready()
        values = personalisation.values_of(crm, session, actor, person, content)
        # Not a working opt-out: the tester must not end the consent of the person whose data they borrow.
        values["unsubscribe"] = links.opt_out_url(crm.settings, "test")
        values["link"] = content.get("link")
        known = {name: value for name, value in values.items() if name in compiled.variables}
        message = compiled.render(Recipient(f"test-{uuid4()}", person.host_id, to, known))
    if message.subject is None and not message.text.startswith(LABEL):
        message.text = LABEL + message.text
    _within_limits(crm, campaign_id, to)
    crm.db.run(lambda session: _count(crm, session, actor, campaign_id))
    (receipt,) = carrier_for(crm, campaign.channel).submit([message], lambda: True)
    return receipt


def _count(crm: Crm, session: Session, actor: Actor, campaign_id: int) -> None:
    """Write a test down before it leaves, unless its sender has used up a day's worth."""
    campaign_states.lock(
        session, campaign_id
    )  # tests that are asked for at once are counted one after the other
    now, limit = crm.clock(), crm.settings.tests_per_day
    mine = (AuditRow.actor == actor.id, AuditRow.action == _ACTION, AuditRow.at > now - DAY)
    sent = session.scalar(sa.select(sa.func.count()).select_from(AuditRow).where(*mine)) or 0
    if limit and sent >= limit:
        raise Conflict("campaign.too_many_tests", limit=limit)
    record(session, now, actor.id, _ACTION, ("campaign", campaign_id), count=1)


def _within_limits(crm: Crm, campaign_id: int, address: str) -> None:
    """Take a place within the limits that bind messages of this channel, waiting a moment for it."""
    running = load(crm, campaign_id)
    assert running is not None  # it was read a moment ago
    domain = pace.domain_limit(running, pace.domain_of(address)) if pace.has_domains(running) else None
    limits = [one for one in pace.limits(running) if not one.name.startswith("campaign:")]
    limits += [domain] if domain else []
    throttle, until = Throttle(crm, seed=partial(pace.seed, crm, running)), time.monotonic() + WAIT_SECONDS
    while (answer := throttle.reserve(limits, 1)).wait > 0:
        if time.monotonic() + answer.wait > until:
            raise Unavailable("campaign.test_later", seconds=math.ceil(answer.wait))
        time.sleep(answer.wait)
    if limits:
        slot_of(answer, limits).wait()


def _labelled(content: dict[str, Any]) -> dict[str, Any]:
    subject = content.get("subject")
    return {**content, "subject": LABEL + subject} if subject else content


def _address(crm: Crm, session: Session, channel: str, address: str) -> str:
    kind = address_kind(channel)
    if kind == "person":
        return address
    if kind == "email":
        key = email_key(address)
        key = key if key and (is_plain(key) or is_taken(session)) else None
    else:
        key = phone_key(address, crm.settings.host_region or crm.host.info.region or "")
    if key is None:
        raise BadInput("channel.bad_address", "address", address=address, channel=channel)
    return key
