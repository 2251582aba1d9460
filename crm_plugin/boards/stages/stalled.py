"""Learners who fall behind the median pace of their course.

The *pace* of a learner is the share of the course that they did a day since their access began, until they
finished. The *median pace* is that of the newest :data:`NEWEST` seats. A learner is *stalled* when they
have not finished and their pace is under half of it.
"""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from crm_plugin.boards.stages.questions import Asked, Select
from crm_plugin.kernel.db.sql_clock import seconds_between
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models import school as m
from crm_plugin.segments.language.value_types import Condition

NEWEST = 5_000
"""So many seats of a course count for its median pace."""
FEWEST = 5
"""With fewer seats there is no median to compare with."""
HALF = "0.499999"
"""Half, less what the databases round: exactly half of the pace is no stall on any of them."""
_ONE: Any = sa.literal_column("1.0")
_DAY: Any = sa.literal_column("86400.0")


def stalled(asked: Asked, learning: Any) -> Select:
    """Return ``SELECT person_id, root_id`` of the learners who fall behind.

    :param learning: (seat, question) → the conditions that a seat is one of a learner whose access has begun.
    """
    learners, medians = _learners(asked, learning), _medians(replace(asked, people=None), learning)
    slow, usual = learners.c, medians.c
    found = sa.select(slow.person_id, slow.root_id).join(medians, usual.root_id == slow.root_id)
    pace = _pace(asked, slow.progress, slow.since, sa.literal(asked.present.as_of, UtcDateTime))
    begun = (slow.since.is_not(None), slow.finished.is_(None))
    return found.where(*begun, pace < usual.pace * sa.literal_column(HALF))


def _learners(asked: Asked, learning: Any) -> Any:
    """Return the learners; of several seats, what is best for them."""
    seat = aliased(m.Enrolment)
    figures = (
        sa.func.max(seat.progress).label("progress"),
        sa.func.min(_since(seat), type_=UtcDateTime()).label("since"),
        sa.func.max(seat.completed_at, type_=UtcDateTime()).label("finished"),
    )
    found = asked.pairs(seat).add_columns(*figures).where(*learning(seat, asked))
    return found.group_by(seat.person_id, seat.root_id).subquery("learner")


def _medians(asked: Asked, learning: Any) -> Any:
    """Return the median pace of each course with enough seats: the mean of the one or two in the middle."""
    seat = aliased(m.Enrolment)
    present = sa.literal(asked.present.as_of, UtcDateTime)
    until = sa.func.coalesce(seat.completed_at, present, type_=UtcDateTime())
    known: list[Condition] = [seat.progress.is_not(None), _since(seat).is_not(None)]
    newest = sa.func.row_number().over(partition_by=seat.root_id, order_by=seat.id.desc())
    paces = asked.pairs(seat).add_columns(
        _pace(asked, seat.progress, _since(seat), until).label("pace"), newest.label("nth")
    )
    new = paces.where(*learning(seat, asked), *known).subquery("newest").c
    place = sa.func.row_number().over(partition_by=new.root_id, order_by=new.pace)
    number = sa.func.count().over(partition_by=new.root_id)
    ordered = sa.select(new.root_id, new.pace, place.label("place"), number.label("number"))
    row = ordered.where(new.nth <= NEWEST).subquery("ordered").c
    middle = (row.place * 2 >= row.number, row.place * 2 <= row.number + 2)
    means = sa.select(row.root_id, sa.func.avg(row.pace).label("pace")).where(row.number >= FEWEST, *middle)
    return means.group_by(row.root_id).subquery("usual")


def _since(seat: Any) -> Any:
    return sa.func.coalesce(seat.starts_at, seat.enrolled_at, type_=UtcDateTime())


def _pace(asked: Asked, progress: Any, since: Any, until: Any) -> Any:
    days = seconds_between(asked.present.dialect.name, since, until) / _DAY
    return progress / sa.case((days > _ONE, days), else_=_ONE)
