"""The check before a launch: what stands in its way, what deserves a look, and how many people it reaches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import copy_guard
from crm_plugin.campaigns.composing import course_checks, duration
from crm_plugin.campaigns.composing.sms_cost import Cost, cost_of
from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.document.schemas import TITLES
from crm_plugin.campaigns.launch.staging import decided
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.policy import data_freshness, quiet_hours
from crm_plugin.campaigns.policy.campaign_policy import Rules
from crm_plugin.campaigns.policy.conditions import lacks
from crm_plugin.campaigns.policy.rules import DUPLICATE, NO_VALUE
from crm_plugin.campaigns.policy.word_columns import expression
from crm_plugin.campaigns.prepared_campaign import (
    audience_of,
    known_to,
    made_of,
    present_of,
    rules_of,
    targets,
)
from crm_plugin.channels import service as channels
from crm_plugin.channels.base import Compiled, Made, Problem
from crm_plugin.channels.content import ADDRESSES
from crm_plugin.channels.sms.channel import CompiledSms
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.links import draft_link_check
from crm_plugin.links.service import check_target
from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.sync.health import unread
from crm_plugin.segments.language.tree import Tree


@dataclass(slots=True)
class Reach:
    """The people that a launch at this moment would reach."""

    considered: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    reached: int = 0


@dataclass(slots=True)
class Preflight:
    """What a person should know before the launch; an error blocks it."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    reach: Reach = field(default_factory=Reach)
    seconds: float | None = None
    """How long the sending takes at the rates that bind it; None where none does."""
    cost: Cost | None = None
    """What the messages come to; None for channels that are not billed by the message."""
    unseen: list[str] = field(default_factory=list)
    """Addresses of links of which nobody knows yet whether they answer."""
    missing: dict[str, int] = field(default_factory=dict)
    """Word of the text → people who lack it and would get the message, or are left out for lacking one."""
    data_as_of: datetime | None = None
    """As of when the oldest of the school's data that matter are right; None = never read."""
    as_of: datetime | None = None
    """The instant that the audience was decided at."""
    revision: int = 0
    """Of the draft that was checked."""
    audience: Tree | None = None
    """The people considered, as a tree that was read; None = it cannot be understood any more."""
    references: frozenset[int] = frozenset()
    """Ids of the quick queries that its audience and its goal stand on."""

    def add(self, problems: Iterable[Problem]) -> None:
        """Take problems in, each where it belongs."""
        for problem in problems:
            (self.errors if problem.severe else self.warnings).append(problem)


def preflight(
    crm: Crm, session: Session, campaign: Campaign, made: Made | None = None, at: datetime | None = None
) -> Preflight:
    """Check a campaign as if it were launched now; changes nothing.

    :param made: its content, where the caller has read it.
    :param at: the instant that its audience is decided at; now when left out.
    """
    made = made or made_of(crm, session, campaign)
    age = data_freshness.age(session, crm.clock())
    present = present_of(crm, campaign, at)
    data_as_of = None if age is None else crm.clock() - age
    found = Preflight(revision=campaign.revision, data_as_of=data_as_of, as_of=present.as_of)
    found.add(made.problems)
    found.add(channels.carrier_problems(crm, campaign.channel))
    try:
        known = known_to(crm, campaign)
        audience = audience_of(crm, campaign, known)
        rules = rules_of(crm, campaign, made.compiled, known)
    except BadInput as error:
        # A field or quick query that was there when the draft was written may be gone.
        found.add([Problem(error.code, error.place, error.params)])
        return found
    found.audience = audience
    found.references = audience.references | (rules.goal.references if rules.goal else frozenset())
    decision = decided(audience, rules, present)
    found.reach = _reach(session, decision)
    found.seconds = duration.seconds(crm, campaign.channel, rules.policy, found.reach.reached)
    found.add(_audience(crm, session, campaign, rules, found.reach))
    found.add(_data(session, campaign.scope is None))
    found.add(_old_data(crm, session, campaign, age))
    if any(campaign.content.get(key) for key in TITLES):
        start = max(campaign.planned_at or crm.clock(), crm.clock())
        found.add(course_checks.problems(session, campaign.content, start))
    found.add(_topic(session, campaign))
    found.add(duration.problems(crm, campaign.planned_at, rules.policy, found.seconds))
    if made.compiled is not None and not found.errors:
        _content(crm, session, campaign.content, made.compiled, decision, found)
    return found


def _content(
    crm: Crm,
    session: Session,
    content: Mapping[str, Any],
    compiled: Compiled,
    decision: sa.Subquery,
    found: Preflight,
) -> None:
    """Look at what only a whole content with an audience can show: links, cost, words that people lack."""
    addresses = targets(compiled, content)
    if addresses:
        found.add(_links(addresses, content))
        answers, found.unseen = _answers(crm, addresses)
        found.add(answers)
    course = personalisation.course_of(content)
    if isinstance(compiled, CompiledSms):
        words = personalisation.columns_of(content)
        columns = {name: expression(column, course) for name, column in words.items()}
        found.cost = cost_of(crm, session, compiled, decision, found.reach.reached, columns)
    if compiled.required:
        required = personalisation.required_of(compiled, content)
        found.missing = _missing(session, decision, required, course)
        found.add(_lacking(compiled, content, found.missing))


def _reach(session: Session, decision: sa.Subquery) -> Reach:
    reach = Reach()
    query = sa.select(decision.c.reason, sa.func.count()).group_by(decision.c.reason)
    for reason, count in session.execute(query):
        reach.considered += count
        if reason is None:
            reach.reached = count
        else:
            reach.excluded[reason] = count
    return reach


def _audience(crm: Crm, session: Session, campaign: Campaign, rules: Rules, reach: Reach) -> list[Problem]:
    problems = []
    if not reach.considered:
        problems.append(Problem("campaign.empty_audience", "audience"))
    elif not reach.reached and campaign.kind == "single":
        problems.append(Problem("campaign.single_excluded", "", {"reason": next(iter(reach.excluded))}))
    elif not reach.reached:
        problems.append(Problem("campaign.nobody_reached", "audience", severe=False))
    twins = reach.excluded.get(DUPLICATE.key, 0)
    if twins:
        problems.append(Problem("campaign.shared_addresses", "audience", {"count": twins}, severe=False))
    start = campaign.planned_at or crm.clock()
    if rules.policy.quiet and (until := quiet_hours.opens_at(start, rules.policy.quiet, rules.zone)):
        params = {"until": until.astimezone(rules.zone).isoformat(timespec="minutes")}
        problems.append(Problem("campaign.quiet_now", "policy.quiet_hours", params, severe=False))
    if not copy_guard.is_confirmed(crm, session):
        problems.append(Problem("campaign.copied", severe=False))
    return problems


def _topic(session: Session, campaign: Campaign) -> list[Problem]:
    """Refuse a topic that people cannot choose any more, such as one that a copy brought along."""
    topic = topics.find(session, campaign.topic_id) if campaign.topic_id is not None else None
    if topic is None or not topic.archived:
        return []
    return [Problem("campaign.topic_archived", "topic", {"topic": topic.name})]


def _links(addresses: list[str], content: Mapping[str, Any]) -> list[Problem]:
    """Find addresses that no redirect may lead to; the campaign's own words may have made them so."""
    problems = []
    for target in addresses:
        try:
            check_target(target, "link" if target == content.get("link") else "html")
        except BadInput as error:
            problems.append(Problem(error.code, error.place, error.params))
    return problems


def _answers(crm: Crm, addresses: list[str]) -> tuple[list[Problem], list[str]]:
    """Return warnings of links that do not answer well, and the addresses that nobody looked at yet."""
    known = draft_link_check.known(crm, addresses)
    found = []
    for one in known.values():
        if one.unchecked or not one.good:
            code = "link.unchecked" if one.unchecked else "link.broken"
            found.append(Problem(code, "link", {"url": one.url, "reason": one.words}, severe=False))
    return found, [url for url in addresses if url not in known]


def _data(session: Session, whole: bool) -> list[Problem]:
    """Warn of streams that were not read to their end yet: people who are not there yet get no message.

    :param whole: the campaign's author sees the whole school, and so may know how much there is.
    """
    found = [
        f"{name} ({rows:,}/{'?' if estimate is None else format(estimate, ',')})" if whole else name
        for name, rows, estimate in unread(session)
    ]
    if not found:
        return []
    return [Problem("campaign.data_unread", "audience", {"streams": ", ".join(found)}, severe=False)]


def _old_data(crm: Crm, session: Session, campaign: Campaign, age: timedelta | None) -> list[Problem]:
    """Warn that the launch, or the start as things are, will be held for the age of the data."""
    if age is None or not data_freshness.is_too_old(crm, session, campaign.id):
        return []
    params = {"hours": int(age / timedelta(hours=1)), "limit": crm.settings.stale_data_hours}
    code = "campaign.data_old" if campaign.planned_at is None else "campaign.data_old_then"
    return [Problem(code, "audience", params, severe=False)]


def _missing(
    session: Session, decision: sa.Subquery, required: personalisation.Columns, course: str
) -> dict[str, int]:
    """Count the people who lack each word, among those who would get the message if they had all."""
    names = sorted(required)
    if not names:
        return {}
    in_play = sa.or_(decision.c.reason.is_(None), decision.c.reason == NO_VALUE.key)
    lacking = (sa.func.count(sa.case((lacks([required[name]], course), 1))) for name in names)
    people = sa.select(*lacking).select_from(decision).join(Person, Person.id == decision.c.person_id)
    counts = session.execute(people.where(in_play)).one()
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def _lacking(compiled: Compiled, content: Mapping[str, Any], missing: Mapping[str, int]) -> list[Problem]:
    """Report words that nobody can have, and of those that some people lack."""
    # A course's or class's title and the campaign's own words are the same for all: nobody has them.
    without = sorted(compiled.required.difference(personalisation.columns_of(content), ADDRESSES))
    problems = [Problem("content.no_value", "variables", {"name": name}) for name in without]
    out = personalisation.leaves_out(content)
    code = "content.lacking_left_out" if out else "content.missing_variable"
    for name, count in missing.items():
        problems.append(Problem(code, "", {"name": name, "count": count}, severe=not out))
    return problems
