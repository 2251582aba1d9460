"""The list of people whose facts are to be computed again."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.bulk import insert_many
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.profiles.models.streams import Touched

OfPeople = Callable[[Any], sa.ColumnElement[bool]]
"""Turns a column that names a person into the condition that it is one of those meant."""

EVERYBODY = "profiles.facts_after"
"""Where a pass over everybody is: the last id that was done; kept only while one is due."""


_MOVED = "profiles.moved_at"


def note_moved(session: Session, at: datetime) -> None:
    """Note that facts of people were computed: kept counts of people are taken again."""
    keep(session, _MOVED, at.isoformat())


def moved_at(session: Session) -> datetime | None:
    """Return when facts of people were last computed; None = never."""
    noted = kept(session, _MOVED)
    return None if noted is None else datetime.fromisoformat(noted)


def touch(session: Session, ids: Collection[int] | sa.Select[Any]) -> None:
    """Let the facts of these people be computed again soon.

    :param ids: our ids of persons, or a select of them (one column).
    """
    if isinstance(ids, sa.Select):
        session.execute(sa.insert(Touched).from_select(["person_id"], ids))
    else:
        insert_many(session, Touched, [{"person_id": id} for id in sorted(ids)])


def touch_all(session: Session) -> None:
    """Let everybody's facts be computed again, from the first id on; a pass under way begins again."""
    keep(session, EVERYBODY, "0")
