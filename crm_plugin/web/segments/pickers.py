"""What pickers choose from: courses, categories, tags, quick queries, and in the composer people."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access
from crm_plugin.kernel.errors import BadInput, Clause, CrmError, NotFound
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.people.queries import courses_by_host_id, labels, people, search_courses
from crm_plugin.profiles.staff import tags
from crm_plugin.profiles.store.masking import among_seen
from crm_plugin.segments import service
from crm_plugin.segments.language.documents import all_of, any_of, rule
from crm_plugin.web.segments import links
from crm_plugin.web.segments.builder.fields import menus
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say

ROUTES = Routes()

MOST = 30
"""Choices shown at once; others are found by typing."""
RECENT = 500
"""The newest campaigns, among which one is searched."""


@ROUTES.page("/people/pick/<what>")
def people_pick(what: str) -> ResponseReturnValue:
    """Return choices for a picker as JSON: courses, categories, tags or quick queries that contain ``q``."""
    text = request.args.get("q", "")[:100]
    return jsonify(items=[{"id": ident, "label": label} for ident, label in choices(what, text)])


def choices(what: str, text: str) -> list[tuple[str, str]]:
    """Return (value, label) of what a picker offers for a text.

    :param what: ``course``, ``category``, ``tag``, ``crm_tag``, ``campaign`` or ``query``.
    :raises NotFound: ``object.missing`` for another list.
    """
    if what == "query":
        return [(str(row.id), row.name) for row in links.saved() if text.lower() in row.name.lower()]
    if what == "campaign":
        rows = access.named(crm(), actor(), RECENT)
        return [(str(row.id), row.name) for row in rows if text.lower() in row.name.lower()][:MOST]
    with crm().db.read() as session:
        if what == "course":
            courses = search_courses(session, text, None, MOST, actor().scope)
            return [(one.host_id, one.title) for one in courses]
        if what in ("tag", "category"):
            found = labels(session, what, text, MOST, actor().scope)
            return [(label, label) for label in among_seen(actor(), found)]
        if what == "crm_tag":
            found = tags.known(session, text, MOST, actor().scope)
            return [(label, label) for label in among_seen(actor(), found)]
    raise NotFound("object.missing", kind=say(Text("list of choices")), id=what)


NAMED = 20
"""People or courses that a picker of the composer offers at once."""
_NAMES = ("display_name", "real_name", "username")


@ROUTES.page("/campaigns/pick/<what>", "crm.send")
def compose_pick(what: str) -> ResponseReturnValue:
    """Return choices as JSON: people, courses or classes whose name contains ``q``."""
    text = request.args.get("q", "").strip()[:100]
    if what == "person":
        found = _people(text)
    elif what in ("course", "class"):
        found = _courses(text, what)
    else:
        raise NotFound("object.missing", kind=say(Text("list of choices")), id=what)
    return jsonify(items=[{"id": ident, "label": label} for ident, label in found])


def _people(text: str) -> list[tuple[str, str]]:
    tree = all_of()
    if text:
        offered = menus()
        names = [name for name in _NAMES if offered.find(name)]
        tree = any_of(rule("id", "=", text), *(rule(name, "contains", text) for name in names))
    ids = service.page(crm(), tree, actor=actor(), sort="display_name", limit=NAMED).ids
    with crm().db.read() as session:
        return [(row.host_id, _called(row)) for row in people(session, ids)]


def _called(row: Any) -> str:
    name = row.display_name or row.real_name or row.host_id
    return f"{name} · {row.real_name}" if row.real_name and row.real_name != name else str(name)


def _courses(text: str, what: str) -> list[tuple[str, str]]:
    kind = "class" if what == "class" else None
    with crm().db.read() as session:
        rows = search_courses(session, text, kind, limit=200, scope=actor().scope)
    wanted = [row for row in rows if (row.kind == "class") == (what == "class")]
    return [(row.host_id, row.title) for row in wanted][:NAMED]


def course_named(host_id: str) -> tuple[str, str]:
    """Return (id, title) of a course; one that is gone, or not the reader's, is called by its id."""
    with crm().db.read() as session:
        found = courses_by_host_id(session, [host_id], actor().scope)
    return host_id, found[host_id].title if host_id in found else host_id


def course_meant(text: str) -> str:
    """Return the id of the course that somebody typed without a picker, by its id or by words of its title.

    :raises BadInput: ``input.bad`` when several courses have the words, and not one is called exactly so.
    """
    with crm().db.read() as session:
        if not text or text in courses_by_host_id(session, [text], actor().scope):
            return text
    found = choices("course", text)
    exact = [one for one in found if one[1].casefold() == text.casefold()] or found
    if len(exact) > 1:
        titles = ", ".join(title for _, title in exact[:5])
        several = Clause("several courses have these words: {titles}", titles=titles)
        raise BadInput("input.bad", "target", reason=several)
    return exact[0][0] if exact else text


def person_named(host_id: str) -> tuple[str, str]:
    """Return (id, name) of a person; one that the actor may not see is called by their id."""
    tree = all_of(rule("id", "=", host_id))
    try:
        ids = service.page(crm(), tree, actor=actor(), sort="id", limit=1).ids
    except CrmError:
        ids = []
    with crm().db.read() as session:
        rows = people(session, ids)
    return host_id, _called(rows[0]) if rows else host_id
