"""The campaign of one step for people who have one course in common: its file, with the cause's values."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from crm_plugin.automations.conditions import Row
from crm_plugin.automations.language.causes import CauseDate
from crm_plugin.automations.language.document import COURSE, ORDER, SEND, bound, cause_date
from crm_plugin.automations.steps.standing import Standing, cause_of
from crm_plugin.campaigns.composing.children import Child
from crm_plugin.campaigns.reporting.step_books import KIND
from crm_plugin.host.context import Crm
from crm_plugin.profiles.models.school import Course
from crm_plugin.profiles.store.enrolment_state import SEATED
from crm_plugin.profiles.store.host_info_cache import host_info
from crm_plugin.segments.language.documents import all_of, any_of, rows, rule


def child(
    crm: Crm,
    row: Row,
    index: int,
    course: Course | None,
    people: Sequence[Standing],
    ends: datetime | None,
) -> Child:
    """Return the campaign of a step for these people.

    :param ends: when the next message takes its place.
    """
    document, host_id = row.document, course.host_id if course else ""
    step = document["steps"][index][SEND]
    policy = dict(document["policy"])
    goal = goal_of(document, people, host_id)
    policy |= {"goal": goal} if goal is not None else {}
    policy |= {"expires_at": ends.isoformat()} if ends is not None else {}
    policy |= {"open_course": True} if document["open_course"] else {}
    file = {
        **content_of(crm, step, course),
        "name": f"{row.name[:180]} · {index + 1}",
        "audience": all_of(rule("id", "in", sorted(one.host_id for one in people))),
        **{"purpose": document["purpose"], "policy": policy},
    }
    file |= {"topic": document["topic"]} if document["topic"] is not None else {}
    return Child(
        *(KIND, row.id, file, row.created_by, row.scope, row.contacts),
        searches=row.searches,
        step=index,
    )


def content_of(crm: Crm, step: dict[str, Any], course: Course | None) -> dict[str, Any]:
    """Return channel and content of a step: about its own course, or the cause's."""
    found = dict(step)
    what = "class" if course is not None and course.kind == "class" else "course"
    if course is not None and not any(found.get(key) for key in ("course", "class")):
        # Texts of a class may speak of a course too: both names lead to its title.
        found |= {"course": course.host_id, what: course.host_id}
    if found.get("link") == COURSE:
        found["link"] = (crm.host.url(what, course.host_id) if course else None) or _home(crm)
    return found


def _home(crm: Crm) -> str:
    info = host_info(crm)
    return (info.base_url if info else "") or f"{crm.settings.public_url}/"


def goal_of(document: dict[str, Any], people: Sequence[Standing], course: str) -> dict[str, Any] | None:
    """Return the tree of those who need the message no longer; the ledger asks it at the last moment.

    Beside the automation's own goal: the order was paid or closed, the seat was given back.
    """
    cause, found = cause_of(people, course), []
    if document["goal"] is not None:
        found.append(bound(document["goal"], cause))
    about = cause_date(document["trigger"])
    over = _over(about, course) if about else None
    if over is not None:
        found.append(bound(over, cause))
    if not found:
        return None
    return found[0] if len(found) == 1 else any_of(*found)


def _over(about: CauseDate, course: str) -> dict[str, Any] | None:
    if about.key in ("order_created", "order_closes"):
        waiting = (rule("id", "=", ORDER), rule("state", "=", "pending"))
        return all_of(rows("orders", *waiting, mode="none"))
    if about.table == "enrolment" and about.stopped == "left" and course:
        mine = (rule("course_id", "=", COURSE), rule("role", "=", "learner"))
        gone = rows("enrolments", *mine, rule("end_kind", "in", ["refund", "removed", "left"]))
        seat = rows("enrolments", *mine, rule("state", "in", list(SEATED)), mode="none")
        return all_of(gone, seat)
    return None
