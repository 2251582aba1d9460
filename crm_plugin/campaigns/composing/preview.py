"""How a content looks for one real person, while it is being written; writes nothing and sends nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from crm_plugin.campaigns import queries
from crm_plugin.campaigns.composing.test_send import person_for
from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.models import Campaign
from crm_plugin.channels import service as channel_service
from crm_plugin.channels.base import Compiled, Message, Problem, Recipient
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, NotFound
from crm_plugin.links import service as links
from crm_plugin.profiles.models.school import Person

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
    crm: Crm, campaign_id: int, content: Mapping[str, Any] | None = None, person_host_id: str | None = None
) -> Preview:
    """Render a campaign's content for one person.

    :param content: what is being written; None = what the draft holds.
    :param person_host_id: whose data fill it in; None, or nobody's = somebody of the audience.
    :raises NotFound: ``object.missing``.
    """
    with crm.db.read() as session:
        campaign = queries.one(session, campaign_id)
        content = campaign.content if content is None else content
        made = channel_service.compile_content(crm, session, campaign.channel, content, campaign.purpose)
        found = Preview(made.problems)
        if made.compiled is None:
            return found
        named = _somebody(crm, session, campaign, person_host_id) if person_host_id else None
        person = named or _somebody(crm, session, campaign, None)
        try:
            values = _values(crm, person, content, made.compiled)
            short = [links.short_url(crm.settings, EXAMPLE_CODE) for _ in made.compiled.targets]
            found.message = made.compiled.render(
                Recipient("preview", person.host_id if person else "", "", values, short)
            )
        except BadInput as error:
            found.problems.append(Problem(error.code, error.place, error.params))
    found.person = person.display_name if person else ""
    return found


def _somebody(crm: Crm, session: Session, campaign: Campaign, host_id: str | None) -> Person | None:
    try:
        return person_for(crm, session, campaign, host_id)
    except (BadInput, NotFound):
        return None


def _values(
    crm: Crm, person: Person | None, content: Mapping[str, Any], compiled: Compiled
) -> dict[str, str | None]:
    values: dict[str, str | None] = personalisation.values_of(person, content) if person else {}
    for name in (
        personalisation.required_of(compiled, content) if person else personalisation.columns_of(content)
    ):
        values[name] = values.get(name) or f"[{name}]"
    values["link"] = links.short_url(crm.settings, EXAMPLE_CODE) if content.get("link") else None
    values["unsubscribe"] = links.opt_out_url(crm.settings, EXAMPLE_CODE)
    return {name: value for name, value in values.items() if name in compiled.variables}
