"""What the builder's pickers choose from: courses, categories, tags, quick queries."""

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import NotFound
from crm_plugin.profiles.people.label_search import labels
from crm_plugin.profiles.people.queries import search_courses
from crm_plugin.profiles.staff import tags
from crm_plugin.web.campaigns.list_page import lines
from crm_plugin.web.segments import links
from crm_plugin.web.shell.guard import actor, crm, page
from crm_plugin.web.shell.i18n import mark, say

MOST = 30
"""Choices shown at once; whoever misses one searches for it."""
RECENT = 500
"""The newest campaigns, among which one is searched."""


@page("/people/pick/<what>")
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
        return [(str(row.id), row.name) for row in lines(RECENT) if text.lower() in row.name.lower()][:MOST]
    with crm().db.read() as session:
        if what == "course":
            found = search_courses(session, text, None, MOST, actor().scope)
            return [(one.host_id, one.title) for one in found]
        if what in ("tag", "category"):
            return [(label, label) for label in labels(session, what, text, MOST, actor().scope)]
        if what == "crm_tag":
            return [(label, label) for label in tags.known(session, text, MOST, actor().scope)]
    raise NotFound("object.missing", kind=say(mark("list of choices")), id=what)
