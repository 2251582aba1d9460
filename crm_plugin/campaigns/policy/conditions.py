"""The conditions of the rules as SQL over :class:`Person`; None where a campaign does not ask."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.policy import course_state
from crm_plugin.campaigns.policy.campaign_policy import Rules
from crm_plugin.campaigns.policy.word_columns import WORDS, expression
from crm_plugin.profiles.consent import channels, eligibility
from crm_plugin.profiles.models.school import Person, Suppression
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.sql.compile import condition

Condition = sa.ColumnElement[bool]
_PARTS = 1_000_000
_PRIME = 2_147_483_647


def is_gone(_rules: Rules, _present: Present) -> Condition:
    """The person of a ledger row is not there any more."""
    return Person.id.is_(None)


def is_inactive(_rules: Rules, _present: Present) -> Condition:
    """The account is not active, or is another one by now."""
    return sa.or_(Person.status != "active", Person.merged_into.is_not(None))


def is_staff(_rules: Rules, _present: Present) -> Condition:
    """The person belongs to the school's staff."""
    return Person.is_staff.is_(True)


def has_no_address(rules: Rules, _present: Present) -> Condition:
    """The channel cannot write to the person."""
    _, key = channels.address_columns(rules.channel)
    return key.is_(None)


def is_suppressed(rules: Rules, _present: Present) -> Condition:
    """The person's address is not to be written to."""
    return eligibility.suppressed(rules.channel, rules.purpose)


def is_address_suppressed(rules: Rules, _present: Present) -> Condition:
    """The same of the ledger row's address: it is as it was at the freeze, the person's may have changed."""
    there = sa.exists().where(
        Suppression.channel == rules.channel, Suppression.address_key == Delivery.address_key
    )
    if rules.marketing:
        return there.correlate(Delivery)
    binding = sa.or_(Suppression.scope == "all", Suppression.reason.in_(eligibility.BINDS_EVERYBODY))
    return there.where(binding).correlate(Delivery)


def lacks_consent(rules: Rules, _present: Present) -> Condition:
    """The person did not agree to marketing by the channel."""
    return eligibility.lacks_consent(rules.channel, rules.unknown_is_no)


def refuses_topic(rules: Rules, _present: Present) -> Condition | None:
    """The person wants nothing about the campaign's topic."""
    return None if rules.topic is None else eligibility.refuses_topic(rules.topic, rules.channel)


def is_topic_refused(rules: Rules, _present: Present) -> Condition | None:
    """The same of the ledger row's address."""
    if rules.topic is None:
        return None
    return eligibility.topic_refused(rules.topic, rules.channel, Delivery.address_key)


def is_held_out(rules: Rules, _present: Present) -> Condition | None:
    """The lot keeps the person back for comparison."""
    # Of a campaign that repeats the same people are held back in each period.
    return held_out(rules.series or rules.campaign_id, rules.holdout) if rules.holdout > 0 else None


def held_out(campaign_id: int, share: float) -> Condition:
    """Draw lots by (campaign, person): the same for ever, on every database, and new for each campaign.

    Two rounds of a quadratic mix modulo a Mersenne prime; every intermediate value fits 63 bits.
    """
    seed = (campaign_id * 16_807 + 11) % _PRIME
    mixed = (Person.id * 48_271 + seed) % _PRIME
    mixed = (mixed * (mixed + 7)) % _PRIME
    mixed = (mixed * (mixed + seed % 1000 + 3)) % _PRIME
    return mixed % _PARTS < round(share * _PARTS)


def has_goal(rules: Rules, present: Present) -> Condition | None:
    """The person fulfils the goal already."""
    return None if rules.goal is None else condition(rules.goal, present)


def had_it_before(rules: Rules, _present: Present) -> Condition | None:
    """The person got an earlier period of a campaign that nobody is to get twice."""
    if rules.series is None or not rules.policy.once:
        return None
    earlier, period = aliased(Delivery), aliased(Campaign)
    return (
        sa.exists()
        .where(earlier.person_id == Person.id, earlier.state.in_(COUNTED))
        .where(earlier.campaign_id == period.id, period.parent_id == rules.series, period.kind == "campaign")
        .where(period.id != rules.campaign_id)
        .correlate(Person)
    )


def is_expired(rules: Rules, present: Present) -> Condition | None:
    """Nothing leaves any more."""
    expires = rules.policy.expires_at
    return sa.true() if expires is not None and expires <= present.as_of else None


def is_course_closed(rules: Rules, present: Present) -> Condition | None:
    """The campaign's course takes nobody any more."""
    if not rules.policy.open_course or not rules.course:
        return None
    return course_state.is_closed(rules.course, present.as_of)


def lacks_word(rules: Rules, _present: Present) -> Condition | None:
    """The person has nothing for a word of the text."""
    return lacks(rules.required, rules.course) if rules.required else None


def lacks(columns: Iterable[str], course: str = "") -> Condition:
    """Return the condition that a person has nothing for at least one of these words; blanks are nothing.

    :param course: the school's id of what the campaign is about.
    """
    some = sorted(set(columns))
    words = (expression(one, course) if one in WORDS else getattr(Person, one) for one in some)
    empty = (sa.func.trim(sa.func.coalesce(word, "")) == "" for word in words)
    return sa.or_(sa.false(), *empty)


def days_ago(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the same wall time so many days ago in the school's zone, in UTC."""
    return (at.astimezone(zone) - timedelta(days=days)).astimezone(UTC)


def marketed(rules: Rules, present: Present, days: int) -> sa.ColumnElement[int]:
    """Return how many messages of marketing the person got in so many days, whatever the channel."""
    earlier, since = aliased(Delivery), days_ago(present.as_of, days, rules.zone)
    return (
        sa.select(sa.func.count())
        .select_from(earlier)
        .where(earlier.person_id == Person.id, earlier.state.in_(COUNTED))
        # A message in doubt does not stand in its own way when it is submitted again under its key.
        .where(earlier.campaign_id != rules.campaign_id)
        .where(earlier.handed_at > since, earlier.marketing.is_(True))
        .correlate(Person)
        .scalar_subquery()
    )
