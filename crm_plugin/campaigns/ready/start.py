"""Starting a ready action: a draft with its audience, course, text, link and goal."""

from dataclasses import dataclass
from typing import Any

from crm_plugin.boards.board import one_course
from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.boards.board.tabs import Tab
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.document.default_policy import proposed
from crm_plugin.campaigns.document.goals import goal_of
from crm_plugin.campaigns.ready import actions, texts
from crm_plugin.campaigns.ready.actions import ReadyAction
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.channels.sms import templates as sms
from crm_plugin.channels.sms.template_states import APPROVED
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.i18n import SOURCE


@dataclass(frozen=True)
class Wanted:
    """A ready action that somebody asks for.

    :param channel: one of :data:`crm_plugin.channels.registry.CHANNELS`.
    :param target: the school's id of the course that an action with ``invites`` is about.
    :param locale: language of the text and of the draft's name.
    """

    action: str
    channel: str
    target: str = ""
    locale: str = SOURCE


def start(crm: Crm, actor: Actor, tab: Tab, wanted: Wanted, audience: dict[str, Any] | None = None) -> int:
    """Make a draft for the people of a tab; return its id.

    :param audience: some people of the tab, as a segment; None = all that the tab shows.
    :raises Refused: without ``crm.send``.
    :raises BadInput: ``input.bad``, ``campaign.unknown_channel``.
    :raises NotFound: ``object.missing`` for a course outside the actor's.
    """
    need(actor, "crm.send")
    action = actions.find(crm, tab.stage, wanted.action)
    if wanted.channel not in CHANNELS:
        raise BadInput(
            "campaign.unknown_channel", "channel", channel=wanted.channel, known=", ".join(CHANNELS)
        )
    about = _about(crm, actor, tab, action, wanted.target)
    document = {
        "name": f"{action.label.of(wanted.locale)}: {about.title}"[:120],
        "channel": wanted.channel,
        "purpose": action.purpose,
        "audience": audience or tab.tree,
        "policy": {**proposed(crm, action.purpose), "goal": goal_of(action.goal, about.host_id)},
        **_content(crm, action, wanted, about),
    }
    topic = drafts.usual_topic(crm, actor) if action.purpose == "marketing" else {}
    return drafts.create(crm, actor, document | topic)


def _about(crm: Crm, actor: Actor, tab: Tab, action: ReadyAction, target: str) -> BoardCourse:
    """Return the course or class that the message is about."""
    if not action.invites:
        return tab.course
    if not target:
        raise BadInput("input.bad", "target", reason=Clause("choose the course that it invites to"))
    with crm.db.read() as session:
        return one_course.find(session, actor, target)


def _content(crm: Crm, action: ReadyAction, wanted: Wanted, about: BoardCourse) -> dict[str, Any]:
    kind = "class" if about.kind == "class" else "course"
    found: dict[str, Any] = {kind: about.host_id, "link": crm.host.url(kind, about.host_id) or None}
    if wanted.channel == "sms":
        key = _template(crm, action, wanted.locale)
        # Templates of the stock name a course; a class stands in for it under that word.
        named = {"course_title": about.title} if kind == "class" else None
        return {**found, "template": key, "variables": named}
    text = texts.text_of(action.name, wanted.locale)
    words = dict.fromkeys(action.words, "") or None
    return {**found, **texts.content_of(text, wanted.channel, f"{kind}_title"), "variables": words}


def _template(crm: Crm, action: ReadyAction, locale: str) -> str | None:
    """Return the key of the action's SMS template, if the carrier takes it; None: the composer asks."""
    language = locale.split("-")[0].split("_")[0]
    with crm.db.read() as session:
        for key in (f"{action.template}-{language}", f"{action.template}-{SOURCE}"):
            found = sms.find(session, key, crm.settings.sms_carrier)
            if found is not None and found.state == APPROVED and not found.archived:
                return key
    return None
