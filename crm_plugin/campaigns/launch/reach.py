"""The reach of a segment: how many people are lost at each step on the way to a channel, and how many remain.

The steps only group the reasons of the freeze (:func:`crm_plugin.campaigns.launch.staging.decided`): there is
no second definition of who would get a message.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns.launch.staging import considered, decided
from crm_plugin.campaigns.policy.campaign_policy import Policy, Rules
from crm_plugin.campaigns.policy.fields import MAX_DAYS
from crm_plugin.campaigns.policy.rules import DUPLICATE, REASONS, REST
from crm_plugin.campaigns.prepared_campaign import unknown_is_no
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput, one_of, whole_from
from crm_plugin.profiles.store.host_info_cache import school_zone
from crm_plugin.segments import service
from crm_plugin.segments.extension import Narrowing
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.service import Search
from crm_plugin.segments.sql.related_rows import Select

STEPS = ("matched", "address", "allowed", "rested", "reached")
"""``matched`` by the segment → active, with an ``address`` for the channel → ``allowed``: neither
suppressed nor without consent nor opted out of the topic → ``rested``: not marketed to in the last days →
``reached``, one person for each address."""
_LOST = {step: tuple(one.key for one in REASONS if one.step == step) for step in STEPS}
"""Step → reasons of the freeze that lose people at it."""
PART = "reach"
"""Name of the narrowing ``{"by": "reach", "channel", "days", "step"}``."""


@dataclass(frozen=True)
class Funnel:
    """The people that marketing by a channel would reach.

    :param days: people marketed to in so many days are left out.
    :param steps: step → people who are left after it, in the order of :data:`STEPS`.
    """

    channel: str
    days: int
    as_of: datetime
    steps: dict[str, int]


def funnel(
    crm: Crm,
    document: Any,
    channel: str,
    days: int,
    actor: Actor | None = None,
    *,
    topic: int | None = None,
) -> Funnel:
    """Count the people left of a segment after each step; one statement.

    :param topic: what the messages would be about.
    :raises BadInput: ``segment.*``, or ``input.bad`` for an unknown channel or number of days.
    :raises Unavailable: when consent goes by the school's region and the school does not answer.
    """
    return reach_of(crm, service.selected(crm, document, actor=actor), channel, days, topic)


def reach_of(crm: Crm, search: Search, channel: str, days: int, topic: int | None = None) -> Funnel:
    """Count the people left of a segment that was read, after each step; see :func:`funnel`."""
    found = decided(search.tree, _rules(crm, channel, days, topic), search.present)
    query = sa.select(found.c.reason, sa.func.count()).group_by(found.c.reason)
    with crm.db.read() as session:
        counts: dict[str | None, int] = {row[0]: row[1] for row in session.execute(query)}
    left, steps = sum(counts.values()), {}
    for step, reasons in _LOST.items():
        left -= sum(counts.get(reason, 0) for reason in reasons)
        steps[step] = left
    return Funnel(channel, days, search.present.as_of, steps)


def narrow(crm: Crm, tree: Tree, present: Present, narrowing: Narrowing) -> Select:
    """Return ``SELECT person id`` of the people left of a segment after a step.

    :raises BadInput: ``input.bad``.
    """
    step = str(narrowing.get("step"))
    if step not in STEPS:
        raise BadInput("input.bad", "step", reason=one_of(STEPS))
    rules = _rules(crm, narrowing.get("channel"), narrowing.get("days"))
    lost = [reason for one in STEPS[: STEPS.index(step) + 1] for reason in _LOST[one]]
    # A rank of everybody takes about a third of the time: only the last step asks for it.
    ranks = DUPLICATE.key in lost
    found = (decided if ranks else considered)(tree, rules, present)
    reason = found.c.reason if ranks else found.c.early
    return sa.select(found.c.person_id).where(sa.or_(reason.is_(None), reason.not_in(lost)))


def _rules(crm: Crm, channel: Any, days: Any, topic: int | None = None) -> Rules:
    if channel not in CHANNELS:
        raise BadInput("input.bad", "channel", reason=one_of(CHANNELS))
    if not isinstance(days, int) or not 0 <= days <= MAX_DAYS:
        raise BadInput("input.bad", "days", reason=whole_from(0, MAX_DAYS))
    return Rules(
        campaign_id=0,
        channel=channel,
        purpose="marketing",
        holdout=0,
        policy=Policy({REST.key: days} if days else {}),
        goal=None,
        unknown_is_no=unknown_is_no(crm),
        zone=school_zone(crm),
        topic=topic,
    )
