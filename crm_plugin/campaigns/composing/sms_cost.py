"""What a campaign by SMS will cost, for the check: counted where that is quick, else from a sample."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels.registry import capabilities_of
from crm_plugin.channels.sms.channel import CompiledSms
from crm_plugin.channels.sms.cost import LONGEST_CODE, MAINLAND, Price, count, price_of
from crm_plugin.host.context import Crm
from crm_plugin.links import service as links
from crm_plugin.profiles.models.school import Person

Words = Mapping[str, Any]
"""Word of a text → what it stands for, over :class:`Person`."""
COUNTED = 20_000
"""The largest audience of which every text is measured; some 0.3 s."""
SAMPLE = 5_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What the messages of an audience come to."""

    people: int
    segments: int
    """Of all messages together."""
    worst: int
    """Of the longest message."""
    ucs2: int
    """Messages with 70 characters of room: a letter is outside GSM-7, or they go to mainland China."""
    exact: bool
    """Every message was measured; otherwise ``segments`` and ``ucs2`` come from a sample."""
    price: Price | None
    """Of a segment; None = not known."""

    @property
    def amount(self) -> Decimal | None:
        """What they cost together, in the currency of ``price``."""
        return None if self.price is None else self.price.amount * self.segments

    @property
    def at_worst(self) -> Decimal | None:
        """What they would cost if every message were as long as the longest."""
        return None if self.price is None else self.price.amount * self.worst * self.people


def cost_of(
    crm: Crm, session: Session, compiled: CompiledSms, decision: sa.Subquery, reached: int, columns: Words
) -> Cost:
    """Return what a campaign by SMS costs.

    :param decision: of its audience (:func:`crm_plugin.campaigns.launch.staging.decided`).
    :param reached: how many people it reaches.
    :param columns: word of its text → what it stands for, over :class:`Person`.
    :raises BadInput: ``settings.bad_value`` of the price.
    """
    price = price_of(crm.settings)
    wanted = {name: column for name, column in columns.items() if name in compiled.variables}
    if not wanted:
        return _alike(compiled, _ours(crm), _by_place(crm, session, decision), price)
    step = 1 if reached <= COUNTED else max(reached // SAMPLE, 2)
    seen = count(compiled, _people(crm, session, decision, wanted, step))
    longest = count(compiled, _longest(crm, session, decision, wanted)) if step > 1 else seen
    share = reached / seen.people if step > 1 and seen.people else 1
    return Cost(
        people=reached if step > 1 else seen.people,
        segments=round(seen.segments * share),
        worst=max(seen.worst, longest.worst),
        ucs2=round(seen.ucs2 * share),
        exact=step == 1,
        price=price,
    )


def _ours(crm: Crm) -> dict[str, str | None]:
    """Return addresses of ours, as long as they get."""
    code = LONGEST_CODE
    return {
        "link": links.short_url(crm.settings, code),
        "unsubscribe": links.opt_out_url(crm.settings, f"sms-{code}{code[:8]}"),
    }


def _alike(
    compiled: CompiledSms, values: Mapping[str, str | None], places: Mapping[bool, int], price: Price | None
) -> Cost:
    """Return what one text for everybody costs; mainland China counts otherwise."""
    counted = {mainland: count(compiled, [(values, mainland)]) for mainland in places}
    return Cost(
        people=sum(places.values()),
        segments=sum(counted[mainland].segments * people for mainland, people in places.items()),
        worst=max((one.worst for one in counted.values()), default=0),
        ucs2=sum(counted[mainland].ucs2 * people for mainland, people in places.items()),
        exact=True,
        price=price,
    )


def _mainland(crm: Crm) -> sa.ColumnElement[bool]:
    """Return that a person's message is billed as mainland China's."""
    if not capabilities_of(crm.settings.sms_carrier).mainland_parts:
        return sa.false()
    there: sa.ColumnElement[bool] = Person.phone_key.startswith(MAINLAND)
    return there


def _by_place(crm: Crm, session: Session, decision: sa.Subquery) -> dict[bool, int]:
    """Return how many people are reached in mainland China (True), and how many elsewhere."""
    there = sa.case((_mainland(crm), 1), else_=0)
    place = _reached(decision, there.label("there")).subquery()
    found = session.execute(sa.select(place.c.there, sa.func.count()).group_by(place.c.there))
    return {bool(there): number for there, number in found}


def _people(
    crm: Crm, session: Session, decision: sa.Subquery, wanted: Words, step: int
) -> Iterator[tuple[Mapping[str, str | None], bool]]:
    ours = _ours(crm)
    there = sa.case((_mainland(crm), 1), else_=0)
    query = _reached(decision, there, *wanted.values())
    if step > 1:
        query = query.where(Person.id % step == 0)
    for mainland, *row in session.execute(query.execution_options(yield_per=1_000)):
        yield {**ours, **dict(zip(wanted, row, strict=True))}, bool(mainland)


def _longest(
    crm: Crm, session: Session, decision: sa.Subquery, wanted: Words
) -> list[tuple[Mapping[str, str | None], bool]]:
    """Return the longest value of each variable, as if one person had them all, in each place there is."""
    found = _ours(crm)
    for name, column in wanted.items():
        query = _reached(decision, column).order_by(sa.func.length(column).desc()).limit(1)
        # NULL sorts first on PostgreSQL.
        found[name] = session.scalar(query.where(column.is_not(None)))
    return [(found, mainland) for mainland in _by_place(crm, session, decision)]


def _reached(decision: sa.Subquery, *columns: Any) -> sa.Select[Any]:
    mine = sa.and_(Person.id == decision.c.person_id, decision.c.reason.is_(None))
    return sa.select(*columns).select_from(decision).join(Person, mine)
