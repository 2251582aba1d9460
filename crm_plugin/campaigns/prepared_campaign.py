"""A campaign as a worker needs it: rules, compiled content, carrier, links; made once per process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.ledger.lease import Row
from crm_plugin.campaigns.ledger.states import key
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.policy.campaign_policy import Policy, Rules
from crm_plugin.channels import service as channel_service
from crm_plugin.channels.base import Carrier, Compiled, Made, Message, Recipient
from crm_plugin.channels.registry import capabilities_of, carrier_for
from crm_plugin.channels.sms.cost import billed_parts
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.settings import Settings
from crm_plugin.links import service as links
from crm_plugin.links.codes import Signer
from crm_plugin.profiles.consent import eligibility
from crm_plugin.profiles.store.host_info_cache import school_zone
from crm_plugin.segments import service as segments
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.parse import parse
from crm_plugin.segments.language.tree import Tree

CONFIRMED_FOR = timedelta(hours=1)
"""How long after its check a campaign may be sent to the people of that check's instant."""


@dataclass(slots=True)
class Running:
    """What stays the same for all messages of a campaign."""

    id: int
    state: str
    changed_at: datetime
    rules: Rules
    compiled: Compiled
    carrier: Carrier
    has_link: bool
    """The first of ``links`` is the one that ``{{ link }}`` stands for."""
    links: tuple[int, ...]
    signer: Signer
    settings: Settings
    present: Present
    """When it was made ready: of later messages only the instant differs."""
    personal: Mapping[str, str] = field(default_factory=dict)
    """The campaign's own words that differ from person to person → column of the person."""
    shared_links: bool = False
    """Everybody gets the same short links: a click says nothing of whose it is."""
    per_minute: int | None = None
    """Private messages that the school takes a minute; None = any number."""

    def present_at(self, now: datetime) -> Present:
        """Return what its conditions are decided at."""
        return replace(self.present, as_of=now)

    def render(self, row: Row) -> Message:
        """Return the message of a row.

        :raises BadInput: when a variable that the content requires has no value for this person.
        """
        values = {name: value for name, value in row.values.items() if name in self.compiled.variables}
        if "unsubscribe" in self.compiled.variables:
            token = self.signer.opt_out_token(row.person_id, self.rules.channel, row.id)
            values["unsubscribe"] = links.opt_out_url(self.settings, token)
        mine = 0 if self.shared_links else row.id
        short = [links.short_url(self.settings, self.signer.code(link, mine)) for link in self.links]
        if self.has_link:
            values["link"], *short = short
        names = (key(self.id, row.id), row.person, row.address)
        return self.compiled.render(Recipient(*names, values, short, self.id, self._return_path(row)))

    def parts(self, messages: Mapping[int, Message]) -> dict[int, int]:
        """Return row → billed parts of its SMS; nothing for other channels."""
        if self.rules.channel != "sms":
            return {}
        by_place = capabilities_of(self.settings.sms_carrier).mainland_parts
        return {row: billed_parts(message, by_place) for row, message in messages.items()}

    def _return_path(self, row: Row) -> str:
        if self.rules.channel != "email" or not self.settings.bounce_domain:
            return ""
        return links.return_path(self.settings, self.signer.bounce_code(row.person_id, row.id))


@dataclass
class KeptCampaigns:
    """The campaigns that this process has made ready, by their ids."""

    running: dict[int, Running] = field(default_factory=dict)


def load(crm: Crm, campaign_id: int) -> Running | None:
    """Return a campaign ready to send, from this process's memory when it has not changed."""
    with crm.db.read() as session:
        campaign = session.get(Campaign, campaign_id)
        if campaign is None:
            return None
        kept = crm.state(KeptCampaigns).running
        running = kept.get(campaign_id)
        if running is None or running.changed_at != campaign.updated_at:
            running = kept[campaign_id] = _make(crm, session, campaign)
    running.state = campaign.state
    running.signer = links.signer(crm)
    return running


def _make(crm: Crm, session: Session, campaign: Campaign) -> Running:
    compiled, carrier = compiled_of(crm, session, campaign), carrier_for(crm, campaign.channel)
    return Running(
        id=campaign.id,
        state=campaign.state,
        changed_at=campaign.updated_at,
        rules=rules_of(crm, campaign, compiled),
        compiled=compiled,
        carrier=carrier,
        has_link=_has_link(compiled, campaign.content),
        links=tuple(links.targets_of(session, campaign.id)),
        signer=links.signer(crm),
        personal=campaign.content.get("personal", {}),
        settings=crm.settings,
        present=present_of(crm),
        shared_links=getattr(compiled, "shared_links", False),
        per_minute=per_minute(crm, carrier.name),
    )


def per_minute(crm: Crm, carrier: str) -> int | None:
    """Return how many private messages the school takes a minute; None = any number."""
    if carrier != "host":
        return None
    try:
        return crm.host.info.message_per_minute
    except CrmError:
        return None


def targets(compiled: Compiled, content: Mapping[str, str]) -> list[str]:
    """Return the web addresses of a content that become tracked links: that of ``{{ link }}`` first."""
    own = [content["link"]] if _has_link(compiled, content) else []
    return [*own, *compiled.targets]


def _has_link(compiled: Compiled, content: Mapping[str, str]) -> bool:
    return "link" in compiled.variables and bool(content.get("link"))


def made_of(crm: Crm, session: Session, campaign: Campaign) -> Made:
    """Return what the channel makes of a campaign's content: ready to render, and what is wrong with it."""
    return channel_service.compile_content(crm, session, campaign.channel, campaign.content, campaign.purpose)


def compiled_of(crm: Crm, session: Session, campaign: Campaign) -> Compiled:
    """Return a campaign's content ready to render.

    :raises BadInput: the first thing that is wrong with it.
    """
    return made_of(crm, session, campaign).ready()


def rules_of(
    crm: Crm, campaign: Campaign, compiled: Compiled | None = None, known: Catalogue | None = None
) -> Rules:
    """Return what decides about a campaign's people.

    :param compiled: its content; without it nobody is left out for a word that they lack.
    :param known: what :func:`known_to` gave, where the caller has it.
    :raises Unavailable: when consent goes by the school's region and the school does not answer.
    """
    policy = Policy.of(campaign.policy)
    goal = None
    if policy.goal is not None:
        goal = parse(policy.goal, known or known_to(crm, campaign))
    required: tuple[str, ...] = ()
    if compiled is not None and personalisation.leaves_out(campaign.content):
        required = tuple(sorted(set(personalisation.required_of(compiled, campaign.content).values())))
    return Rules(
        campaign_id=campaign.id,
        channel=campaign.channel,
        purpose=campaign.purpose,
        holdout=campaign.holdout,
        policy=policy,
        goal=goal,
        unknown_is_no=unknown_is_no(crm),
        zone=school_zone(crm),
        topic=campaign.topic_id,
        required=required,
        series=_series(campaign),
        stale_hours=crm.settings.stale_data_hours,
        course=personalisation.course_of(campaign.content),
    )


def _series(campaign: Campaign) -> int | None:
    """Return the campaign that repeats, of it and of its children."""
    if campaign.kind == "recurring":
        return campaign.id
    return campaign.parent_id if campaign.kind == "campaign" else None


def unknown_is_no(crm: Crm) -> bool:
    """Return whether marketing skips people of unknown consent.

    :raises Unavailable: when it goes by the school's region and the school does not answer.
    """
    settings = crm.settings
    # The school is asked only where its answer matters: while it does not answer, nobody can decide.
    info = None if settings.consent_unknown or settings.host_region else crm.host.info
    return eligibility.unknown_is_no(settings, info)


def known_to(crm: Crm, campaign: Campaign) -> Catalogue:
    """Return what a campaign's conditions may be made of; the quick queries are those its launch kept."""
    catalogue, searches = segments.catalogue(crm), campaign.searches
    if searches is None:
        return catalogue
    return replace(catalogue, query=lambda ident: searches.get(str(ident)))


def audience_of(crm: Crm, campaign: Campaign, known: Catalogue | None = None) -> Tree:
    """Read a campaign's audience.

    :param known: what :func:`known_to` gave, where the caller has it.
    :raises BadInput: ``segment.*``.
    """
    return parse(campaign.audience, known or known_to(crm, campaign), "audience")


def searches_of(crm: Crm, references: Iterable[int]) -> dict[str, Any]:
    """Return the quick queries that a campaign's audience and goal stand on, as they are now.

    From its launch on a campaign asks what was confirmed, whatever becomes of them.
    """
    ids = sorted(references)
    query = segments.catalogue(crm).query if ids else None
    return {str(ident): query(ident) for ident in ids if query}


def present_of(crm: Crm, campaign: Campaign | None = None, at: datetime | None = None) -> Present:
    """Return the present, for the courses that the campaign's author is limited to.

    :param at: another instant to decide at.
    """
    scope = None if campaign is None or campaign.scope is None else frozenset(campaign.scope)
    if campaign is None:
        return segments.present(crm, at)
    return segments.present(crm, at, scope, campaign.created_by, campaign.contacts)


def confirmed_instant(crm: Crm, at: datetime | None) -> datetime | None:
    """Return the instant that a number of people was shown as of, while their audience may be decided at it.

    None for one that lies in the future or too far back.
    """
    now = crm.clock()
    return at if at is not None and now - CONFIRMED_FOR <= at <= now else None
