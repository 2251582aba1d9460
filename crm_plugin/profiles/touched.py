"""The list of people whose facts are to be computed again."""

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.bulk import insert_many
from crm_plugin.kernel.daily import keep
from crm_plugin.profiles.stream_models import Touched

Whom = Callable[[Any], sa.ColumnElement[bool]]
"""Turns a column that names a person into the condition that it is one of those meant."""

EVERYBODY = "profiles.facts_after"
"""Where a pass over everybody is: the last id that was done; kept only while one is due."""


def touch(session: Session, ids: Collection[int] | sa.Select[Any]) -> None:
    """Let the facts of these people be computed again soon.

    :param ids: our ids of persons, or a select of them (one column).
    """
    if isinstance(ids, sa.Select):
        session.execute(sa.insert(Touched).from_select(["person_id"], ids))
    else:
        insert_many(session, Touched, [{"person_id": id} for id in sorted(ids)])


def touch_all(session: Session) -> None:
    """Let everybody's facts be computed again, from the first id on; a pass that is under way begins anew."""
    keep(session, EVERYBODY, "0")
