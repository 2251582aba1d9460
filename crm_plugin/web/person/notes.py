"""What staff write down on a person's page: follow-ups and intentions; and what is due, for the overview."""

from datetime import date, timedelta
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import BadInput, Clause, one_of
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.consent import staff_entry
from crm_plugin.profiles.staff import follow_ups, purchase_intent
from crm_plugin.segments.bulk.bulk_tagging import put_tag, take_tag_off
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.web.person.page import shown, visible
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.formatting import today
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import fragment

ROUTES = Routes()

AHEAD = 7
"""Days from today whose follow-ups the overview already shows."""


@ROUTES.page("/people/<int:ident>/notes", "crm.edit", post=True)
def person_note(ident: int) -> ResponseReturnValue:
    """Write a follow-up down."""
    _see(ident)
    try:
        follow_ups.add(crm(), actor(), ident, _entry())
    except BadInput as error:
        return shown(ident, problem=explain(error), typed=_typed())
    return _back(ident, say("Note saved."))


@ROUTES.page("/people/<int:ident>/notes/<int:note>", "crm.edit", post=True)
def person_note_edit(ident: int, note: int) -> ResponseReturnValue:
    """Change a follow-up."""
    _see(ident)
    follow_ups.edit(crm(), actor(), ident, note, _entry())
    return _back(ident, say("Saved."))


@ROUTES.page("/people/<int:ident>/notes/<int:note>/done", "crm.edit", post=True)
def person_note_done(ident: int, note: int) -> ResponseReturnValue:
    """Mark a follow-up as done, or as still to be done when ``done`` is empty."""
    _see(ident)
    done = bool(request.form.get("done"))
    follow_ups.mark_done(crm(), actor(), ident, note, done)
    if request.form.get("from") == "home":
        tell(say("Done."), "good")
        return redirect(url_for("crm.home"))
    return _back(ident, say("Done.") if done else say("Open again."))


@ROUTES.page("/people/<int:ident>/intention", "crm.edit", post=True)
def person_intention(ident: int) -> ResponseReturnValue:
    """Set the intention for a ``course`` by hand; an empty ``level`` leaves it to the suggestion."""
    _see(ident)
    level = request.form.get("level") or None
    purchase_intent.put(crm(), actor(), ident, request.form.get("course", ""), level)
    return _back(ident, say("Saved."), "intentions")


ANSWERS = {"granted": (True, "marketing"), "denied": (False, "marketing"), "nothing": (False, "all")}
"""What a person said to staff about a channel → whether they agree, and to what."""


@ROUTES.page("/people/<int:ident>/consent", "crm.edit", post=True)
def person_consent(ident: int) -> ResponseReturnValue:
    """Write down what a person said to staff about a ``channel``: an ``answer`` of :data:`ANSWERS`."""
    answer = ANSWERS.get(request.form.get("answer", ""))
    if answer is None:
        raise BadInput("input.bad", "answer", reason=one_of(ANSWERS))
    staff_entry.set_consent(crm(), actor(), ident, request.form.get("channel", ""), *answer)
    return _back(ident, say("Saved."), "consent")


@ROUTES.page("/people/<int:ident>/topic", "crm.edit", post=True)
def person_topic(ident: int) -> ResponseReturnValue:
    """Write down what a person said to staff about a ``topic``: ``answer`` is granted or denied."""
    answer = request.form.get("answer", "")
    if answer not in ("granted", "denied"):
        raise BadInput("input.bad", "answer", reason=one_of(("granted", "denied")))
    topic = request.form.get("topic", 0, type=whole)
    staff_entry.set_topic(crm(), actor(), ident, topic, granted=answer == "granted")
    return _back(ident, say("Saved."), "consent")


@ROUTES.page("/people/<int:ident>/tag", "crm.edit", post=True)
def person_tag(ident: int) -> ResponseReturnValue:
    """Put a ``tag`` on a person, or take it off when ``off`` is given."""
    with crm().db.read() as session:
        one = visible(session, ident)
    tag = " ".join(request.form.get("tag", "").split())
    only = all_of(rule("id", "=", one.host_id))
    try:
        work = take_tag_off if request.form.get("off") else put_tag
        done = work(crm(), actor(), only, tag)
    except BadInput as error:
        tell(explain(error), "bad")
        return redirect(url_for("crm.person", ident=ident))
    if request.form.get("off"):
        text = say("“%(tag)s” removed.", tag=tag)
    else:
        text = say("Tagged “%(tag)s”.", tag=tag) if done.count else say("The tag was there before.")
    tell(text, "good" if done.count else "note", done.undo)
    return redirect(url_for("crm.person", ident=ident))


def due() -> list[dict[str, Any]]:
    """Return what the actor meant to come back to, up to :data:`AHEAD` days from today."""
    now = today()
    with crm().db.read() as session:
        rows = follow_ups.due(session, actor(), now + timedelta(days=AHEAD))
    return [{"row": row, "late": row.due_on and row.due_on < now, "now": row.due_on == now} for row in rows]


def due_card() -> str:
    """Return the overview's card of follow-ups that are due."""
    found = due()
    return fragment("person/due.html", due=found) if found else ""


def _see(ident: int) -> None:
    with crm().db.read() as session:
        visible(session, ident)


def _typed() -> follow_ups.Entry:
    return follow_ups.Entry(request.form.get("kind", "note"), request.form.get("text", ""))


def _entry() -> follow_ups.Entry:
    typed = _typed()
    return follow_ups.Entry(
        typed.kind, typed.text.replace("\r\n", "\n"), _day(request.form.get("due_on", ""))
    )


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput("input.bad", "due_on", reason=Clause("expected a day such as 2026-01-31")) from None


def _back(ident: int, line: str, section: str = "notes") -> ResponseReturnValue:
    tell(line, "good")
    return redirect(url_for("crm.person", ident=ident, _anchor=section))
