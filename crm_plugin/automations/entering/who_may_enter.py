"""What a person must be to enter an automation, whatever brings them."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from crm_plugin.automations.conditions import Row, present_of, understood
from crm_plugin.automations.models import Member
from crm_plugin.host.context import Crm
from crm_plugin.segments.sql.compile import people


def may_enter(crm: Crm, row: Row, person: Any, now: datetime) -> list[sa.ColumnElement[bool]]:
    """Return what a person must be to enter: active, not staff, in no such chase, and not lately in this."""
    found: list[sa.ColumnElement[bool]] = [
        *(person.status == "active", person.merged_into.is_(None), person.is_staff.is_(False)),
        ~sa.exists().where(Member.chase == chase_of(row), Member.person_id == person.id),
    ]
    again = row.document["again"]
    if again != 0:
        before = sa.exists().where(Member.automation_id == row.id, Member.person_id == person.id)
        lately = before if again is None else before.where(Member.entered_at > now - timedelta(days=again))
        found.append(~lately)
    where = row.document["trigger"].get("where")
    if where is not None:
        found.append(person.id.in_(people(understood(crm, row, where), present_of(crm, row))))
    return found


def chase_of(row: Row) -> str:
    """Return what nobody is in twice at a time: the kind of an automation, else itself."""
    return row.document["kind"] or f"#{row.id}"
