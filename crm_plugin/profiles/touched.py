"""The list of people whose facts are to be computed again."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.profiles.models import Person
from crm_plugin.profiles.stream_models import Touched
from crm_plugin.profiles.work import insert_rows


def touch(session: Session, ids: Collection[int] | sa.Select[Any]) -> None:
    """Let the facts of these people be computed again soon.

    :param ids: our ids of persons, or a select of them (one column).
    """
    if isinstance(ids, sa.Select):
        session.execute(sa.insert(Touched).from_select(["person_id"], ids))
    else:
        insert_rows(session, Touched, [{"person_id": id} for id in sorted(ids)])


def touch_all(session: Session) -> None:
    """Let everybody's facts be computed again."""
    touch(session, sa.select(Person.id))
