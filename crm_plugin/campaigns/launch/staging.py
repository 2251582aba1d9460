"""Freezing: which people are considered, and why some are excluded, by one statement in one snapshot.

The statement fills ``crm_staged``; only the copying into the ledger goes in chunks. Both steps are
fenced by a token of the one process that holds the freeze, so that it may die anywhere and another one
goes on where it stopped.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from crm_plugin.campaigns.models import Campaign, Delivery, Staged
from crm_plugin.campaigns.policy.campaign_policy import Rules
from crm_plugin.campaigns.policy.exclusions import after_duplicates, before_duplicates
from crm_plugin.campaigns.policy.rules import DUPLICATE
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.db.sql_clock import db_now
from crm_plugin.kernel.kill_points import step
from crm_plugin.profiles.consent import channels
from crm_plugin.profiles.models.school import Person
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.sql.compile import people

CHUNK = 100_000
"""Rows that one transaction copies: four statements each, so 1/25,000 of a statement a row."""


@dataclass(slots=True)
class Freeze:
    """One campaign's freeze, held by this process."""

    campaign_id: int
    token: str
    audience: Tree
    rules: Rules
    present: Present


def decided(audience: Tree, rules: Rules, present: Present) -> sa.Subquery:
    """Return the decision for everybody considered: ``person_id address address_key reason``.

    Among people with one address, those with another reason do not compete; the most recently active
    one wins, then the smallest id. The ones that the goal, the expiry or a lacking word excludes rank last,
    so that they never take the address from somebody who is to get the message.
    """
    weighed = considered(audience, rules, present)
    ranked = sa.select(weighed, _rank(weighed).label("rank")).subquery("ranked")
    reason = sa.case(
        (ranked.c.early.is_not(None), ranked.c.early),
        (ranked.c.rank > 1, sa.literal(DUPLICATE.key, sa.String(16))),
        else_=ranked.c.late,
    )
    columns = (ranked.c.person_id, ranked.c.address, ranked.c.address_key)
    return sa.select(*columns, reason.label("reason")).subquery("decided")


def considered(audience: Tree, rules: Rules, present: Present) -> sa.Subquery:
    """Return everybody with the first reason before the rank among people with one address, ``early``."""
    address, key = channels.address_columns(rules.channel)
    return (
        sa.select(
            Person.id.label("person_id"),
            address.label("address"),
            key.label("address_key"),
            Person.last_active_at,
            before_duplicates(rules, present).label("early"),
            after_duplicates(rules, present).label("late"),
        )
        .where(Person.id.in_(people(audience, present)))
        # Keeps the planner from looking through it: PostgreSQL worked each reason out wherever it is named,
        # and so asked the ledger twice for each person.
        .offset(0)
        .subquery("weighed")
    )


def _rank(weighed: sa.Subquery) -> sa.ColumnElement[int]:
    excluded = sa.case((weighed.c.early.is_(None), 0), else_=1)
    return sa.func.row_number().over(
        partition_by=[excluded, weighed.c.address_key],
        order_by=[
            sa.case((weighed.c.late.is_(None), 0), else_=1),
            sa.case((weighed.c.last_active_at.is_(None), 1), else_=0),
            weighed.c.last_active_at.desc(),
            weighed.c.person_id,
        ],
    )


def claim(crm: Crm, campaign_id: int) -> str | None:
    """Take the freeze of a campaign for this process; None when another one holds it or none is due."""
    token = str(uuid4())

    def work(session: Session) -> bool:
        free = sa.or_(Campaign.freeze_lease_until.is_(None), Campaign.freeze_lease_until < db_now(session))
        seconds = crm.settings.lease_seconds
        values = {"freeze_token": token, "freeze_lease_until": db_now(session, seconds)}
        return _guarded(session, campaign_id, [Campaign.state == "freezing", free], values)

    return token if crm.db.run(work) else None


def stage(crm: Crm, freeze: Freeze) -> bool:
    """Decide about everybody; False when the campaign left *freezing* or the freeze was lost."""

    def work(session: Session) -> bool:
        # The campaign's row stays locked meanwhile: nobody else can begin the same statement.
        values = {"freeze_step": "copying", "freeze_after": 0, "as_of": freeze.present.as_of}
        if not _mine(crm, session, freeze, "staging", values):
            return False
        found = decided(freeze.audience, freeze.rules, freeze.present)
        rows = sa.select(sa.literal(freeze.campaign_id), found)
        names = ["campaign_id", "person_id", "address", "address_key", "reason"]
        session.execute(sa.insert(Staged).from_select(names, rows))
        return True

    done = crm.db.run(work)
    step("freeze_staged")
    return done


def copy_chunk(crm: Crm, freeze: Freeze, after: int) -> int | None:
    """Copy the next people after ``after`` into the ledger.

    :return: the last person copied; None when there was nobody left, or the freeze was lost.
    """

    def work(session: Session) -> int | None:
        last = _end_of_chunk(session, freeze.campaign_id, after)
        if last is None:
            return None
        if not _mine(crm, session, freeze, "copying", {"freeze_after": last}, Campaign.freeze_after == after):
            return None
        _copy(session, freeze, after, last)
        return last

    last = crm.db.run(work)
    step("freeze_chunk")
    return last


def end(crm: Crm, freeze: Freeze, after: int, at: datetime) -> bool:
    """Let the sending begin, once everybody is copied."""

    def work(session: Session) -> bool:
        values: dict[str, Any] = {"freeze_step": "done", "state": "sending", "freeze_lease_until": None}
        if not _mine(crm, session, freeze, "copying", values, Campaign.freeze_after == after):
            return False
        forget(session, freeze.campaign_id)
        count = session.scalar(sa.select(sa.func.count()).where(Delivery.campaign_id == freeze.campaign_id))
        record(session, at, SYSTEM.id, "campaign.frozen", ("campaign", freeze.campaign_id), count=count)
        return True

    return crm.db.run(work)


def forget(session: Session, campaign_id: int) -> None:
    """Delete the staged decisions: the ledger has them, or the campaign is cancelled."""
    session.execute(sa.delete(Staged).where(Staged.campaign_id == campaign_id))


def _end_of_chunk(session: Session, campaign_id: int, after: int) -> int | None:
    chunk = (
        sa.select(Staged.person_id)
        .where(Staged.campaign_id == campaign_id, Staged.person_id > after)
        .order_by(Staged.person_id)
        .limit(CHUNK)
        .subquery()
    )
    last: int | None = session.scalar(sa.select(sa.func.max(chunk.c.person_id)))
    return last


def _copy(session: Session, freeze: Freeze, after: int, last: int) -> None:
    in_play = Staged.reason.is_(None)
    rows = (
        sa.select(
            Staged.campaign_id,
            Staged.person_id,
            sa.literal(freeze.rules.channel),
            # An excluded row keeps no address: it needs none, and must not take the place of another.
            sa.case((in_play, Staged.address)),
            sa.case((in_play, Staged.address_key)),
            sa.case((in_play, "pending"), else_="excluded"),
            Staged.reason,
            sa.literal(0),
            sa.literal(freeze.rules.marketing),
        )
        .where(Staged.campaign_id == freeze.campaign_id, Staged.person_id > after, Staged.person_id <= last)
        .order_by(Staged.person_id)
    )
    names = ["campaign_id", "person_id", "channel", "address", "address_key", "state", "reason"]
    session.execute(sa.insert(Delivery).from_select([*names, "tries", "marketing"], rows))


def _mine(crm: Crm, session: Session, freeze: Freeze, step_: str, values: dict[str, Any], *also: Any) -> bool:
    renewed = {"freeze_lease_until": db_now(session, crm.settings.lease_seconds), **values}
    guard = [
        Campaign.state == "freezing",
        Campaign.freeze_token == freeze.token,
        Campaign.freeze_step == step_,
    ]
    return _guarded(session, freeze.campaign_id, [*guard, *also], renewed)


def _guarded(session: Session, campaign_id: int, guard: list[Any], values: dict[str, Any]) -> bool:
    statement = sa.update(Campaign).where(Campaign.id == campaign_id, *guard).values(**values)
    result = session.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount == 1
