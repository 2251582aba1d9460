"""What workers run for automations."""

from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations import service
from crm_plugin.automations.entering import entry
from crm_plugin.automations.models import Automation, Member
from crm_plugin.automations.steps import advance
from crm_plugin.host.context import Crm, current

PERIODIC = (("crm_plugin.automations.jobs.carry_on", 30),)
DAILY = ("crm_plugin.automations.jobs.tidy",)


def carry_on() -> None:
    """Let people enter who have given cause, and carry out what is due."""
    burst(current())


def tidy() -> None:
    """Forget automations deleted long ago."""
    service.sweep(current())


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    with crm.db.read() as session:
        looks = _ids(session, _to_look_at(crm))
    entered = crm.round("automations.look").each(looks, partial(entry.look, crm))
    with crm.db.read() as session:
        due = _ids(session, _somebody_is_due(crm))
    moved = crm.round("automations.steps").each(due, partial(advance.advance, crm))
    return any(entered) or any(moved)


def _to_look_at(crm: Crm) -> sa.ColumnElement[bool]:
    return sa.or_(Automation.next_look_at.is_(None), Automation.next_look_at <= crm.clock())


def _somebody_is_due(crm: Crm) -> sa.ColumnElement[bool]:
    mine = (Member.automation_id == Automation.id, Member.state == "active")
    return sa.exists().where(*mine, Member.due_at <= crm.clock())


def _ids(session: Session, where: sa.ColumnElement[bool]) -> list[int]:
    on = (Automation.state == "on", Automation.removed_at.is_(None))
    return list(session.scalars(sa.select(Automation.id).where(*on, where).order_by(Automation.id)))
