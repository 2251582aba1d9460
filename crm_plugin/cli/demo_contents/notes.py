"""What staff of a demo wrote down about people: calls and notes, intentions, a tag."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_plugin.cli.demo_contents.past import Past
from crm_plugin.cli.demo_contents.staff import administrator, consultant
from crm_plugin.host.context import Crm
from crm_plugin.profiles.models.school import Course, Person, Signal
from crm_plugin.profiles.staff import follow_ups, purchase_intent, tags
from crm_plugin.profiles.store.host_info_cache import school_zone

_TAG = {"en": "Key account", "zh": "重点客户"}
NOTES = (
    (21, "call", None, {"en": "Wants to start in spring.", "zh": "打算明年春天开始学。"}, "low"),
    (15, "message", None, {"en": "Sent the timetable.", "zh": "已发课程表。"}, "medium"),
    (
        12,
        "call",
        0,
        {"en": "Compares us with two schools; call again.", "zh": "在和另外两家比较，需再联系。"},
        "high",
    ),
    (
        9,
        "visit",
        None,
        {"en": "Came to the open evening with a friend.", "zh": "和朋友一起来了开放日。"},
        "high",
    ),
    (8, "note", None, {"en": "The company pays; needs an invoice.", "zh": "公司报销，需要发票。"}, None),
    (6, "call", -1, {"en": "Asked for a payment in parts.", "zh": "询问能否分期付款。"}, "high"),
    (5, "call", 0, {"en": "Not reached; try after six.", "zh": "未接通，晚上六点后再打。"}, None),
    (4, "other", 2, {"en": "Waits for the date of the next group.", "zh": "等下一期的开课时间。"}, "medium"),
    (
        3,
        "call",
        1,
        {"en": "Unsure about the level; offer a trial.", "zh": "担心跟不上，建议先试听。"},
        "medium",
    ),
    (2, "message", 0, {"en": "Asked whether lessons are recorded.", "zh": "问课程有没有回放。"}, "high"),
    (1, "call", 5, {"en": "Decides next week.", "zh": "下周做决定。"}, "high"),
)
"""(days ago, kind, days until it is due, text, intention)."""


def seed(crm: Crm, language: str) -> None:
    """Write notes about people who looked at something lately, one each."""
    past, authors = Past(crm), (administrator(crm), consultant(crm))
    today = crm.clock().astimezone(school_zone(crm)).date()
    with crm.db.read() as session:
        people = _interested(session, len(NOTES))
    for place, ((person, course), note) in enumerate(zip(people, NOTES, strict=False)):
        (days, kind, due, text, level), actor = note, authors[place % 2]
        then = past.at(past.present - timedelta(days=days))
        due_on = None if due is None else today + timedelta(days=due)
        follow_ups.add(then, actor, person, follow_ups.Entry(kind, text[language], due_on))
        if level:
            purchase_intent.put(then, actor, person, course, level)
    chosen = select(Person.id).where(Person.id.in_([person for person, _ in people[::3]]))
    tags.put(crm, authors[0], chosen, _TAG[language])


def _interested(session: Session, count: int) -> list[tuple[int, str]]:
    """Return (person, the school's id of a course) of the last trials, one of each person."""
    trials = (
        select(Signal.person_id, Course.host_id)
        .join(Person, Person.id == Signal.person_id)
        .join(Course, Course.id == Signal.course_id)
        .where(Signal.kind == "trial", Person.status == "active")
        .order_by(Signal.at.desc())
    )
    found: dict[int, str] = {}
    for row in session.execute(trials.limit(5 * count)):
        found.setdefault(row.person_id, row.host_id)
    return list(found.items())[:count]
