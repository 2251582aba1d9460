"""The home page: today's work first, then pinned quick queries, what was sent, and who the people are."""

from datetime import date
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from crm_plugin.dashboard.service import Home, Sends
from crm_plugin.dashboard.service import home as home_of
from crm_plugin.dashboard.slices import RECENT
from crm_plugin.dashboard.spans import LENGTHS, USUAL, Span, between, last_days
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.store.host_info_cache import host_info, school_today
from crm_plugin.web.admin.initialisation import shown_streams
from crm_plugin.web.home_page import charts
from crm_plugin.web.segments import links
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.extension import WebExtension
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()


@ROUTES.page("/")
def home() -> ResponseReturnValue:
    """Show the home page. Staff limited to some courses see no figures of the whole school."""
    span, trouble = _asked()
    found, info, streams = home_of(crm(), actor(), span), host_info(crm()), shown_streams()
    return render(
        "home_page/page.html",
        title=say("Home"),
        active="home",
        site_name=info.site_name if info else "",
        has_data=any(row.rows or row.ok_at for row in streams),
        trouble=trouble,
        found=found,
        spans=_spans(span),
        sent=_sent(found.sends) if found.sends else [],
        volume=_volume(found.sends, span) if found.sends else None,
        figures=_figures(found),
        rings=charts.rings(found),
        closing=_closing(found),
        pinned=[row for row in links.saved() if row.pinned],
        streams=streams,
        oldest=min((row.ok_at for row in streams if row.ok_at), default=None),
        brought=[Markup(card()) for room in crm().contributed(WebExtension) for card in room.cards],
    )


def _asked() -> tuple[Span, str]:
    """Return the days that are asked for, and what is wrong with them: then they are the usual ones."""
    today = school_today(crm())
    try:
        if request.args.get("from") or request.args.get("to"):
            return between(_day("from"), _day("to")), ""
        return last_days(_length(request.args.get("days", "")), today), ""
    except BadInput as error:
        return last_days(USUAL, today), explain(error)


def _day(name: str) -> date:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        raise BadInput("input.bad", name, reason=Clause("a day such as 2026-01-31")) from None


def _length(text: str) -> int:
    try:
        return whole(text) if text else USUAL
    except ValueError:
        return 0


def _spans(span: Span) -> dict[str, Any]:
    return {
        "first": span.first.isoformat(),
        "last": span.last.isoformat(),
        "chosen": not span.length,
        "lengths": [
            {"days": n, "href": url_for("crm.home", days=n), "now": n == span.length} for n in LENGTHS
        ],
        "said": f"{formatting.day(span.first)} – {formatting.day(span.last)}",
    }


def _sent(sends: Sends) -> list[dict[str, str]]:
    """Return the figures of what was sent; each opens what it counts."""
    people = "–" if sends.reached.people is None else formatting.number(sends.reached.people)
    last = sends.last
    rate = formatting.percent(last.people_clicked, last.received) if last else "–"
    about = last.name if last else say("no campaign finished yet")
    shown = (
        ("bulk", formatting.number(sends.bulk), "", url_for("crm.campaigns")),
        ("messages", formatting.number(sends.messages), say("one-to-one ones too"), ""),
        ("reached", people, "", links.address(sends.reached.tree)),
        ("click_rate", rate, about, url_for("crm.campaign", ident=last.id) if last else ""),
    )
    return [_figure(word("home_figure", key), *more) for key, *more in shown]


def _figure(label: str, value: str, note: str = "", href: str = "") -> dict[str, str]:
    return {"label": label, "value": value, "note": note, "href": href}


def _volume(sends: Sends, span: Span) -> dict[str, Any]:
    price = sends.price
    return {
        "chart": charts.volume(span, sends.volume, price),
        "parts": sends.parts,
        "unmeasured": sends.unmeasured,
        "priced": price is not None,
        "cost": formatting.money(price.amount * sends.parts, price.currency) if price else "",
    }


def _figures(found: Home) -> list[dict[str, str]]:
    """Return the numbers of the whole school."""
    last = say("last %(days)s days", days=RECENT)
    notes = {"registered": last, "active": last, "unpaid": say("now")}
    shown = [
        _figure(
            word("home_figure", key), formatting.number(number), notes.get(key, ""), links.address(one.tree)
        )
        for key, (one, number) in found.figures.items()
    ]
    if found.taken is not None:
        payers, amount = found.taken
        taken = formatting.whole_money(amount, found.currency)
        shown.append(_figure(word("home_figure", "taken"), taken, last, links.address(payers.tree)))
    return shown


def _closing(found: Home) -> dict[str, str] | None:
    """Return how many people have an unpaid order that closes today; None where nobody has."""
    if found.closing is None or not found.closing[1]:
        return None
    one, number = found.closing
    return {"people": formatting.number(number), "href": links.address(one.tree)}
