"""People: the filter builder with its live count, the results, and what one does with them."""

from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import BadInput, CrmError, NotFound
from crm_plugin.profiles.lookup import labels
from crm_plugin.profiles.queries import search_courses
from crm_plugin.segments import queries, quick, service
from crm_plugin.web import searches
from crm_plugin.web.builder import Tree, act, finished, read
from crm_plugin.web.builder_view import view
from crm_plugin.web.builder_words import COMBINE, MODES, OPERATORS, UNITS
from crm_plugin.web.campaigns import start_draft
from crm_plugin.web.guard import actor, crm, is_htmx, need, page
from crm_plugin.web.i18n import explain, mark, say
from crm_plugin.web.notes import tell
from crm_plugin.web.place import Place
from crm_plugin.web.presets import PRESETS
from crm_plugin.web.reach import shown
from crm_plugin.web.results import Results, found
from crm_plugin.web.selection import Selection
from crm_plugin.web.view import fragment, render


@dataclass(frozen=True)
class Link:
    """A search to start from."""

    label: str
    href: str
    current: bool


def _builder(tree: Tree, query_id: int | None) -> dict[str, Any]:
    """Return what the builder's templates need."""
    menus = searches.fields()
    return {
        "view": view(tree, menus, searches.names(tree, menus)),
        "fields": menus,
        "query_id": query_id,
        "combine_words": COMBINE,
        "mode_words": MODES,
        "operator_words": OPERATORS,
        "unit_words": UNITS,
    }


def _counted(tree: Tree) -> dict[str, Any]:
    """Count what is finished of a search."""
    complete, unfinished = finished(tree)
    try:
        counted = service.count(crm(), complete, actor=actor())
    except CrmError as error:
        return {"counted": None, "problem": explain(error), "unfinished": unfinished}
    return {"counted": counted, "problem": "", "unfinished": unfinished}


def _presets(tree: Tree) -> list[Link]:
    menus = searches.fields()
    return [
        Link(one.label, searches.address(one.tree), tree == one.tree)
        for one in PRESETS
        if all(menus.find(rule.get("field", "last_active_at")) for rule in one.tree["rules"])
    ]


@page("/people")
def people() -> ResponseReturnValue:
    """Show the builder; ``tree`` is a search, ``query`` a saved one, which is opened without running it."""
    query_id = request.args.get("query", type=int)
    query = queries.get(crm(), query_id, actor()) if query_id else None
    if query is not None and "tree" not in request.args:
        return _opened(query)
    return listed(Place.read(searches.asked(), request.args), query=query)


def listed(
    place: Place, selection: Selection | None = None, query: queries.QueryRow | None = None
) -> Response:
    """Show the page with the people of a place.

    :raises BadInput: when the place cannot be understood.
    """
    results = found(place, selection)
    return _page(place.tree, query, counted=_counted(place.tree), results=results, **shown(place))


def _opened(query: queries.QueryRow) -> Response:
    nothing = {"counted": None, "problem": "", "unfinished": 0}
    return _page(query.tree, query, counted=nothing, results=None)


def _page(
    tree: Tree, query: queries.QueryRow | None, *, counted: dict[str, Any], results: Any, **more: Any
) -> Response:
    return render(
        "people/list.html",
        title=say("People"),
        active="people",
        presets=_presets(tree),
        saved=searches.saved(),
        query_name=query.name if query else "",
        query_count=query.count if query else None,
        query_trouble=searches.trouble(query.tree) if query else "",
        query_counted_at=query.counted_at if query else None,
        sentence=searches.sentence(tree) if tree["rules"] else "",
        oob=False,
        results=results,
        size=_size(results, counted["counted"]),
        currency=service.catalogue(crm()).currency,
        **_builder(tree, query.id if query else None),
        **counted,
        **more,
    )


def _size(results: Results | None, counted: service.Counted | None) -> int | None:
    """Return how many people the list has: of a part of a search, the part's."""
    if results is None or counted is None:
        return None
    if not results.place.step:
        return counted.count
    return service.count(crm(), results.place.part, actor=actor()).count


@page("/people/count", post=True)
def people_count() -> ResponseReturnValue:
    """Count the people of the builder's form, with its time."""
    tree = read(request.form, searches.fields())
    return fragment("people/count.html", oob=False, **_counted(tree))


@page("/people/build", post=True)
def people_build() -> ResponseReturnValue:
    """Do what a button of the builder says (``do``); without a button, show the form anew."""
    tree = read(request.form, searches.fields())
    verb = request.form.get("do", "")
    query_id = request.form.get("query", type=int)
    if verb in _DEEDS:
        try:
            return _DEEDS[verb](finished(tree)[0], query_id)
        except BadInput as error:
            tell(explain(error), "bad")
            return _rebuilt(tree, query_id)
    return _rebuilt(act(tree, verb), query_id)


def _rebuilt(tree: Tree, query_id: int | None) -> ResponseReturnValue:
    counted = _counted(tree)
    if is_htmx():
        return fragment("people/built.html", oob=True, **_builder(tree, query_id), **counted)
    query = queries.get(crm(), query_id, actor()) if query_id else None
    return _page(tree, query, counted=counted, results=None)


def _apply(tree: Tree, query_id: int | None) -> ResponseReturnValue:
    service.understood(crm(), tree, actor())
    return redirect(url_for("crm.people", tree=searches.compact(tree), query=query_id))


def _save(tree: Tree, _query_id: int | None) -> ResponseReturnValue:
    need("crm.edit")
    name = request.form.get("save_name", "").strip()
    if not name:
        raise BadInput("segment.no_name")
    ident = quick.save(crm(), actor(), name, tree, pinned=bool(request.form.get("save_pin")))
    tell(say("Saved as “%(name)s”.", name=name), "good")
    return redirect(url_for("crm.people", query=ident, tree=searches.compact(tree)))


def _update(tree: Tree, query_id: int | None) -> ResponseReturnValue:
    need("crm.edit")
    if query_id is None:
        raise NotFound("object.missing", kind="query", id="")
    quick.change(crm(), actor(), query_id, tree)
    tell(say("Saved."), "good")
    return redirect(url_for("crm.people", query=query_id, tree=searches.compact(tree)))


def _reach(tree: Tree, _query_id: int | None) -> ResponseReturnValue:
    need("crm.send")
    return redirect(url_for("crm.compose_audience", ident=start_draft(tree)))


_DEEDS = {"apply": _apply, "save": _save, "update": _update, "reach": _reach}


@page("/people/pick/<what>")
def people_pick(what: str) -> ResponseReturnValue:
    """Return choices for a picker as JSON: courses, categories, tags or quick queries that contain ``q``."""
    text = request.args.get("q", "")[:100]
    return jsonify(items=[{"id": ident, "label": label} for ident, label in _choices(what, text)])


def _choices(what: str, text: str) -> list[tuple[str, str]]:
    if what == "query":
        return [(str(row.id), row.name) for row in searches.saved() if text.lower() in row.name.lower()]
    with crm().db.read() as session:
        if what == "course":
            return [(one.host_id, one.title) for one in search_courses(session, text, limit=30)]
        if what in ("tag", "category"):
            return [(label, label) for label in labels(session, what, text)]
    raise NotFound("object.missing", kind=say(mark("list of choices")), id=what)
