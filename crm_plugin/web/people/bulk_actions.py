"""What is done to selected people of a list: ticking, turning pages, reaching, exporting, other columns."""

from collections.abc import Callable
from dataclasses import replace

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.segments.language.json_input import load
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.web.campaigns.list_page import start_draft
from crm_plugin.web.listing.export_file import export
from crm_plugin.web.listing.selection import Selection, host_ids, keep
from crm_plugin.web.listing.tagging import NOTES, tag
from crm_plugin.web.people.list_page import listed
from crm_plugin.web.people.list_state import Place
from crm_plugin.web.segments import links
from crm_plugin.web.shell.guard import Routes, need

ROUTES = Routes()

Change = Callable[[Place, Selection], ResponseReturnValue]


@ROUTES.page("/people/selected", post=True)
def people_selected() -> ResponseReturnValue:
    """Do what a button of the list says (``do``) to the people who are selected; to all when none is."""
    form = request.form
    tree = load(form.get("tree", ""))
    place, selection = Place.read(links.read(tree), form), Selection.read(form)
    change = _ACTIONS.get(form.get("do", ""))
    if change is None:
        raise BadInput("input.bad", "do", reason=Clause("no such button"))
    return change(place, selection)


def _turn(place: Place, selection: Selection, after: str | None) -> ResponseReturnValue:
    place = replace(place, after=after)
    # Without ticks a page has an address of its own, which can be kept and sent.
    return redirect(place.address()) if selection.is_empty else listed(place, selection)


def _next(place: Place, selection: Selection) -> ResponseReturnValue:
    return _turn(place, selection, request.form.get("next") or None)


def _first(place: Place, selection: Selection) -> ResponseReturnValue:
    return _turn(place, selection, None)


def _tick_page(place: Place, selection: Selection) -> ResponseReturnValue:
    shown = frozenset(host_ids(request.form.get("shown", "[]")))
    ids = selection.ids - shown if selection.everybody else selection.ids | shown
    return listed(place, Selection(selection.everybody, ids))


def _tick_all(place: Place, _selection: Selection) -> ResponseReturnValue:
    return listed(place, Selection(everybody=True))


def _tick_none(place: Place, _selection: Selection) -> ResponseReturnValue:
    return redirect(place.address())


def _reach(place: Place, selection: Selection) -> ResponseReturnValue:
    need("crm.send")
    tree = selection.tree(place.tree)
    if place.channel:
        # What the reach was worked out for is what the draft begins with.
        ident = start_draft(tree, channel=place.channel, rest_days=place.days)
    else:
        ident = start_draft(tree)
    return redirect(url_for("crm.compose_audience", ident=ident))


def _tag(put: bool) -> Change:
    def change(place: Place, selection: Selection) -> ResponseReturnValue:
        need("crm.edit")
        return tag(_part(place, selection), put, place.address() + NOTES)

    return change


def _entered(place: Place, selection: Selection) -> ResponseReturnValue:
    """Do what the Enter key means: the tag that was typed, else the next page."""
    if request.form.get("tag", "").strip():
        return _tag(True)(place, selection)
    return _next(place, selection) if request.form.get("next") else _first(place, selection)


def _export(format: str) -> Change:
    def change(place: Place, selection: Selection) -> ResponseReturnValue:
        return export(_part(place, selection), format)

    return change


def _part(place: Place, selection: Selection) -> Part:
    part = place.part
    if part.narrowing is None or not selection.everybody:
        return Part(selection.tree(place.tree), part.narrowing)
    # Taken out of the part and not of the search: else somebody with the same address would take the place.
    return Part(place.tree, {**part.narrowing, "without": sorted(selection.ids)})


def _columns(place: Place, _selection: Selection) -> ResponseReturnValue:
    return _keeping(place, request.form.getlist("column"))


def _usual_columns(place: Place, _selection: Selection) -> ResponseReturnValue:
    return _keeping(place, [])


def _keeping(place: Place, columns: list[str]) -> ResponseReturnValue:
    response = redirect(place.address())
    assert isinstance(response, Response)
    keep(response, columns)
    return response


_ACTIONS: dict[str, Change] = {
    "next": _next,
    "first": _first,
    "page": _tick_page,
    "all": _tick_all,
    "none": _tick_none,
    "reach": _reach,
    "enter": _entered,
    "tag": _tag(True),
    "untag": _tag(False),
    "csv": _export("csv"),
    "xlsx": _export("xlsx"),
    "columns": _columns,
    "usual": _usual_columns,
}
