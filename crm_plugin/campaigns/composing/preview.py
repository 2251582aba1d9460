"""How a content looks for one real person, while it is being written; writes nothing and sends nothing."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import access
from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.prepared_campaign import audience_of, present_of
from crm_plugin.channels import service as channels
from crm_plugin.channels.base import Compiled, Made, Message, Problem, Recipient
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput, Clause, NotFound
from crm_plugin.links import service as links
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.course_scope import in_scope
from crm_plugin.profiles.store.masking import text_as_seen
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.sql.compile import people

EXAMPLE_CODE = "k7WQp2mXv9RtLe"
"""A short code of the usual length that leads nowhere: previews must be as long as what goes out."""


@dataclass(slots=True)
class Preview:
    """A rendered content, or why it cannot be rendered."""

    problems: list[Problem] = field(default_factory=list)
    message: Message | None = None
    person: str = ""
    """Whose data fill it in; empty when nobody is in the audience."""


def preview(
    crm: Crm,
    actor: Actor,
    campaign_id: int,
    content: Mapping[str, Any] | None = None,
    person_host_id: str | None = None,
) -> Preview:
    """Render a campaign's content for one person.

    :param content: what is being written; None = what the campaign holds.
    :param person_host_id: whose data fill it in; None, or a person that the actor may not see = the first of
        the ledger, before the launch of the audience.
    :raises NotFound: ``object.missing``.
    """
    with crm.db.read() as session:
        campaign = access.one(session, actor, campaign_id)
        content = campaign.content if content is None else content
        made = channels.compile_content(crm, session, campaign.channel, content, campaign.purpose)
        person = somebody(crm, session, actor, campaign, person_host_id) if made.compiled else None
        return rendered(crm, actor, content, made, person)


def rendered(
    crm: Crm, actor: Actor, content: Mapping[str, Any], made: Made, person: Person | None
) -> Preview:
    """Return the same of a content that was read.

    :param made: what the channel made of it.
    :param person: whose data fill it in, where there is somebody.
    """
    found, compiled = Preview(list(made.problems)), made.compiled
    if compiled is None:
        return found
    try:
        values = _values(crm, actor, person, content, compiled)
        short = [links.short_url(crm.settings, EXAMPLE_CODE) for _ in compiled.targets]
        host_id = person.host_id if person else ""
        found.message = compiled.render(Recipient("preview", host_id, "", values, short))
    except BadInput as error:
        found.problems.append(Problem(error.code, error.place, error.params))
    found.person = text_as_seen(actor, person.display_name) if person else ""
    return found


def somebody(
    crm: Crm,
    session: Session,
    actor: Actor,
    campaign: Campaign,
    host_id: str | None,
    audience: Tree | None = None,
) -> Person | None:
    """Return whose data fill a preview in: the one asked for if the actor may see them, else the first.

    :param audience: the campaign's own, where the caller has read it.
    """
    named = host_id if host_id and access.sees_person(session, actor, host_id) else None
    for each in dict.fromkeys((named, None)):
        with suppress(BadInput, NotFound):
            return person_for(crm, session, campaign, each, audience)
    return None


def person_for(
    crm: Crm, session: Session, campaign: Campaign, host_id: str | None, audience: Tree | None = None
) -> Person:
    """Return the person whose data fill a content: the named one, else the first of those who are to get it.

    :param audience: the campaign's own, where the caller has read it.
    :raises NotFound: ``object.missing``, also for somebody outside the campaign's courses.
    """
    if host_id is not None:
        scope = in_scope(Person.id, campaign.scope)
        query: sa.Select[Any] = sa.select(Person).where(
            Person.host_id == host_id, Person.status != "erased", scope
        )
    elif campaign.freeze_step == "done":
        query = _first_of_ledger(campaign.id)
    else:
        found = people(audience or audience_of(crm, campaign), present_of(crm, campaign))
        query = sa.select(Person).where(Person.id.in_(found)).order_by(Person.id).limit(1)
    person: Person | None = session.scalar(query)
    if person is None:
        raise NotFound("object.missing", kind=Clause("person"), id=host_id or "")
    return person


def _first_of_ledger(campaign_id: int) -> sa.Select[Any]:
    # By the person and not by the row: there is an index of campaign and person.
    mine = (Delivery.campaign_id == campaign_id, Delivery.state != "excluded")
    query = sa.select(Person).join(Delivery, Delivery.person_id == Person.id)
    return query.where(*mine).order_by(Delivery.person_id).limit(1)


def _values(
    crm: Crm, actor: Actor, person: Person | None, content: Mapping[str, Any], compiled: Compiled
) -> dict[str, str | None]:
    values: dict[str, str | None] = _seen(crm, actor, person, content)
    for name in (
        personalisation.required_of(compiled, content) if person else personalisation.columns_of(content)
    ):
        values[name] = values.get(name) or f"[{name}]"
    values["link"] = links.short_url(crm.settings, EXAMPLE_CODE) if content.get("link") else None
    values["unsubscribe"] = links.opt_out_url(crm.settings, EXAMPLE_CODE)
    return {name: value for name, value in values.items() if name in compiled.variables}


def _seen(crm: Crm, actor: Actor, person: Person | None, content: Mapping[str, Any]) -> dict[str, str | None]:
    if person is None:
        return {}
    with crm.db.read() as session:
        return personalisation.values_of(crm, session, actor, person, content)
