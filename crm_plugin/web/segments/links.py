"""Searches as pages hand them on: in addresses, as sentences, as saved queries, with names for their ids."""

import json
from contextlib import suppress
from typing import Any

from flask import request, url_for

from crm_plugin.campaigns import access
from crm_plugin.kernel.errors import BadInput, CrmError, NotFound
from crm_plugin.profiles.people.queries import courses_by_host_id
from crm_plugin.segments import queries, service
from crm_plugin.segments.language.parse import load
from crm_plugin.segments.listing.stale_references import check_courses
from crm_plugin.segments.wording.describe import describe
from crm_plugin.web.segments.builder.fields import Fields, value_word
from crm_plugin.web.segments.builder.form import EVERYBODY, Tree
from crm_plugin.web.segments.builder.view import wanted
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import explain, locale

LONGEST_ADDRESS = 6000
"""Characters of a search in an address; servers cut off a little above."""


def saved() -> list[queries.QueryRow]:
    """Return the quick queries that the actor sees."""
    return queries.list_for(crm(), actor())


def fields() -> Fields:
    """Return the builder's menus for the actor."""
    return Fields(service.catalogue(crm(), actor()), locale(), actor().may("crm.contacts"))


def compact(tree: Tree) -> str | None:
    """Return a search for an address; None when it finds everybody and so needs none.

    :raises BadInput: ``input.bad`` when it is too long for one.
    """
    if tree == EVERYBODY:
        return None
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > LONGEST_ADDRESS:
        raise BadInput("segment.too_long_for_address")
    return text


def address(tree: Tree, **more: Any) -> str:
    """Return the address that shows a search's people; without the search when it is too long for one."""
    try:
        return url_for("crm.people", tree=compact(tree), **more)
    except BadInput:
        return url_for("crm.people")


def asked() -> Tree:
    """Return the search that the address of this request holds; everybody when there is none.

    :raises BadInput: ``input.not_json``, ``segment.not_a_tree``.
    """
    text = request.args.get("tree", "")
    if not text:
        return json.loads(json.dumps(EVERYBODY))  # type: ignore[no-any-return]
    tree = load(text)
    service.understood(crm(), tree, actor())
    return tree  # type: ignore[no-any-return]


def sentence(tree: Tree) -> str:
    """Return a search as one sentence, or why it cannot be understood any more."""
    try:
        return describe(crm(), tree, locale(), actor(), value_word)
    except CrmError as error:
        return explain(error, placed=False)


def trouble(tree: Tree) -> str:
    """Return why a saved search matches nobody until it is mended; empty when it is whole."""
    try:
        service.understood(crm(), tree, actor())
        check_courses(crm(), tree, actor().scope)
    except CrmError as error:
        return explain(error, placed=False)
    return ""


def names(tree: Tree, menus: Fields) -> dict[tuple[str, str], str]:
    """Return (picker, id) → name for the courses and quick queries that a search mentions."""
    ids = wanted(tree, menus)
    found: dict[tuple[str, str], str] = {}
    if ids.get("course"):
        with crm().db.read() as session:
            courses = courses_by_host_id(session, sorted(ids["course"]), actor().scope)
        found |= {("course", ident): row.title for ident, row in courses.items()}
    for ident in ids.get("campaign", ()):
        with suppress(NotFound, ValueError):
            found["campaign", ident] = access.find(crm(), actor(), int(ident)).name
    if ids.get("query"):
        found |= {("query", str(row.id)): row.name for row in saved()}
    return found
