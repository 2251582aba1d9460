"""Why somebody gets no message, as SQL: evaluated once by the freeze and again at each marking."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.policy.campaign_policy import Rules
from crm_plugin.campaigns.policy.conditions import Condition
from crm_plugin.campaigns.policy.data_freshness import too_old, unread
from crm_plugin.campaigns.policy.rules import DUPLICATE, REASONS, Asks, Reason
from crm_plugin.kernel.db import numbered_list
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.sync import stored_events
from crm_plugin.segments.language.dates import Present

SAME_PRESENT = timedelta(seconds=1)
"""Conditions on time may be so much behind: no rule of a policy is finer."""


def before_duplicates(rules: Rules, present: Present) -> sa.ColumnElement[Any]:
    """Return the first reason that comes before ``duplicate``, over :class:`Person`, or NULL."""
    return _frozen(rules, present, REASONS[: REASONS.index(DUPLICATE)])


def after_duplicates(rules: Rules, present: Present) -> sa.ColumnElement[Any]:
    """Return the first reason that comes after ``duplicate``, over :class:`Person`, or NULL."""
    return _frozen(rules, present, REASONS[REASONS.index(DUPLICATE) + 1 :])


def _frozen(rules: Rules, present: Present, some: Iterable[Reason]) -> sa.ColumnElement[Any]:
    return _first(rules, present, [(one, one.freeze) for one in some if one.freeze is not None])


def _first(rules: Rules, present: Present, asked: Iterable[tuple[Reason, Asks]]) -> sa.ColumnElement[Any]:
    """Return the first reason that holds, or NULL."""
    holding: list[tuple[Condition, Any]] = []
    for reason, asks in asked:
        binds = rules.has(reason.field) and (rules.marketing or not reason.marketing)
        holds = asks(rules, present) if binds else None
        if holds is not None:
            holding.append((holds, sa.literal(reason.key, sa.String(16))))
    return sa.case(*holding) if holding else sa.null()


@dataclass(slots=True)
class Verdicts:
    """What speaks against sending now."""

    state: str
    """Of the campaign."""
    stale: bool = False
    """The school's data are too old."""
    failing: bool = False
    """The carrier's last answers were failures."""
    unread: bool = False
    """Events of the school wait to be read, and nobody let the campaign go on without them."""
    reasons: dict[int, str] = field(default_factory=dict)
    """Row → reason, for those that must not get it any more; ``status`` where the person is gone."""


def verdicts(
    session: Session, rules: Rules, ids: Sequence[int], present: Present, events: int = stored_events.ANY
) -> Verdicts:
    """Ask again, right before a batch is marked *sending*, in the transaction that has locked its people.

    :param ids: ledger rows of this campaign.
    :param events: the last event of the school that has to be read before; those that came later may wait.
    """
    dialect = session.get_bind().dialect.name
    question = _question(dialect, rules, present, numbered_list.size(dialect, len(ids)))
    given = {"events": events, **numbered_list.given(dialect, ids)}
    rows = session.connection().execute(question, given).all()
    if not rows:
        return Verdicts("cancelled")
    state, stale, failing, unread = rows[0][:4]
    found = {id: reason for *_, id, reason in rows if reason is not None}
    return Verdicts(state, bool(stale), bool(failing), bool(unread), found)


def _question(dialect: str, rules: Rules, present: Present, count: int) -> sa.Select[Any]:
    """Return the question about so many rows, as it was built for the same second if it was."""
    asked = rules.asked.get(count)
    if asked is not None and timedelta() <= present.as_of - asked[0] < SAME_PRESENT:
        return asked[1]
    first = _first(rules, present, [(one, asks) for one in REASONS for asks in one.marking])
    failing = sa.or_(Campaign.failed_in_row > 0, Campaign.refused_in_row > 0)
    as_of = present.as_of
    campaign = (Campaign.state, too_old(rules.stale_hours, as_of), failing, unread(as_of))
    query = (
        sa.select(*campaign, Delivery.id, first)
        .select_from(Delivery)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .outerjoin(Person, Person.id == Delivery.person_id)
        .where(numbered_list.among(dialect, Delivery.id, count))
    )
    rules.asked[count] = present.as_of, query
    return query
