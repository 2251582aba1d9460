"""One campaign: live progress, decisions, report, and the people behind each number."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import desk
from crm_plugin.campaigns.ledger import REASONS, STATES, Books
from crm_plugin.campaigns.preview import preview
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.campaigns.report import Report
from crm_plugin.web import present, searches
from crm_plugin.web.campaigns import find
from crm_plugin.web.guard import actor, crm, page
from crm_plugin.web.i18n import say
from crm_plugin.web.view import fragment, render
from crm_plugin.web.words import word

MOVING = ("scheduled", "freezing", "sending")
CLICKS_COME = timedelta(days=2)
"""So long after its end a campaign's page still looks for clicks by itself."""
PEOPLE = 100
_TONES = {
    "sent": "good",
    "delivered": "good",
    "sending": "info",
    "leased": "info",
    "pending": "wait",
    "waiting": "wait",
    "failed_transient": "bad",
    "failed_permanent": "bad",
    "unknown": "warn",
    "cancelled": "mute",
    "excluded": "mute",
}
_ORDER = (
    "delivered", "sent", "sending", "leased", "pending", "waiting", "unknown",
    "failed_transient", "failed_permanent", "cancelled", "excluded",
)  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A piece of the bar of books, in thousandths of its width."""

    label: str
    tone: str
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class Line:
    """A line of the report; ``what`` opens its people."""

    label: str
    count: int
    what: str
    indent: bool = False


@page("/campaigns/<int:ident>")
def campaign(ident: int) -> ResponseReturnValue:
    """Show a campaign; a draft opens in the composer."""
    row = find(ident)
    if row.state == "draft" and actor().may("crm.send"):
        return redirect(url_for("crm.compose_audience", ident=ident))
    found = desk.report(crm(), actor(), ident)
    message = preview(crm(), ident).message
    return render(
        "campaigns/page.html",
        title=row.name,
        active="campaigns",
        lead=say(
            "%(channel)s · %(purpose)s",
            channel=word("channel", row.channel),
            purpose=word("purpose", row.purpose),
        ),
        oob=False,
        content=row.content,
        sentence=searches.sentence(row.audience),
        preview_text=message.text if message else "",
        **_live(found),
    )


@page("/campaigns/<int:ident>/live")
def campaign_live(ident: int) -> ResponseReturnValue:
    """Return the moving part of the page."""
    return fragment("campaigns/moved.html", oob=True, **_live(desk.report(crm(), actor(), ident)))


def _live(found: Report) -> dict[str, Any]:
    row, books = found.campaign, found.books
    pieces = _bar(books)
    rate, remaining = _pace(row, books)
    return {
        "campaign": row,
        "books": books if books.considered else None,
        "bar": pieces,
        "bar_text": ", ".join(f"{one.label} {present.number(one.count)}" for one in pieces),
        "verbs": _verbs(row, books),
        "unknown": books.states["unknown"],
        "moving": row.state in MOVING,
        "every": _every(row),
        "lines": _lines(books),
        "clicks": {
            "hits": found.clicks.hits,
            "human_hits": found.clicks.human_hits,
            "people": found.clicks.people_clicked,
        },
        "rate": rate,
        "remaining": remaining,
        "now": crm().clock(),
    }


def _every(row: CampaignRow) -> int:
    """Return after how many seconds the page asks again; 0 = never."""
    if row.state in MOVING:
        return 2
    young = row.finished_at is not None and crm().clock() - row.finished_at < CLICKS_COME
    return 15 if young else 0


def _counts(books: Books) -> dict[str, int]:
    return {**books.states, "excluded": sum(books.excluded.values())}


def _bar(books: Books) -> list[Piece]:
    counts, x, pieces = _counts(books), 0.0, []
    for name in _ORDER:
        if counts[name]:
            width = round(1000 * counts[name] / books.considered, 2)
            pieces.append(Piece(word("delivery", name), _TONES[name], counts[name], round(x, 2), width))
            x += width
    return pieces


def _pace(row: CampaignRow, books: Books) -> tuple[str, str]:
    """Return (messages a second since the launch, time that the rest takes at that pace), as words."""
    done = sum(books.states[name] for name in ("sent", "delivered", "failed_permanent", "unknown"))
    if row.state != "sending" or not done or row.launched_at is None:
        return "", ""
    pace = done / max((crm().clock() - row.launched_at).total_seconds(), 1.0)
    left = sum(books.states[name] for name in ("pending", "leased", "sending"))
    return present.number(round(pace, 1)), present.seconds(left / pace) if left and pace else ""


def _verbs(row: CampaignRow, books: Books) -> set[str]:
    verbs = set()
    if row.state in MOVING:
        verbs.add("pause")
    if row.state in ("paused", "held"):
        verbs.add("resume")
    if row.state in (*MOVING, "paused", "held"):
        verbs.add("cancel")
    if books.states["failed_transient"] and row.state in ("sending", "paused", "held", "finished"):
        verbs.add("retry")
    return verbs


def _lines(books: Books) -> list[Line]:
    counts = _counts(books)
    made = [Line(word("delivery", "considered"), books.considered, "considered")]
    made.append(Line(word("delivery", "excluded"), counts["excluded"], "excluded"))
    reasons = sorted(books.excluded, key=lambda one: REASONS.index(one) if one in REASONS else len(REASONS))
    made += [
        Line(word("reason", one), books.excluded[one], f"excluded:{one}", indent=True) for one in reasons
    ]
    made += [Line(word("delivery", name), counts[name], name) for name in STATES if name != "excluded"]
    return made


@page("/campaigns/<int:ident>/people")
def campaign_people(ident: int) -> ResponseReturnValue:
    """Show exactly the people behind a number: ``what`` is a state, ``excluded:reason`` or ``clicked``."""
    what = request.args.get("what", "considered")
    after = request.args.get("after", 0, type=int)
    rows = desk.people_of(crm(), actor(), ident, what, after, PEOPLE + 1)
    found = desk.report(crm(), actor(), ident)
    more = rows[:PEOPLE][-1].delivery_id if len(rows) > PEOPLE else None
    return render(
        "campaigns/people.html",
        title=_title(what),
        active="campaigns",
        campaign=found.campaign,
        rows=rows[:PEOPLE],
        total=_total(found, what),
        next=url_for("crm.campaign_people", ident=ident, what=what, after=more) if more else "",
        first=url_for("crm.campaign_people", ident=ident, what=what) if after else "",
    )


def _title(what: str) -> str:
    state, _, reason = what.partition(":")
    if what == "clicked":
        return say("People who clicked")
    return f"{word('delivery', state)}: {word('reason', reason)}" if reason else word("delivery", state)


def _total(found: Report, what: str) -> int:
    state, _, reason = what.partition(":")
    if what == "clicked":
        return found.clicks.people_clicked
    if reason:
        return found.books.excluded.get(reason, 0)
    return found.books.considered if what == "considered" else _counts(found.books).get(state, 0)
