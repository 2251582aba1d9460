"""People: the filter builder with its live count, the results, and what one does with them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import BadInput, Clause, CrmError, NotFound, TooSlow
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.people import access
from crm_plugin.segments import queries, service
from crm_plugin.segments.saved import quick_queries
from crm_plugin.segments.service import Search
from crm_plugin.segments.wording.describe import said
from crm_plugin.web.campaigns.list_page import aim, start_draft
from crm_plugin.web.listing.selection import Selection
from crm_plugin.web.people.list_state import Place
from crm_plugin.web.people.reach import NOT_ASKED, Step, shown
from crm_plugin.web.people.results import Results, found
from crm_plugin.web.segments import links
from crm_plugin.web.segments.builder.fields import catalogue, menus, value_word
from crm_plugin.web.segments.builder.form import Tree, act, begun, finished, read
from crm_plugin.web.segments.builder.view import picking, view
from crm_plugin.web.segments.builder.words import COMBINE, MODES, UNITS
from crm_plugin.web.segments.pickers import choices
from crm_plugin.web.segments.presets import PRESETS
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm, is_htmx, need
from crm_plugin.web.shell.i18n import explain, locale, say
from crm_plugin.web.shell.rendering import fragment, render

ROUTES = Routes()

SAMPLE = 20
"""People shown of a segment that is being built."""


@dataclass(frozen=True)
class Link:
    """A segment to start from."""

    label: str
    href: str
    current: bool


def _builder(tree: Tree, query_id: int | None, focus: str = "") -> dict[str, Any]:
    """Return what the builder's templates need; ``focus`` is the place where one goes on."""
    fields = menus()
    # An empty search begins with its first question.
    asked = tree if tree["rules"] else act(tree, "add:r")
    seen = view(asked, fields, links.names(tree, fields))
    for rule in picking(seen):
        rule.choices = choices(rule.pick, request.form.get(f"{rule.path}:q", ""))
    return {
        "view": seen,
        "fields": fields,
        "query_id": query_id,
        "draft": request.values.get("draft", type=whole),
        "focus": focus,
        "combine_words": COMBINE,
        "mode_words": MODES,
        "unit_words": UNITS,
    }


@dataclass(frozen=True)
class _Finished:
    """What is finished of a segment that is being built."""

    search: Search | None
    problem: str
    unfinished: int


def _finished(tree: Tree) -> _Finished:
    """Read what is finished of a segment."""
    complete, unfinished = finished(tree)
    try:
        return _Finished(service.selected(crm(), complete, actor=actor(), known=catalogue()), "", unfinished)
    except CrmError as error:
        return _Finished(None, explain(error, placed=False), unfinished)


def _counted(built: _Finished) -> dict[str, Any]:
    """Count a segment, and say it in words."""
    search = built.search
    shown: dict[str, Any] = {"counted": None, "problem": built.problem, "sentence": ""}
    if search is not None:
        shown["sentence"] = said(crm(), search, locale(), value_word) if search.document["rules"] else ""
        try:
            shown["counted"] = service.counted(crm(), search)
        except TooSlow as error:
            shown["problem"] = explain(error)
    return {**shown, "unfinished": built.unfinished}


def _sample(built: _Finished) -> dict[str, Any]:
    """Return a first look at the people found while the segment is being built."""
    if built.search is None:
        return {"sample": []}
    page = service.listed(crm(), built.search, "id", limit=SAMPLE)
    with crm().db.read() as session:
        return {"sample": access.rows(crm(), session, actor(), page.ids)}


def _presets(tree: Tree, query: queries.QueryRow | None) -> list[Link]:
    fields = menus()
    return [
        Link(one.label, links.address(one.tree), query is None and tree == one.tree)
        for one in PRESETS
        if all(fields.find(rule.get("field", "last_active_at")) for rule in one.tree["rules"])
    ]


@ROUTES.page("/people")
def people() -> ResponseReturnValue:
    """Show the builder; ``tree`` is a segment; ``query``, a quick query, is opened without running it."""
    query_id = request.args.get("query", type=whole)
    query = queries.get(crm(), query_id, actor()) if query_id else None
    if query is not None and "tree" not in request.args:
        return _opened(query)
    try:
        return listed(Place.read(links.asked(), request.args), query=query)
    except BadInput as error:
        tree = links.with_refused()
        if tree is None:
            raise
        return _page(tree, query, counted={**_NOTHING, "problem": explain(error, placed=False)}, results=None)


_NOTHING: dict[str, Any] = {"sample": None, "counted": None, "problem": "", "unfinished": 0, "sentence": ""}


def listed(
    place: Place, selection: Selection | None = None, query: queries.QueryRow | None = None
) -> Response:
    """Show the page with the people of a place; without them when the database was stopped at it.

    :raises BadInput: when the place cannot be understood.
    """
    try:
        results = found(place, selection)
    except TooSlow as error:
        return _too_slow(place, query, error)
    counted = {"sample": None, **_counted(_Finished(place.search, "", 0))}
    reach = shown(place) if place.channel else NOT_ASKED
    return _page(place.tree, query, counted=counted, results=results, **reach)


def _too_slow(place: Place, query: queries.QueryRow | None, error: TooSlow) -> Response:
    """Show the builder, so that the conditions can be changed, and what else one can do."""
    nothing = {**_NOTHING, "problem": explain(error)}
    page = _page(place.tree, query, counted=nothing, results=None, again=place.address())
    page.status_code = error.http_status
    return page


def _opened(query: queries.QueryRow) -> Response:
    words = links.sentence(query.tree) if query.tree["rules"] else ""
    return _page(query.tree, query, counted={**_NOTHING, "sentence": words}, results=None)


def _page(
    tree: Tree,
    query: queries.QueryRow | None,
    *,
    counted: dict[str, Any],
    results: Any,
    focus: str = "",
    **more: Any,
) -> Response:
    return render(
        "people/list.html",
        title=say("People"),
        active="people",
        presets=_presets(tree, query),
        saved=links.saved(),
        query_name=query.name if query else "",
        query_trouble=links.spoken([query])[0].trouble if query else "",
        kept=_kept(query),
        oob=False,
        results=results,
        size=_size(results, counted["counted"], more.get("steps", ())),
        currency=catalogue().currency,
        **_builder(tree, query.id if query else None, focus),
        **counted,
        **more,
    )


def _kept(query: queries.QueryRow | None) -> dict[str, Any] | None:
    """Return the count of a quick query that is kept, with its time."""
    if query is None or query.count is None or query.counted_at is None:
        return None
    return {"count": query.count, "at": query.counted_at}


def _size(results: Results | None, counted: service.Counted | None, steps: Iterable[Step]) -> int | None:
    """Return how many people the list has: of a part of a segment, the part's; None when it is not known."""
    if results is None or counted is None:
        return None
    if not results.place.step:
        return counted.count
    return next((step.count for step in steps if step.current), None)


@ROUTES.page("/people/count", post=True)
def people_count() -> ResponseReturnValue:
    """Count the people of the builder's form, with its time; some of them are fetched afterwards."""
    built = _finished(read(request.form, menus()))
    return fragment("segments/builder/counted.html", oob=False, sample=None, **_counted(built))


@ROUTES.page("/people/sample", post=True)
def people_sample() -> ResponseReturnValue:
    """Show some of the people of the builder's form."""
    return fragment("segments/builder/sample.html", **_sample(_finished(read(request.form, menus()))))


@ROUTES.page("/people/build", post=True)
def people_build() -> ResponseReturnValue:
    """Do what a button of the builder says (``do``); without a button, show the form again."""
    tree = read(request.form, menus())
    verb = request.form.get("do", "")
    query_id = request.form.get("query", type=whole)
    if verb in _ACTIONS:
        try:
            return _ACTIONS[verb](finished(tree)[0], query_id)
        except BadInput as error:
            tell(explain(error, placed=False), "bad")
            return _rebuilt(tree, query_id)
    changed = act(tree, verb)
    return _rebuilt(changed, query_id, begun(changed, verb))


def _rebuilt(tree: Tree, query_id: int | None, focus: str = "") -> ResponseReturnValue:
    built = _finished(tree)
    counted = _counted(built)
    if is_htmx():
        return fragment(
            "segments/builder/built.html", oob=True, sample=None, **_builder(tree, query_id, focus), **counted
        )
    query = queries.get(crm(), query_id, actor()) if query_id else None
    return _page(tree, query, counted={**_sample(built), **counted}, results=None, focus=focus)


def _apply(tree: Tree, query_id: int | None) -> ResponseReturnValue:
    links.read(tree)
    draft = request.form.get("draft", type=whole)
    return redirect(url_for("crm.people", tree=links.compact(tree), query=query_id, draft=draft))


def _save(tree: Tree, _query_id: int | None) -> ResponseReturnValue:
    need("crm.edit")
    name = request.form.get("save_name", "").strip()
    if not name:
        raise BadInput("segment.no_name")
    ident = quick_queries.save(crm(), actor(), name, tree, pinned=bool(request.form.get("save_pin")))
    tell(say("Saved as “%(name)s”.", name=name), "good")
    return redirect(url_for("crm.people", query=ident, tree=links.compact(tree)))


def _update(tree: Tree, query_id: int | None) -> ResponseReturnValue:
    need("crm.edit")
    if query_id is None:
        raise NotFound("object.missing", kind=Clause("quick query"), id="")
    undo = quick_queries.change(crm(), actor(), query_id, tree)
    tell(say("Saved."), "good", undo)
    return redirect(url_for("crm.people", query=query_id, tree=links.compact(tree)))


def _reach(tree: Tree, _query_id: int | None) -> ResponseReturnValue:
    need("crm.send")
    draft = request.form.get("draft", type=whole)
    ident = start_draft(tree) if draft is None else aim(draft, tree)
    return redirect(url_for("crm.compose_audience", ident=ident))


_ACTIONS = {"apply": _apply, "save": _save, "update": _update, "reach": _reach}
