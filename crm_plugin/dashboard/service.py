"""The home page in one call: the page, the API and the school's own home show what this returns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from crm_plugin.campaigns.access import is_visible
from crm_plugin.campaigns.delivery.notifications import stopped
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.campaigns.reporting import sends
from crm_plugin.campaigns.reporting.sends import CampaignLine, DayVolume
from crm_plugin.channels.sms.cost import Price, price_of
from crm_plugin.dashboard import make_up, reached
from crm_plugin.dashboard.reached import Reached
from crm_plugin.dashboard.slices import CLOSES, Chart, Slice, closing
from crm_plugin.dashboard.spans import Span
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput, TooSlow
from crm_plugin.profiles.store.host_info_cache import own_currency, school_today, school_zone
from crm_plugin.segments import service as segments
from crm_plugin.segments.language.dates import day_start

LAST = 5
"""Campaigns that each list of the page shows."""


@dataclass(frozen=True)
class Sends:
    """What was sent in the span."""

    bulk: int
    """Campaigns to many that handed anything over."""
    messages: int
    """Messages handed over (sending, sent, delivered or unknown), one-to-one ones too: person-times."""
    reached: Reached
    last: CampaignLine | None
    """The campaign that finished last, whenever that was."""
    volume: list[DayVolume]
    parts: int
    unmeasured: int
    """SMS whose billed parts are not known."""
    price: Price | None
    """Of a billed part today; None where it is not set, and for who may not see money."""


@dataclass(frozen=True)
class Home:
    """Everything on the home page; figures of the whole school only for who is not limited to courses.

    :param counted_at: when the make-up was counted; None = not yet.
    :param figures: name → its segment and number.
    :param closing: people with an unpaid order that closes today; None = not counted.
    :param uncounted: the school says when orders close, but today's could not be counted.
    """

    span: Span
    currency: str
    stopped: list[CampaignRow]
    under_way: list[CampaignLine]
    recent: list[CampaignLine]
    closing: tuple[Slice, int] | None
    uncounted: bool
    sends: Sends | None = None
    counted_at: datetime | None = None
    figures: dict[str, tuple[Slice, int]] = field(default_factory=dict)
    charts: Sequence[tuple[Chart, Sequence[tuple[Slice, int]]]] = ()
    taken: tuple[Slice, Decimal] | None = None
    """Paid in the last thirty days, in ``currency``, refunds taken off; only for who may see money."""


def home(crm: Crm, actor: Actor, span: Span) -> Home:
    """Return the home page of an actor.

    :raises Refused: without ``crm.view``.
    """
    need(actor, "crm.view")
    waiting = [row for row in stopped(crm) if is_visible(row, actor)][:LAST]
    tomorrow = day_start(school_today(crm) + timedelta(days=1), school_zone(crm))
    with crm.db.read() as session:
        lists = (
            *(span, own_currency(crm), waiting),
            sends.under_way(session, actor, tomorrow, LAST),
            sends.recent(session, actor, LAST),
        )
        found = make_up.current(crm, session)
    if actor.scope is not None:
        return Home(*lists, *_closing_for(crm, actor))
    sent = _sends(crm, actor, span)
    if found is None:
        return Home(*lists, None, _says_when_orders_close(crm), sent)
    money, figures = actor.may("crm.money"), make_up.figures_of(found)
    ends, payers = figures.pop("closing", None), figures.pop("payers", None)
    ends = ends if found.day == school_today(crm) else None
    return Home(
        *lists,
        *(ends, ends is None and _says_when_orders_close(crm)),
        sent,
        found.as_of,
        figures,
        [pair for pair in make_up.slices_of(crm, found) if money or not pair[0].money],
        (payers[0], found.taken) if money and payers else None,
    )


def _sends(crm: Crm, actor: Actor, span: Span) -> Sends:
    days = span.first, span.last
    with crm.db.read() as session:
        found, bulk = sends.volume(session, days), sends.bulk_sends(session, days)
        last = sends.last_finished(session)
    sms = [one for one in found if one.channel == "sms"]
    return Sends(
        bulk=bulk,
        messages=sum(one.messages for one in found),
        reached=reached.reached(crm, span),
        last=last,
        volume=found,
        parts=sum(one.parts for one in sms),
        unmeasured=sum(one.messages - one.measured for one in sms),
        price=price_of(crm.settings) if actor.may("crm.money") else None,
    )


def _closing_for(crm: Crm, actor: Actor) -> tuple[tuple[Slice, int] | None, bool]:
    """Return the people with an unpaid order that closes today, in the courses of a limited actor.

    The second says that they could not be counted.
    """
    asked = closing(school_today(crm))
    try:
        return (asked, segments.count(crm, asked.tree, actor=actor).count), False
    except BadInput:
        return None, False
    except TooSlow:
        return None, True


def _says_when_orders_close(crm: Crm) -> bool:
    return segments.catalogue(crm).provides(CLOSES)
