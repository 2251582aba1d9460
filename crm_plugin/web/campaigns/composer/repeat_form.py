"""The card of the last step that lets a campaign repeat, as its form shows and says it."""

from dataclasses import dataclass, field
from typing import Any

from flask import request

from crm_plugin.automations.recurring import queries
from crm_plugin.automations.recurring.rhythm import EVERY
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.kernel.errors import CrmError, NotFound
from crm_plugin.kernel.storable import is_whole
from crm_plugin.web.campaigns.composer.policy import zone_of
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import explain


@dataclass(frozen=True)
class RepeatForm:
    """What the card shows."""

    every: str = "week"
    weekdays: tuple[int, ...] = (0,)
    month_day: str = "1"
    at: str = "10:00"
    once: bool = False
    wrong: dict[str, str] = field(default_factory=dict)
    """Place of a mistake → what is wrong there."""


def shown(draft: CampaignRow, problem: CrmError | None = None) -> dict[str, Any]:
    """Return what the card shows: what was typed, else how it repeated until now, else the usual."""
    zone = zone_of(draft)
    return {
        "repeat": _typed(problem) if problem else _kept(draft),
        "rhythms": EVERY,
        "weekday_names": formatting.weekdays(),
        "repeat_zone": formatting.named_zone(zone),
        "repeats": draft.kind == "recurring",
    }


def _kept(draft: CampaignRow) -> RepeatForm:
    once = bool(draft.policy.get("once"))
    try:
        rhythm = queries.get(crm(), actor(), draft.id).rhythm
    except NotFound:
        return RepeatForm(once=once)
    days = {"weekdays": rhythm.days} if rhythm.every == "week" else {}
    month = {"month_day": str(rhythm.days[0])} if rhythm.every == "month" else {}
    return RepeatForm(every=rhythm.every, at=rhythm.at, once=once, **days, **month)  # type: ignore[arg-type]


def _typed(problem: CrmError) -> RepeatForm:
    form = request.form
    return RepeatForm(
        form.get("every", ""),
        tuple(int(one) for one in form.getlist("weekday") if is_whole(one)),
        form.get("month_day", ""),
        form.get("clock", ""),
        bool(form.get("once")),
        {problem.place or "confirm": explain(problem, placed=False)},
    )


def rhythm_asked(draft: CampaignRow) -> dict[str, Any]:
    """Return the rhythm that the form says, as it is read."""
    form, zone = request.form, zone_of(draft).key
    every = form.get("every", "")
    chosen = form.getlist("weekday") if every == "week" else [form.get("month_day", "")]
    days = [int(one) for one in chosen if is_whole(one)]
    return {"every": every, "days": days, "at": form.get("clock", "")[:5], "zone": zone}
