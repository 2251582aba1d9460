"""Sends the campaigns of the last weeks, each with the clock of its day; the outbox takes all of them."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.cli.demo_contents import reactions
from crm_plugin.cli.demo_contents.past import Past
from crm_plugin.cli.demo_contents.staff import administrator, consultant
from crm_plugin.cli.demo_contents.stories import DRAFT, STORIES, Story
from crm_plugin.demo.models import Message
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.clock import system_clock
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.store.host_info_cache import school_zone

_POLICY = {"leave_out_days": 4, "cap": {"n": 6, "days": 30}}
_GREETINGS = {
    "en": ("Hello {{ display_name }},", "Have a look"),
    "zh": ("{{ display_name }}，您好：", "点击查看"),
}
_LONGEST = 60.0
"""Seconds that sending one of them may take at most."""


def seed(crm: Crm, language: str) -> None:
    """Send what is past, with what people did about it, plan what is to come, and leave a draft."""
    zone, authors, past = school_zone(crm), (administrator(crm), consultant(crm)), Past(crm)
    for place, story in enumerate(STORIES):
        at = crm.clock() - timedelta(days=story.days)
        at = at.astimezone(zone).replace(hour=10 + place % 7, minute=place * 13 % 60)
        then, author = past.at(min(at, past.present)), authors[place % 3 == 1]
        planned = {"at": at.isoformat()} if story.days < 0 else {}
        ident = _launched(then, author, {**file_of(crm, story, language), **planned})
        if ident is not None and not planned:
            _send(then, ident, story.channel, int(at.timestamp()))
            reactions.seed(past, ident, story, language)
    drafts.create(crm, authors[1], file_of(crm, DRAFT, language))


def _launched(crm: Crm, actor: Actor, file: dict[str, Any]) -> int | None:
    """Make a campaign and launch it; None where nobody is in its audience, as in a very small school."""
    ident = drafts.create(crm, actor, file)
    try:
        service.launch(crm, actor, ident)
    except BadInput as error:
        if error.code != "campaign.empty_audience":
            raise
        drafts.remove(crm, actor, ident)
        return None
    return ident


def _send(past: Crm, ident: int, channel: str, at: int) -> None:
    began = int(system_clock().timestamp())
    freeze(past, ident)
    drain(past, ident, _LONGEST)
    if channel == "message":
        # The school dates what it takes by its own clock, which nobody can turn back.
        mine = update(Message).where(Message.sent_at >= began)
        past.db.run(lambda session: session.execute(mine.values(sent_at=at)))


def file_of(crm: Crm, story: Story, language: str) -> dict[str, Any]:
    """Return the campaign file of a story."""
    link = f"{crm.settings.host_base_url}/{story.path}"
    file = {"name": story.name[language], "channel": story.channel, "audience": story.audience, "link": link}
    if story.template:
        file["template"] = f"{story.template}-{language}"
    if story.variables:
        file["variables"] = {"date": story.variables[language]}
    if story.subject:
        file["subject"] = story.subject[language]
    if story.text:
        text = story.text[language]
        file |= {"html": _letter(text, language)} if story.channel == "email" else {"text": text}
    policy = {} if story.more.get("purpose") == "service" else {"policy": _POLICY}
    return {**file, **policy, **story.more}


def _letter(text: str, language: str) -> str:
    greeting, button = _GREETINGS[language]
    return f'<h2>{greeting}</h2><p>{text}</p><p><a href="{{{{ link }}}}">{button}</a></p>'
