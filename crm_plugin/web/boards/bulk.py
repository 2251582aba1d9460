"""What is done to people of a tab: to those who are selected or to all, as the button says."""

from collections.abc import Callable
from dataclasses import replace

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns.ready.start import Wanted, start
from crm_plugin.kernel.errors import BadInput, Clause, CrmError
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.staff import purchase_intent
from crm_plugin.segments.language.documents import Document
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.saved import quick_queries
from crm_plugin.web.boards.board_page import shown
from crm_plugin.web.boards.place import Place
from crm_plugin.web.campaigns.list_page import start_draft
from crm_plugin.web.listing.export_file import export
from crm_plugin.web.listing.selection import Selection, host_ids
from crm_plugin.web.listing.tagging import NOTES, tag
from crm_plugin.web.segments import links
from crm_plugin.web.segments.pickers import course_meant
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.formatting import number
from crm_plugin.web.shell.guard import Routes, actor, crm, need
from crm_plugin.web.shell.i18n import explain, locale, say

ROUTES = Routes()

Change = Callable[[Place, Document], ResponseReturnValue]


@ROUTES.page("/boards/selected", post=True)
def board_selected() -> ResponseReturnValue:
    """Do what a button of the list says: ``do`` is ``verb:all`` or ``verb:some``, or turns the page."""
    form = request.form
    place, selection = Place.read(form.get("course", ""), form), Selection.read(form)
    verb, _, whom = form.get("do", "").rpartition(":")
    if verb == "turn":
        return _turned(place, selection, whom)
    change = _ACTIONS.get(verb.partition("/")[0])
    if change is None or whom not in ("all", "some"):
        raise BadInput("input.bad", "do", reason=Clause("no such button"))
    if whom == "some" and selection.is_empty:
        tell(say("Nobody is selected. Select people in the list, or use a button for all."), "bad")
        return redirect(place.address() + NOTES)
    tree = place.tab.tree if whom == "all" else selection.tree(place.tab.tree)
    try:
        return change(place, tree)
    except BadInput as error:
        tell(explain(error, placed=False), "bad")
        return redirect(place.address() + NOTES)


def _turned(place: Place, selection: Selection, where: str) -> ResponseReturnValue:
    if where == "page":
        ticked = selection.ids | frozenset(host_ids(request.form.get("shown", "[]")))
        return shown(place, Selection(ids=ticked))
    if where == "none":
        return redirect(place.address())
    after = request.form.get("next") or None if where == "next" else None
    there = replace(place, after=after)
    # Without ticks a page has an address of its own, which can be kept and sent.
    return redirect(there.address()) if selection.is_empty else shown(there, selection)


def _write(_place: Place, tree: Document) -> ResponseReturnValue:
    need("crm.send")
    return redirect(url_for("crm.compose_audience", ident=start_draft(tree)))


def _ready(place: Place, tree: Document) -> ResponseReturnValue:
    form = request.form
    name = form.get("do", "").partition("/")[2].partition(":")[0]
    target = course_meant(form.get(f"to-{name}", "").strip())
    wanted = Wanted(name, form.get(f"by-{name}", ""), target, locale())
    ident = start(crm(), actor(), place.tab, wanted, tree)
    return redirect(url_for("crm.compose_content", ident=ident))


def _tag(put: bool) -> Change:
    def change(place: Place, tree: Document) -> ResponseReturnValue:
        need("crm.edit")
        return tag(Part(tree), put, place.address() + NOTES)

    return change


def _export(format: str) -> Change:
    return lambda _place, tree: export(Part(tree), format)


def _level(place: Place, tree: Document) -> ResponseReturnValue:
    people = links.read(tree).people
    level = request.form.get("level-all") or None
    done = purchase_intent.put_many(crm(), actor(), people, place.tab.course.host_id, level)
    text = say("Intention set for %(shown)s people.", shown=number(done.count))
    tell(text, "good" if done.count else "note", done.undo)
    return redirect(place.address() + NOTES)


def _save(place: Place, tree: Document) -> ResponseReturnValue:
    need("crm.edit")
    name = request.form.get("save-name", "").strip()
    if not name:
        raise BadInput("segment.no_name")
    quick_queries.save(crm(), actor(), name, tree)
    tell(say("Saved as “%(name)s”.", name=name), "good")
    return redirect(place.address() + NOTES)


@ROUTES.page("/boards/intention", "crm.edit", post=True)
def board_intention() -> ResponseReturnValue:
    """Set the intention of one ``person`` for the course, from their row."""
    form = request.form
    ident = form.get("person", 0, type=whole)
    place = Place.read(form.get("course", ""), form)
    level = form.get(f"level-{ident}") or None
    try:
        purchase_intent.put(crm(), actor(), ident, place.tab.course.host_id, level)
    except CrmError as error:
        tell(explain(error, placed=False), "bad")
        return redirect(place.address() + NOTES)
    tell(say("Saved."), "good")
    return redirect(place.address() + f"#p{ident}")


_ACTIONS: dict[str, Change] = {
    "write": _write,
    "ready": _ready,
    "tag": _tag(True),
    "untag": _tag(False),
    "csv": _export("csv"),
    "xlsx": _export("xlsx"),
    "level": _level,
    "save": _save,
}
