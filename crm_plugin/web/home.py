"""The overview: figures, trends, pinned quick queries, recent campaigns, age of the data."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask.typing import ResponseReturnValue
from markupsafe import Markup

from crm_plugin.campaigns.access import is_visible
from crm_plugin.campaigns.delivery.notifications import stopped
from crm_plugin.dashboard.queries import DAYS, Day, Figures, day_starts, figures, trend
from crm_plugin.profiles.store.host_info_cache import host_info, own_currency, school_zone
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.web.admin.initialisation import shown_streams
from crm_plugin.web.campaigns.list_page import lines
from crm_plugin.web.segments import links
from crm_plugin.web.segments.presets import PRESETS
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.extension import WebExtension
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import render

ROUTES = Routes()

STOPPED = 5
"""Campaigns that wait for a person, of which the overview speaks."""
WIDTH, HEIGHT = 290, 60
"""Of a trend's drawing, in units of its own."""


@ROUTES.page("/")
def home() -> ResponseReturnValue:
    """Show the overview. Staff limited to some courses see no figures of the whole school."""
    currency = own_currency(crm())
    # The school's own zone, in which conditions are decided: a figure is the number of the people it opens.
    zone = school_zone(crm())
    whole = actor().scope is None
    streams = shown_streams()
    with crm().db.read() as session:
        numbers = figures(session, crm().clock(), zone, currency) if whole else None
        days = trend(session, crm().clock(), zone, currency) if whole else []
    info = host_info(crm())
    return render(
        "home.html",
        title=say("Home"),
        active="home",
        site_name=info.site_name if info else "",
        has_data=any(row.rows or row.ok_at for row in streams),
        figures=_figures(numbers, currency, zone) if numbers and numbers.people else [],
        trends=_trends(days, currency) if numbers and numbers.people else [],
        campaigns=lines(5),
        stopped=[row for row in stopped(crm()) if is_visible(row, actor())][:STOPPED],
        pinned=[row for row in links.saved() if row.pinned],
        streams=streams,
        brought=[Markup(card()) for room in crm().contributed(WebExtension) for card in room.cards],
    )


def _figures(numbers: Figures, currency: str, zone: ZoneInfo) -> list[dict[str, str]]:
    trees = {preset.key: links.address(preset.tree) for preset in PRESETS}
    last = say("last %(days)s days", days=DAYS)
    shown = [
        (say("People"), formatting.number(numbers.people), "", trees["everybody"]),
        (say("Newly registered"), formatting.number(numbers.registered), last, _since("registered_at", zone)),
        (say("Recently active"), formatting.number(numbers.active), last, _since("last_active_at", zone)),
        (say("Ever bought"), formatting.number(numbers.buyers), "", trees["bought"]),
        (say("With unpaid orders"), formatting.number(numbers.unpaid), say("now"), trees["unpaid"]),
    ]
    if actor().may("crm.money"):
        taken, href = formatting.whole_money(numbers.taken, currency), _since("last_paid_at", zone)
        shown.append((say("Paid, refunds taken off"), taken, last, href))
    return [
        {"label": label, "value": value, "note": note, "href": href} for label, value, note, href in shown
    ]


def _since(field: str, zone: ZoneInfo) -> str:
    """Address of the people with an instant in the days that the figures are of."""
    start = day_starts(crm().clock(), zone)[0]
    return links.address(all_of(rule(field, ">=", start.date().isoformat())))


def _trends(days: Sequence[Day], currency: str) -> list[dict[str, Any]]:
    registered = [day.registered for day in days]
    made = [_drawn(say("New people"), registered, formatting.number(sum(registered)))]
    if actor().may("crm.money"):
        taken = [day.taken for day in days]
        made.append(_drawn(say("Revenue"), taken, formatting.whole_money(sum(taken, Decimal(0)), currency)))
    return made


def _drawn(label: str, values: Sequence[int | Decimal], total: str) -> dict[str, Any]:
    top = max([*map(float, values), 1.0])
    step = WIDTH / max(len(values) - 1, 1)
    points = [
        f"{position * step:.1f} {HEIGHT - 4 - max(float(value), 0.0) / top * (HEIGHT - 10):.1f}"
        for position, value in enumerate(values)
    ]
    line = "M" + "L".join(points)
    spoken = say("%(label)s in the last %(days)s days: %(total)s", label=label, days=DAYS, total=total)
    return {
        "label": label,
        "total": total,
        "line": line,
        "area": f"{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z",
        "spoken": spoken,
    }
