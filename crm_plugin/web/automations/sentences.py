"""An automation as a list of sentences: what starts it, each step, and the goal that ends it."""

import re
from collections.abc import Mapping
from typing import Any

from crm_plugin.automations import ready_made
from crm_plugin.automations.language.causes import DATES
from crm_plugin.automations.language.document import COURSE, Cause, bound
from crm_plugin.campaigns.document.goals import GOALS, goal_of
from crm_plugin.channels.sms import templates as sms
from crm_plugin.kernel.i18n import Text
from crm_plugin.web.campaigns.composer.audience import STAGES
from crm_plugin.web.campaigns.composer.policy import GOAL_WORDS
from crm_plugin.web.campaigns.composer.variables import TITLES, sources
from crm_plugin.web.segments import links
from crm_plugin.web.segments.pickers import course_named
from crm_plugin.web.shell.guard import crm
from crm_plugin.web.shell.i18n import plain, say
from crm_plugin.web.shell.vocabulary import word

Json = Mapping[str, Any]

_SHIPPED = {
    "unpaid_order": Text("People enrolled in the course"),
    "unfinished_course": Text("People who learn again or complete the course"),
    "access_ends": Text("People who prolong their access"),
    "membership_ends": Text("People who renew their membership"),
}
RENEWED = "renewed"
_SPANS = {
    "minute": (Text("%(num)s minute"), Text("%(num)s minutes")),
    "hour": (Text("%(num)s hour"), Text("%(num)s hours")),
    "day": (Text("%(num)s day"), Text("%(num)s days")),
    "week": (Text("%(num)s week"), Text("%(num)s weeks")),
    "month": (Text("%(num)s month"), Text("%(num)s months")),
}


def goals(has_course: bool, on_membership: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return name → (words, tree) of the goals that an automation may choose from.

    :param has_course: what starts it is about a course.
    :param on_membership: what starts it is the end of a membership.
    """
    course = say("the course it is about")
    names = GOALS if has_course else ()
    found = {name: (say(GOAL_WORDS[name], title=course), goal_of(name, COURSE)) for name in names}
    if on_membership:
        found[RENEWED] = (plain(_SHIPPED["membership_ends"]), ready_made.RENEWED)
    return found


def span_words(n: int, unit: str) -> str:
    """Return a length of time, such as "14 days"."""
    one, many = _SPANS[unit]
    return say(one if n == 1 else many, num=n)


def condition_words(tree: Any) -> str:
    """Return a condition of an automation; the course of the cause is called so."""
    cause = Cause(COURSE, ("@order",), "2000-01-01T00:00:00Z", "@level")
    return links.sentence(bound(tree, cause)).replace(COURSE, say("the course it is about"))


def goal_words(tree: Any) -> str:
    """Return which people stop because they have what it is for."""
    shipped = {key: (plain(text), ready_made.READY_MADE[key].goal) for key, text in _SHIPPED.items()}
    known = {**shipped, **goals(has_course=True, on_membership=True)}
    return next((words for words, one in known.values() if one == tree), "") or condition_words(tree)


def trigger_words(trigger: Json) -> str:
    """Return what starts it."""
    found = _WORDS[trigger["on"]](trigger)
    if trigger.get("where"):
        found = say(
            "%(cause)s, and they match: %(condition)s", cause=found, condition=_said(trigger["where"])
        )
    return found


def _said(tree: Any) -> str:
    return condition_words(tree)


def _segment(trigger: Json) -> str:
    return say("When somebody begins to match: %(condition)s", condition=condition_words(trigger["segment"]))


def _about(course: str | None) -> str:
    return say("“%(title)s”", title=course_named(course)[1]) if course else say("any course or class")


def _stage(trigger: Json) -> str:
    stage = plain(STAGES[trigger["stage"]])
    return say(
        "When somebody enters “%(stage)s” of %(course)s", stage=stage, course=_about(trigger.get("course"))
    )


def _date(trigger: Json) -> str:
    date = DATES[trigger["date"]]
    params = {"span": span_words(trigger["n"], trigger["unit"]), "date": plain(date.label)}
    if not trigger["n"]:
        found = say("From the moment of %(date)s", date=params["date"])
    elif trigger["side"] == "before":
        found = say("%(span)s before %(date)s", **params)
    else:
        found = say("%(span)s after %(date)s", **params)
    if trigger.get("at"):
        found = say("%(cause)s, at %(time)s", cause=found, time=trigger["at"])
    if trigger.get("course"):
        found = say("%(cause)s, only for %(course)s", cause=found, course=_about(trigger["course"]))
    return found


_WORDS = {"segment": _segment, "stage": _stage, "date": _date}


def step_words(step: Json) -> str:
    """Return what a step does."""
    if "wait" in step:
        wait = step["wait"]
        text = (
            say("Wait until %(span)s before it closes or ends", span=span_words(wait["n"], wait["unit"]))
            if wait["before"]
            else say("Wait %(span)s", span=span_words(wait["n"], wait["unit"]))
        )
        return text
    if "if" in step:
        condition = condition_words(step["if"])
        if step["else"] == "skip":
            return say(
                "Leave the next step out for people who do not match: %(condition)s", condition=condition
            )
        return say("Go on only with people who match: %(condition)s", condition=condition)
    send = step["send"]
    channel = word("channel", send["channel"])
    return say("Send the %(channel)s “%(what)s”", channel=channel, what=_what(send))


def _what(send: Json) -> str:
    if send["channel"] == "sms":
        with crm().db.read() as session:
            found = sms.find(session, str(send.get("template") or ""), crm().settings.sms_carrier)
        return found.name if found else str(send.get("template") or "…")
    said = _BLANK.sub(_blank_words, str(send.get("subject") or send.get("text") or "…"))
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


_LONGEST = 60
_BLANK = re.compile(r"\{\{ *(\w+)[^}]*\}\}")


def _blank_words(found: re.Match[str]) -> str:
    """Return a blank of a text as its reader calls it."""
    name = found[1]
    if name in TITLES:
        return f"[{plain(TITLES[name])}]"
    return f"[{dict(sources()).get(name, name)}]"
