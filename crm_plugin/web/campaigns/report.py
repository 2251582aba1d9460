"""The later part of a campaign's page: the way from the audience to a purchase, and the curve over time."""

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access
from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.campaigns.reporting import time_series
from crm_plugin.campaigns.reporting.conversions import WINDOWS, conversions
from crm_plugin.campaigns.reporting.report import report
from crm_plugin.campaigns.reporting.time_series import Curve
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.store.host_info_cache import school_zone
from crm_plugin.segments.language.documents import all_of, rows, rule
from crm_plugin.web.campaigns.figures import MOVING, funnel_of
from crm_plugin.web.segments import links
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import fragment, render

ROUTES = Routes()

STEPS = {
    "considered": Text("Audience size"),
    "to_get": Text("Eligible"),
    "left": Text("Sent"),
    "delivered": Text("Reported as delivered"),
    "clicked": Text("Clicked"),
    "bought": Text("Bought afterwards"),
}
OPENS = {"considered": "considered", "delivered": "delivered", "clicked": "clicked"}
"""Step → the number whose people it opens, where it is one number of the books."""
FEWEST = 3
"""Points that make a curve: two would only be a slope."""
WIDTH, HEIGHT = 600, 120
"""Of the curve's drawing, in units of its own."""


@ROUTES.page("/campaigns/<int:ident>/report")
def campaign_report(ident: int) -> ResponseReturnValue:
    """Return funnel, purchases and curve; htmx loads them into the page, without it they are a page."""
    days = request.args.get("days", 7, type=whole)
    with crm().db.read() as session:
        row = access.find(session, actor(), ident)
        found = report(session, row)
        after = conversions(session, row, days, actor())
        curve = time_series.curve(session, row, crm().clock(), school_zone(crm()))
    left = any(found.books.states[name] for name in COUNTED)
    shown: dict[str, Any] = {
        "campaign": row,
        "left": left,
        "every": 5 if not left else 60 if row.state in MOVING else 0,
        "days": days,
        "windows": WINDOWS,
        "after": after,
        "steps": _steps(found, after.buyers if after else None, days),
        "curve": _drawn(curve) if curve and len(curve.starts) >= FEWEST else None,
        "again": links.address(_silent(ident)),
    }
    if request.headers.get("HX-Request"):
        return fragment("campaigns/conversions.html", **shown)
    return render("campaigns/conversions.html", title=row.name, active="campaigns", **shown)


def _steps(found: Any, bought: int | None, days: int) -> list[dict[str, Any]]:
    steps = funnel_of(found, bought)
    for step in steps:
        step["label"] = STEPS[step["key"]]
        step["what"] = f"bought:{days}" if step["key"] == "bought" else OPENS.get(step["key"], "")
    return steps


def _silent(ident: int) -> dict[str, Any]:
    """Return the segment of people who got the message and did not click."""
    got = (rule("campaign_id", "=", ident), rule("state", "in", ["sent", "delivered"]))
    return all_of(rows("deliveries", *got, rule("clicked", "=", False)))


def _drawn(curve: Curve) -> dict[str, Any]:
    """Return both curves as lines, each to its own height, with what a reader hears of them."""
    word = formatting.moment if curve.hourly else formatting.day
    rows = [
        {"at": word(at), "sent": sent, "clicks": clicks}
        for at, sent, clicks in zip(curve.starts, curve.sent, curve.clicks, strict=True)
    ]
    return {
        "hourly": curve.hourly,
        "sent": _line(curve.sent),
        "clicks": _line(curve.clicks),
        "most_sent": max(curve.sent),
        "most_clicks": max(curve.clicks),
        "first": rows[0]["at"],
        "last": rows[-1]["at"],
        "rows": rows,
        "spoken": say(
            "%(sent)s messages and %(clicks)s clicks since %(first)s",
            sent=formatting.number(sum(curve.sent)),
            clicks=formatting.number(sum(curve.clicks)),
            first=rows[0]["at"],
        ),
    }


def _line(values: list[int]) -> str:
    top, step = max([*values, 1]), WIDTH / max(len(values) - 1, 1)
    points = [
        f"{place * step:.1f} {HEIGHT - 4 - value / top * (HEIGHT - 12):.1f}"
        for place, value in enumerate(values)
    ]
    return "M" + "L".join(points)
