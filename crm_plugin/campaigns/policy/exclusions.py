"""Why somebody is not to get a message, as SQL: asked once by the freeze and again at each marking."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.document.schemas import Policy
from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.policy.data_freshness import too_old
from crm_plugin.kernel.db import numbered_list
from crm_plugin.profiles.consent import channels, eligibility
from crm_plugin.profiles.models.school import Person, Suppression
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.sql.compile import condition

Condition = sa.ColumnElement[bool]
Reasons = list[tuple[str, Condition]]
"""(reason, who has it), in the order in which the first one counts."""

SAME_PRESENT = timedelta(seconds=1)
"""Conditions on time may be so much behind: no rule of a policy is finer."""
_PARTS = 1_000_000
_PRIME = 2_147_483_647


@dataclass(slots=True)
class Rules:
    """All that decides about one campaign's people."""

    campaign_id: int
    channel: str
    purpose: str
    holdout: float
    policy: Policy
    goal: Tree | None
    unknown_is_no: bool
    """People of unknown consent do not get marketing."""
    zone: ZoneInfo
    topic: int | None = None
    """What the messages are about: whoever wants nothing of it gets none."""
    stale_hours: int = 0
    """Age of the school's data above which nothing leaves; 0 = any age will do."""
    required: tuple[str, ...] = ()
    """Columns of the person without which they are left out; empty when they would stand in the way."""
    asked: dict[int, tuple[datetime, sa.Select[Any]]] = field(default_factory=dict, compare=False)
    """Number of rows → the question about so many at an instant: building it costs more than asking it."""

    @property
    def marketing(self) -> bool:
        """Service messages skip consent, holdout, leaving out and caps."""
        return self.purpose == "marketing"


def before_duplicates(rules: Rules, at: datetime) -> Reasons:
    """Return the reasons that come before ``duplicate``, over :class:`Person`."""
    _, key = channels.address_columns(rules.channel)
    reasons = [*_lasting(rules)]
    reasons.insert(2, ("no_address", key.is_(None)))
    if rules.marketing:
        if rules.holdout > 0:
            reasons.append(("holdout", held_out(rules.campaign_id, rules.holdout)))
        reasons += _frequency(rules, at)
    return reasons


def after_duplicates(rules: Rules, present: Present) -> Reasons:
    """Return the reasons that come after ``duplicate``, over :class:`Person`."""
    reasons: Reasons = []
    if rules.goal is not None:
        reasons.append(("goal", condition(rules.goal, present)))
    if rules.policy.expires_at is not None and rules.policy.expires_at <= present.as_of:
        reasons.append(("expired", sa.true()))
    if rules.required:
        reasons.append((personalisation.REASON, personalisation.lacks(rules.required)))
    return reasons


@dataclass(slots=True)
class Verdicts:
    """What speaks against sending now."""

    state: str
    """Of the campaign."""
    stale: bool = False
    """The school's data are too old."""
    failing: bool = False
    """The carrier's last answers were failures."""
    reasons: dict[int, str] = field(default_factory=dict)
    """Row → reason, for those that must not get it any more; ``status`` where the person is gone."""


def verdicts(session: Session, rules: Rules, ids: Sequence[int], present: Present) -> Verdicts:
    """Ask again, right before a batch is marked *sending*, in the transaction that has locked its people.

    :param ids: ledger rows of this campaign.
    """
    dialect = session.get_bind().dialect.name
    question = _question(dialect, rules, present, numbered_list.size(dialect, len(ids)))
    rows = session.connection().execute(question, numbered_list.given(dialect, ids)).all()
    if not rows:
        return Verdicts("cancelled")
    state, stale, failing = rows[0][:3]
    found = {id: reason for *_, id, reason in rows if reason is not None}
    return Verdicts(state, bool(stale), bool(failing), found)


def _question(dialect: str, rules: Rules, present: Present, count: int) -> sa.Select[Any]:
    """Return the question about so many rows, as it was built for the same second if it was."""
    asked = rules.asked.get(count)
    if asked is not None and timedelta() <= present.as_of - asked[0] < SAME_PRESENT:
        return asked[1]
    reasons: Reasons = [("status", Person.id.is_(None)), *_lasting(rules)]
    reasons.append(("suppressed", _address_suppressed(rules)))
    if rules.topic is not None:
        refused = eligibility.topic_refused(rules.topic, rules.channel, Delivery.address_key)
        reasons.append(("topic", refused))
    if rules.marketing:
        reasons += _frequency(rules, present.as_of)
    reasons += after_duplicates(rules, present)
    campaign = (Campaign.state, too_old(rules.stale_hours, present.as_of), Campaign.failed_in_row > 0)
    query = (
        sa.select(*campaign, Delivery.id, first(reasons))
        .select_from(Delivery)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .outerjoin(Person, Person.id == Delivery.person_id)
        .where(numbered_list.among(dialect, Delivery.id, count))
    )
    rules.asked[count] = present.as_of, query
    return query


def first(reasons: Reasons) -> sa.ColumnElement[Any]:
    """Return the first reason that holds, or NULL."""
    if not reasons:
        return sa.null()
    return sa.case(*[(holds, sa.literal(reason, sa.String(16))) for reason, holds in reasons])


def held_out(campaign_id: int, share: float) -> Condition:
    """Draw lots by (campaign, person): the same for ever, on every database, and new for each campaign.

    Two rounds of a quadratic mix modulo a Mersenne prime; every intermediate value fits 63 bits.
    """
    seed = (campaign_id * 16_807 + 11) % _PRIME
    mixed = (Person.id * 48_271 + seed) % _PRIME
    mixed = (mixed * (mixed + 7)) % _PRIME
    mixed = (mixed * (mixed + seed % 1000 + 3)) % _PRIME
    return mixed % _PARTS < round(share * _PARTS)


def days_ago(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the same wall time so many days ago in the school's zone, in UTC."""
    return (at.astimezone(zone) - timedelta(days=days)).astimezone(UTC)


def _lasting(rules: Rules) -> Reasons:
    reasons: Reasons = [
        ("status", sa.or_(Person.status != "active", Person.merged_into.is_not(None))),
        ("staff", Person.is_staff.is_(True)),
        ("suppressed", eligibility.suppressed(rules.channel, rules.purpose)),
    ]
    if rules.marketing:
        reasons.append(("no_consent", eligibility.lacks_consent(rules.channel, rules.unknown_is_no)))
    if rules.topic is not None:
        reasons.append(("topic", eligibility.refuses_topic(rules.topic, rules.channel)))
    return reasons


def _address_suppressed(rules: Rules) -> Condition:
    # The address of the ledger row is as it was at the freeze; the person's may be another one by now.
    there = sa.exists().where(
        Suppression.channel == rules.channel, Suppression.address_key == Delivery.address_key
    )
    if rules.marketing:
        return there.correlate(Delivery)
    binding = sa.or_(Suppression.scope == "all", Suppression.reason.in_(eligibility.BINDS_EVERYBODY))
    return there.where(binding).correlate(Delivery)


def _frequency(rules: Rules, at: datetime) -> Reasons:
    reasons: Reasons = []
    if rules.policy.leave_out_days is not None:
        since = days_ago(at, rules.policy.leave_out_days, rules.zone)
        reasons.append(("left_out", _marketed(since, rules.campaign_id) > 0))
    if rules.policy.cap is not None:
        most, days = rules.policy.cap
        reasons.append(("cap", _marketed(days_ago(at, days, rules.zone), rules.campaign_id) >= most))
    return reasons


def _marketed(since: datetime, campaign_id: int) -> sa.ColumnElement[int]:
    earlier = aliased(Delivery)
    return (
        sa.select(sa.func.count())
        .select_from(earlier)
        .where(earlier.person_id == Person.id, earlier.state.in_(COUNTED))
        # A message in doubt does not stand in its own way when it is submitted again under its key.
        .where(earlier.campaign_id != campaign_id)
        .where(earlier.handed_at > since, earlier.marketing.is_(True))
        .correlate(Person)
        .scalar_subquery()
    )
