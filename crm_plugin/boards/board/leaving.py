"""Why people left a course over time: months by reasons, each number with the filters that open its people.

It is counted over the people of the tab *left*. Somebody with two seats that ended in one month for two
reasons is in both numbers, as they are in both lists. A reason is the text that the school keeps; where there
is none, how the seat ended.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.board.columns.left import ends
from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.boards.stages.stage_rows import LEFT
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import Enrolment
from crm_plugin.profiles.store.enrolment_state import end_kind_at, end_time_at
from crm_plugin.profiles.store.host_info_cache import school_zone
from crm_plugin.profiles.store.masking import may_see_contacts, without_contacts
from crm_plugin.segments import service
from crm_plugin.segments.language.documents import Document

MONTHS = 12
"""Months that are shown, the present one included."""
NAMED = 6
"""Reasons that stand by themselves; all others are one more."""
LONGEST = 60
"""Letters (on some databases, bytes) of a reason that stands by itself."""


@dataclass(frozen=True)
class Reason:
    """Why people left.

    :param key: the filter ``reason`` that finds them.
    :param text: as the school keeps it; empty = none, or all other reasons.
    :param kind: how their seats ended, where no text is kept.
    """

    key: str
    text: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Leaving:
    """Numbers of people by month and reason.

    :param months: such as ``2026-10``, the first first.
    :param counts: (month, key of a reason) → people; a missing pair = nobody.
    :param totals: key of a reason → people in all these months, each once.
    """

    months: tuple[str, ...]
    reasons: tuple[Reason, ...]
    counts: Mapping[tuple[str, str], int]
    totals: Mapping[str, int]


def of_course(crm: Crm, actor: Actor, course: BoardCourse, tree: Document) -> Leaving:
    """Return why the people of a tab left.

    :param tree: the tab's segment.
    """
    at = crm.clock()
    months, starts = _months(at, school_zone(crm))
    ended_at: Any = sa.type_coerce(end_time_at(Enrolment, at), UtcDateTime)
    month = sa.case(*((ended_at < end, name) for name, end in zip(months, starts[1:], strict=True)))
    people = service.selected(crm, tree, at, actor).people
    wanted = *ends(course, at, LEFT), Enrolment.person_id.in_(people), ended_at >= starts[0]
    seats = (
        sa.select(
            Enrolment.person_id,
            month.label("month"),
            _text(may_see_contacts(actor)).label("folded"),
            Enrolment.end_reason.label("text"),
            end_kind_at(Enrolment, at).label("kind"),
        )
        .where(*wanted)
        .subquery()
    )
    with crm.db.read() as session:
        texts = _top(session, seats)
        keyed = _keyed(seats, [folded for folded, _text in texts])
        totals = {key: int(count) for key, count in _grouped(session, keyed, keyed.c.key)}
        counts = {(*by,): int(n) for *by, n in _grouped(session, keyed, keyed.c.month, keyed.c.key)}
    return Leaving(months, _reasons(texts, totals), counts, totals)


def _months(at: datetime, zone: ZoneInfo) -> tuple[tuple[str, ...], list[datetime]]:
    """Return the months, and the instants at which they begin, and at which the last one ends."""
    today = at.astimezone(zone).date()
    last = today.year * 12 + today.month - 1
    firsts = [date(one // 12, one % 12 + 1, 1) for one in range(last - MONTHS + 1, last + 2)]
    starts = [datetime(one.year, one.month, 1, tzinfo=zone) for one in firsts]
    return tuple(f"{one:%Y-%m}" for one in firsts[:-1]), starts


def _text(contacts: bool) -> Any:
    column = Enrolment.end_reason_folded
    seen: Any = column if contacts else without_contacts(column)
    return sa.func.nullif(seen, "", type_=column.type)


def _top(session: Session, seats: Any) -> list[tuple[str, str]]:
    folded = seats.c.folded
    query = (
        sa.select(folded, sa.func.min(seats.c.text))
        .where(folded.is_not(None), sa.func.length(folded) <= LONGEST)
        .group_by(folded)
        .order_by(sa.func.count(sa.distinct(seats.c.person_id)).desc(), folded)
    )
    return [(folded, text) for folded, text in session.execute(query.limit(NAMED))]


def _keyed(seats: Any, texts: list[str]) -> Any:
    """Return the seats with the key of their reason, as a table of its own to group by."""
    folded = seats.c.folded
    named = [(folded == text, f"text:{text}") for text in texts]
    ways = sa.case(*((seats.c.kind == kind, f"kind:{kind}") for kind in LEFT))
    key = sa.case((folded.is_(None), ways), *named, else_=_other(texts))
    return sa.select(seats.c.person_id, seats.c.month, key.label("key")).subquery()


def _other(texts: list[str]) -> str:
    return "other:" + json.dumps(texts, ensure_ascii=False, separators=(",", ":"))


def _grouped(session: Session, keyed: Any, *by: Any) -> Any:
    people = sa.func.count(sa.distinct(keyed.c.person_id))
    return session.execute(sa.select(*by, people).group_by(*by))


def _reasons(texts: list[tuple[str, str]], totals: Mapping[str, int]) -> tuple[Reason, ...]:
    known = [Reason(f"text:{folded}", text=text) for folded, text in texts]
    known += [Reason(f"kind:{kind}", kind=kind) for kind in LEFT]
    known.append(Reason(_other([folded for folded, _text in texts])))
    return tuple(one for one in known if totals.get(one.key))
