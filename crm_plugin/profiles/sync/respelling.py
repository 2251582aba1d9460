"""After an upgrade: what is stored follows changed rules of spelling, without reading the school again.

The texts of the school stand in our tables. What is made of them (folded texts, keys of addresses and
telephones) is made once more, a few rows at a time, and only what comes out otherwise is written.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.key_value import Kept, keep
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.staff import CrmTag
from crm_plugin.profiles.store import international_email
from crm_plugin.profiles.store.mapping import Columns, known, spelled, spelled_texts, spelled_value
from crm_plugin.profiles.store.normalise import fold
from crm_plugin.profiles.store.recompute_queue import touch
from crm_plugin.profiles.sync.stream_visit import region

log = logging.getLogger(__name__)

RULES = 2
"""Version of the rules of spelling; a higher one has every stored row looked at once."""
IDS = 2_000
"""Ids that are looked at in one transaction."""
_NAME = "profiles.spelling"
LONGEST_LABEL = 191

Spell = Callable[[Any, str | None], Columns | None]
"""Makes columns of a row of ours again, by the region of telephones; None = the row says nothing."""


@dataclass(frozen=True)
class Step:
    """A table, the column of ids that its rows are taken by, and what is made of a row."""

    model: Any
    key: str
    spell: Spell
    reads: tuple[str, ...] = ()
    """The columns that are looked at; empty = all, which a row needs that gets another key."""

    def select(self) -> sa.Select[Any]:
        """Return the rows of the table with what is looked at."""
        columns = self.model.__table__.c
        return sa.select(*(columns[name] for name in self.reads or columns.keys()))


def _value(row: Any, _region: str | None) -> Columns | None:
    text = known(row.value)
    return None if text is None else spelled_value(text)


def _reason(row: Any, _region: str | None) -> Columns:
    return spelled_texts(row, ("end_reason",), None)


def _words(row: Any, _region: str | None) -> Columns:
    return spelled_texts(row, ("source", "coupon"), m.FOLDED)


def _label(row: Any, _region: str | None) -> Columns | None:
    return None if known(row.value) is None else {"folded": fold(row.value, LONGEST_LABEL)}


_PERSON = ("id", "status", *spelled(r.Person("", "active"), None))

STEPS = (
    Step(m.Person, "id", spelled, _PERSON),
    Step(m.Course, "id", lambda row, _region: {"title_folded": fold(row.title)}),
    Step(m.Enrolment, "id", _reason, ("id", "person_id", "end_reason", "end_reason_folded")),
    Step(m.Order, "id", _words, ("id", "person_id", "source", "source_folded", "coupon", "coupon_folded")),
    Step(m.PersonAttribute, "person_id", _value),
    Step(m.PersonTag, "person_id", _label),
    Step(CrmTag, "person_id", _label),
    Step(m.CourseLabel, "course_id", _label),
)


def proceed(crm: Crm, until: float | None) -> int:
    """Go on where the last call ended, if rules have changed; return how many rows were written.

    :param until: the monotonic time at which to stop; None = when all is done.
    """
    written = 0
    with crm.db.read() as session:
        place = session.scalar(sa.select(Kept.value).where(Kept.name == _NAME))
    if _is_done(place):
        return 0
    try:
        by = region(crm)
    except Unavailable:
        return 0  # without its country no telephone can be read
    while until is None or time.monotonic() < until:
        changed, done = crm.db.run(lambda session: _next(session, by))
        written += changed
        if done:
            break
    if written:
        log.info("%d rows were spelled by the rules of this version", written)
    return written


def _is_done(place: Any) -> bool:
    return place is not None and place["rules"] == RULES and place["step"] >= len(STEPS)


def _next(session: Session, by: str | None) -> tuple[int, bool]:
    """Look at the next ids; return how many rows were written, and whether all is done."""
    # Locked: of two workers the second goes on behind the first.
    place = session.scalar(sa.select(Kept.value).where(Kept.name == _NAME).with_for_update())
    if place is None or place["rules"] != RULES:
        place = {"rules": RULES, "step": 0, "after": 0}
    if _is_done(place):
        return 0, True
    step, after = STEPS[place["step"]], place["after"]
    table = step.model.__table__
    key = table.c[step.key]
    changed = 0
    first = session.scalar(sa.select(sa.func.min(key)).where(key > after))
    if first is None:
        place = {"rules": RULES, "step": place["step"] + 1, "after": 0}
    else:
        last = first + IDS
        rows = session.execute(step.select().where(key.between(first, last)).order_by(key).with_for_update())
        changed = _write(session, step, rows.all(), by)
        place = {**place, "after": last}
    keep(session, _NAME, place)
    return changed, _is_done(place)


def _write(session: Session, step: Step, rows: Sequence[Any], by: str | None) -> int:
    """Write those rows that come out otherwise; return how many."""
    made = [(row, _spelled(step, row, by)) for row in rows if getattr(row, "status", "") != "erased"]
    if step.model is m.Person:
        international_email.withhold(session, [new for _, new in made if new])
    changed = [(row, new) for row, new in made if new is None or _differs(row, new)]
    table = step.model.__table__
    for row, new in changed:
        this = sa.and_(*(column == row._mapping[column.name] for column in table.primary_key))
        if new is not None and not any(column.name in new for column in table.primary_key):
            session.execute(sa.update(table).where(this).values(new))
            continue
        session.execute(sa.delete(table).where(this))
        if new is not None:
            # Two spellings may have become one.
            names = [column.name for column in table.primary_key]
            insert_missing(session, step.model, [{**row._mapping, **new}], key=names)
    owner = "id" if step.model is m.Person else "person_id"
    ids = {row._mapping[owner] for row, _ in changed if owner in row._mapping}
    touch(session, {id for id in ids if id is not None})
    return len(changed)


def _spelled(step: Step, row: Any, by: str | None) -> Columns | None:
    """Make columns of a row; one that this fails with stays as it is until the school changes it."""
    try:
        return step.spell(row, by)
    except Exception:
        log.warning("a row of %s cannot be spelled", step.model.__tablename__, exc_info=True)
        return {}


def _differs(row: Any, new: Columns) -> bool:
    held = row._mapping
    return any(held[name] != value for name, value in new.items())
