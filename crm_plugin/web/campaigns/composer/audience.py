"""The first step: name, audience, channel, purpose; beside it, how many people that would reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from crm_plugin.boards.stages import stage_trees
from crm_plugin.campaigns.launch.reach import funnel
from crm_plugin.campaigns.policy.rules import REST
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.storable import is_whole
from crm_plugin.segments.language import mentions
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.web.campaigns.composer.steps import answer, draft_of, onward, save, show
from crm_plugin.web.campaigns.composer.variables import KEYS
from crm_plugin.web.segments import links
from crm_plugin.web.segments.builder.fields import menus
from crm_plugin.web.segments.builder.form import EVERYBODY, Tree
from crm_plugin.web.segments.pickers import course_named, person_named
from crm_plugin.web.segments.presets import PRESETS, Preset
from crm_plugin.web.shell.guard import Routes, actor, crm, is_htmx
from crm_plugin.web.shell.i18n import explain
from crm_plugin.web.shell.rendering import fragment

ROUTES = Routes()

NOTES = {
    "sms": Text("An approved text to the telephone."),
    "email": Text("HTML and plain text, with an opt-out link."),
    "message": Text("A message in the school's own inbox."),
}
STAGES = {
    "potential": Text("Interested, not enrolled"),
    "pending": Text("With an unpaid order"),
    "upcoming": Text("Enrolled, begins later"),
    "learners": Text("Enrolled now"),
    "left": Text("Refunded, removed or left"),
    "expired": Text("Access ran out"),
    "closed_unpaid": Text("Order closed unpaid"),
}
MANY = 200_000
"""People up to which the reach of every channel is worked out, and not only of the chosen one."""


@dataclass(frozen=True)
class Source:
    """Where the audience of a draft comes from, as the form shows it."""

    kind: str
    """``preset query course person search``."""
    preset: str = ""
    query: int | None = None
    stage: str = "potential"
    course: tuple[str, str] | None = None
    person: tuple[str, str] | None = None
    """(the school's id, name)."""


def source_of(tree: Mapping[str, Any]) -> Source:
    """Return what a draft's segment is in the words of the form."""
    preset = next((one.key for one in PRESETS if one.tree == tree), None)
    if preset is not None:
        return Source("preset", preset=preset)
    rules = tree.get("rules", [])
    only = rules[0] if len(rules) == 1 and not tree.get("not") else {}
    if only.get("field") == "segment" and only.get("operator") == "=":
        return Source("query", query=int(only["value"]))
    if only.get("field") == "id" and only.get("operator") == "=":
        return Source("person", person=person_named(str(only["value"])))
    found = stage_trees.recognise(tree)
    if found is not None:
        return Source("course", stage=found[0], course=course_named(found[1]))
    return Source("search")


def presets_known() -> list[Preset]:
    """Return the usual segments that the school's data allow."""
    offered = menus()
    return [
        one
        for one in PRESETS
        if all(offered.find(rule.get("field", "last_active_at")) for rule in one.tree["rules"])
    ]


def _stages_known() -> dict[str, Text]:
    """Return the stages that the school's data allow, with their words."""
    offered = menus()
    return {stage: label for stage, label in STAGES.items() if offered.find(stage_trees.FIELD + stage)}


def _audience_of(form: Mapping[str, str], before: Tree) -> Tree:
    """Return the segment that a form says; what is not filled in yet leaves it as it is."""
    source, query = form.get("source"), form.get("query", "")
    if source == "preset":
        return next((one.tree for one in PRESETS if one.key == form.get("preset")), before)
    if source == "query" and is_whole(query):
        return all_of(rule("segment", "=", int(query)))
    if source == "person" and form.get("person"):
        return all_of(rule("id", "=", form["person"]))
    if source == "course" and form.get("course"):
        return stage_trees.people_of(form.get("stage", "potential"), form["course"])
    return before


def _changes(draft: CampaignRow) -> dict[str, Any]:
    form = request.form
    changes: dict[str, Any] = {name: form[name] for name in ("name", "channel", "purpose") if name in form}
    if draft.kind != "single":
        changes["audience"] = _audience_of(form, draft.audience)
    if changes.get("purpose") == "service":
        changes["topic"] = None  # what people need for their courses is no matter of taste
    if changes.get("channel", draft.channel) != draft.channel:
        # A text for one channel is none for another: only the link and its course are kept.
        changes |= dict.fromkeys(("template", "subject", "html", "text", *KEYS, "lacking"))
    return changes


@ROUTES.page("/campaigns/<int:ident>/audience", "crm.send")
def compose_audience(ident: int) -> ResponseReturnValue:
    """Show the first step."""
    return _page(draft_of(ident))


def _page(draft: CampaignRow, problem: CrmError | None = None) -> Response:
    return show(
        "audience",
        draft,
        problem,
        channels=[(name, NOTES.get(name, "")) for name in CHANNELS],
        presets=presets_known(),
        queries=links.saved(),
        source=source_of(draft.audience),
        stages=_stages_known(),
        edit_href=links.address(mentions.as_seen(actor(), draft.audience), draft=draft.id),
        new_href=links.address(EVERYBODY, draft=draft.id),
        oob=False,
        **_reach(draft, counted="count" in request.args),
    )


@ROUTES.page("/campaigns/<int:ident>/audience/save", "crm.send", post=True)
def compose_audience_save(ident: int) -> ResponseReturnValue:
    """Save the first step."""
    draft, problem = draft_of(ident), None
    try:
        draft = save(draft, _changes(draft))
    except CrmError as error:
        problem = error
    if is_htmx():
        reach = fragment("campaigns/composer/audience_reach.html", draft=draft, oob=True, **_reach(draft))
        return answer(draft, problem, reach)
    return _page(draft, problem) if problem else onward(ident, "content")


@ROUTES.page("/campaigns/<int:ident>/reach", "crm.send")
def compose_reach(ident: int) -> ResponseReturnValue:
    """Return how many people the audience has, and how many of them each channel reaches."""
    draft = draft_of(ident)
    return fragment(
        "campaigns/composer/audience_reach.html", draft=draft, oob=False, **_reach(draft, counted=True)
    )


def _reach(draft: CampaignRow, counted: bool = False) -> dict[str, Any]:
    """Return the card beside the form; without ``counted`` it asks for its numbers by itself."""
    shown: dict[str, Any] = {"sentence": links.sentence(draft.audience)}
    shown |= {"counted": counted, "matched": None, "reached": [], "reach_problem": ""}
    if not counted:
        return shown
    try:
        chosen = _left(draft, draft.channel)
        others = [name for name in CHANNELS if name != draft.channel and chosen[0] <= MANY]
        reached = {draft.channel: chosen[1], **{name: _left(draft, name)[1] for name in others}}
    except CrmError as error:
        return {**shown, "reach_problem": explain(error)}
    shown["reached"] = [(name, reached[name]) for name in CHANNELS if name in reached]
    return {**shown, "matched": chosen[0]}


def _left(draft: CampaignRow, channel: str) -> tuple[int, int]:
    days = draft.policy.get(REST.key) or 0
    steps = funnel(crm(), draft.audience, channel, days, actor(), topic=draft.topic_id).steps
    return steps["matched"], steps["reached"]
