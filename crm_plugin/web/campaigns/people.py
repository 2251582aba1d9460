"""The people behind each number of a campaign, decisions about some of them, and their list as a file."""

from collections.abc import Iterator
from typing import Any

from flask import Response, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access, service
from crm_plugin.campaigns.reporting.export import Exported, export
from crm_plugin.campaigns.reporting.report import WRITTEN, number_of, people_of
from crm_plugin.channels.email.smtp.connect_faults import spoken
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.store.masking import as_seen
from crm_plugin.segments.bulk.spreadsheet import csv_parts
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import locale, say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

PEOPLE = 100


@ROUTES.page("/campaigns/<int:ident>/people")
def campaign_people(ident: int) -> ResponseReturnValue:
    """Show exactly the people behind a number: ``what`` is a state, perhaps with a reason, or ``clicked``."""
    what = request.args.get("what", "considered")
    after = request.args.get("after", 0, type=whole)
    with crm().db.read() as session:
        row = access.find(session, actor(), ident)
        rows = people_of(session, row, what, after, PEOPLE + 1, scope=actor().scope)
        total = number_of(session, row, what, actor().scope)
    rows = [as_seen(actor(), one, *WRITTEN) for one in rows]
    more = rows[:PEOPLE][-1].delivery_id if len(rows) > PEOPLE else None
    return render(
        "campaigns/people.html",
        title=_title(what),
        active="campaigns",
        campaign=row,
        what=what,
        rows=rows[:PEOPLE],
        said={row.delivery_id: spoken(row.words, locale()) for row in rows if row.words},
        total=total,
        next=url_for("crm.campaign_people", ident=ident, what=what, after=more) if more else "",
        first=url_for("crm.campaign_people", ident=ident, what=what) if after else "",
    )


def _title(what: str) -> str:
    state, _, reason = what.partition(":")
    if what == "clicked":
        return say("People who clicked")
    if state == "bought":
        return say("Bought within %(days)s days of their message", days=reason)
    return f"{word('delivery', state)}: {word('reason', reason)}" if reason else word("delivery", state)


@ROUTES.page("/campaigns/<int:ident>/resolve", "crm.send", post=True)
def campaign_resolve(ident: int) -> ResponseReturnValue:
    """Decide about messages in doubt: ``decision`` is sent or again, about the selected rows or about all."""
    only = request.form.getlist("row", type=whole) if "some" in request.form else None
    if only == []:
        tell(say("Select people first."), "warn")
    else:
        count = service.resolve(crm(), actor(), ident, request.form.get("decision", ""), only)
        tell(say("%(count)s messages decided.", count=formatting.number(count)), "good")
    if only is not None:
        return redirect(url_for("crm.campaign_people", ident=ident, what="unknown"))
    return redirect(url_for("crm.campaign", ident=ident))


@ROUTES.page("/campaigns/<int:ident>/export", "crm.export", post=True)
def campaign_export(ident: int) -> ResponseReturnValue:
    """Answer with the people behind a number as CSV: who, what became of it, when, clicks."""
    what = request.form.get("what", "considered")
    rows = export(crm(), actor(), ident, what)
    heading = [
        *(say("Number"), say("Person"), say("State"), say("Reason"), say("Carrier's words")),
        *(say("Handed to the carrier"), say("Settled"), say("First click"), say("Human hits")),
    ]
    body = stream_with_context(csv_parts(heading, _cells(rows)))  # words and zone are the reader's
    response = Response(body, mimetype="text/csv; charset=utf-8")
    name = f"campaign-{ident}-{crm().clock().astimezone(formatting.zone()):%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _cells(rows: Iterator[Exported]) -> Iterator[list[Any]]:
    here, states = formatting.zone(), word

    def local(value: Any) -> Any:
        return value and value.astimezone(here).replace(tzinfo=None, microsecond=0)

    for row, clicked_at, clicks in rows:
        yield [
            *(row.host_id, row.display_name, states("delivery", row.state)),
            *(states("reason", row.reason) if row.reason else "", spoken(row.words, locale())),
            *(local(row.handed_at), local(row.settled_at), local(clicked_at), clicks),
        ]
