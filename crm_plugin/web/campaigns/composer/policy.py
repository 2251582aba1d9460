"""The third step: which people to leave out, until when, how fast, and when it starts, in a named zone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from flask import Response, request
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns.document.default_policy import proposed
from crm_plugin.campaigns.document.goals import GOALS, goal_of, recognise
from crm_plugin.campaigns.policy.fields import Field
from crm_plugin.campaigns.policy.rules import FIELDS
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.kernel.errors import BadInput, Clause, CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.consent.topics import TopicRow
from crm_plugin.profiles.store.host_info_cache import region_of, school_zone
from crm_plugin.web.campaigns.composer.form import policy_of
from crm_plugin.web.campaigns.composer.steps import answer, draft_of, onward, save, show
from crm_plugin.web.segments import links
from crm_plugin.web.segments.pickers import course_named
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.guard import Routes, crm, is_htmx

ROUTES = Routes()

GOAL_WORDS = {
    "bought": Text("People who bought %(title)s"),
    "seated": Text("People enrolled in %(title)s"),
    "settled": Text("People without an unpaid order for %(title)s"),
    "finished": Text("People who completed %(title)s"),
    "learned": Text("People who completed %(title)s, or learned in the last 3 days"),
}


@ROUTES.page("/campaigns/<int:ident>/policy", "crm.send")
def compose_policy(ident: int) -> ResponseReturnValue:
    """Show the third step."""
    return _page(draft_of(ident))


def _page(draft: CampaignRow, problem: CrmError | None = None) -> Response:
    policy = draft.policy
    expires = policy.get("expires_at")
    zone = zone_of(draft)
    return show(
        "policy",
        draft,
        problem,
        policy={key: policy.get(key) for key in ("quiet_hours", "rate")},
        rules=[_boxes(field, field.read(policy)) for field in FIELDS],
        holdout=f"{draft.holdout * 100:g}" if draft.holdout else "",
        expires_at=_local(datetime.fromisoformat(expires) if expires else None, zone),
        planned_at=_local(draft.planned_at, zone),
        zone=zone.key,
        usual_zones=list(dict.fromkeys((zone.key, school_zone(crm()).key, formatting.zone().key, "UTC"))),
        zones=sorted(available_timezones() - {"localtime"}),
        region=formatting.country(region_of(crm())),
        proposed=proposed(crm(), draft.purpose),
        topics=_topics(draft),
        **_goals(draft),
    )


def _boxes(field: Field, numbers: Sequence[int] | None) -> dict[str, Any]:
    """Return a rule with the boxes that ask for its numbers; beside an empty first one stand the usual."""
    values: Sequence[int | str] = numbers or ["", *(one.proposed or "" for one in field.numbers[1:])]
    boxes = [
        {"name": name, "value": value, "label": number.label, "unit": number.unit}
        for (name, number), value in zip(field.inputs(), values, strict=True)
    ]
    return {"label": field.label, "hint": field.hint, "boxes": boxes}


def _topics(draft: CampaignRow) -> list[TopicRow]:
    """Return the topics to choose from: those on offer, and the one that an older draft has."""
    with crm().db.read() as session:
        return [row for row in topics.every(session) if not row.archived or row.id == draft.topic_id]


def zone_of(draft: CampaignRow) -> ZoneInfo:
    """Return the zone that a campaign's times are thought of in: the one named in it, else the school's."""
    return ZoneInfo(draft.zone) if draft.zone else school_zone(crm())


def _local(value: datetime | None, zone: ZoneInfo) -> str:
    return value.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if value else ""


def _goals(draft: CampaignRow) -> dict[str, Any]:
    """Return the goals that the draft's course and class offer, and the one it has."""
    offered, goal = [], draft.policy.get("goal")
    chosen = "keep" if goal else ""
    for course in (draft.content.get("course"), draft.content.get("class")):
        if course:
            title = course_named(course)[1]
            offered += [(f"{name}:{course}", GOAL_WORDS[name], title) for name in GOALS]
            known = recognise(goal, course)
            chosen = f"{known}:{course}" if known else chosen
    sentence = links.sentence(goal) if goal and chosen == "keep" else ""
    return {"goals": offered, "goal": chosen, "goal_sentence": sentence}


def _goal(name: str) -> dict[str, Any] | None:
    """Return the goal that the form names, such as ``bought:c1``; None for an empty name."""
    kind, _, course = name.partition(":")
    return goal_of(kind, course) if name else None


@ROUTES.page("/campaigns/<int:ident>/policy/save", "crm.send", post=True)
def compose_policy_save(ident: int) -> ResponseReturnValue:
    """Save the third step, or put the region's proposals in the place of its rules (``propose``)."""
    draft, problem = draft_of(ident), None
    try:
        draft = save(draft, _changes(draft))
    except CrmError as error:
        problem = error
    if is_htmx():
        return answer(draft, problem)
    if problem:
        return _page(draft, problem)
    return onward(ident, "policy" if request.form.get("propose") else "check")


def _changes(draft: CampaignRow) -> dict[str, Any]:
    changes = policy_of(request.form, draft.policy, _goal)
    if request.form.get("when") == "later" and not changes["at"] and not is_htmx():
        raise BadInput("campaign.bad_value", "at", reason=Clause("expected a date and a time"))
    if draft.purpose == "marketing" and "topic" in request.form:
        changes["topic"] = request.form.get("topic", type=whole)
    if request.form.get("propose"):
        changes["policy"] = {**changes["policy"], **proposed(crm(), draft.purpose)}
    return changes
