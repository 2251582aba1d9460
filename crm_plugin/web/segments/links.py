"""Segments as pages hand them on: in addresses, as sentences, as quick queries, with names for their ids."""

import json
import re
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from flask import g, request, url_for

from crm_plugin.campaigns import access
from crm_plugin.kernel.errors import BadInput, CrmError, NotFound
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.people.queries import courses_by_host_id
from crm_plugin.segments import queries, service
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.json_input import load
from crm_plugin.segments.language.parse import RULES
from crm_plugin.segments.language.value_types import KNOWN
from crm_plugin.segments.listing.stale_references import Courses, courses_in, look_up
from crm_plugin.segments.service import Search
from crm_plugin.segments.wording import describe
from crm_plugin.segments.wording.describe import Names
from crm_plugin.web.segments.builder.fields import Fields, catalogue, value_word
from crm_plugin.web.segments.builder.form import EVERYBODY, Tree
from crm_plugin.web.segments.builder.view import wanted
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import explain, locale

_STEP = re.compile(r"(\w+)(?:\[(\d+)\])?")
"""One step of a place such as ``rules[1].value.rules[0].operator``."""
LONGEST_ADDRESS = 6000
"""Characters of a segment in an address; servers cut off a little above."""


def saved() -> list[queries.QueryRow]:
    """Return the quick queries that the actor sees; read once a request that changes none."""
    if "crm_saved" not in g:
        g.crm_saved = queries.list_for(crm(), actor())
    found: list[queries.QueryRow] = g.crm_saved
    return found


def read(tree: Tree) -> Search:
    """Read a segment for the actor; hand it on to whatever counts, lists or says it.

    :raises BadInput: ``segment.*`` with the place.
    """
    return service.selected(crm(), tree, actor=actor(), known=catalogue())


def compact(tree: Tree) -> str | None:
    """Return a segment for an address; None when it finds everybody and so needs none.

    :raises BadInput: ``input.bad`` when it is too long for one.
    """
    if tree == EVERYBODY:
        return None
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > LONGEST_ADDRESS:
        raise BadInput("segment.too_long_for_address")
    return text


def address(tree: Tree, **more: Any) -> str:
    """Return the address that shows a segment's people; without the segment when it is too long for one."""
    try:
        return url_for("crm.people", tree=compact(tree), **more)
    except BadInput:
        return url_for("crm.people")


def asked() -> Search:
    """Return the segment that the address of this request holds; everybody when there is none.

    :raises BadInput: ``input.not_json``, ``segment.not_a_tree``.
    """
    text = request.args.get("tree", "")
    return read(load(text) if text else deepcopy(EVERYBODY))


def with_refused() -> Tree | None:
    """Return the segment of this request if nothing is wrong with it but comparisons that are refused.

    Such a one was whole when it was saved: the builder shows it, and somebody chooses another comparison.
    """
    tree: Tree = load(request.args.get("tree", ""))
    tried = deepcopy(tree)
    for _ in range(RULES):
        try:
            read(tried)
        except BadInput as error:
            rule = _rule_at(tried, error.place) if error.code == "segment.unknown_operator" else None
            if rule is None or rule["operator"] in KNOWN:
                return None
            rule["operator"] = KNOWN[0]
        else:
            return tree
    return None


def _rule_at(tree: Tree, place: str) -> Tree | None:
    """Return the rule whose operator a message names; None where it stands in a quick query."""
    node: Any = tree
    try:
        for name, index in _STEP.findall(place)[:-1]:
            node = node[name][int(index)] if index else node[name]
    except (KeyError, TypeError, IndexError):
        return None
    return node if isinstance(node, dict) and isinstance(node.get("operator"), str) else None


def sentence(tree: Tree) -> str:
    """Return a segment as one sentence, or why it cannot be understood any more."""
    try:
        read = service.understood(crm(), tree, actor(), known=catalogue())
        return describe.spoken(tree, read, locale(), describe.names_in(crm(), read, actor()), value_word)
    except CrmError as error:
        return explain(error, placed=False)


@dataclass(frozen=True)
class Spoken:
    """A quick query in words.

    :param trouble: why it matches nobody until somebody repairs it; empty when it is whole.
    """

    sentence: str
    trouble: str = ""


def spoken(rows: list[queries.QueryRow]) -> list[Spoken]:
    """Return quick queries in words; what they name is looked up for all of them at once."""
    trees = {row.id: row.tree for row in saved()}
    named = set().union(*(courses_in(crm(), tree) for tree in [*trees.values(), *(row.tree for row in rows)]))
    courses = look_up(crm(), named, actor().scope) if named else Courses({}, {})

    def document(ident: int) -> Tree | None:
        tree = trees.get(ident)
        courses.check(courses_in(crm(), tree))
        return tree

    known = replace(catalogue(), query=document)
    titles = {ident: course.title for ident, course in courses.titled.items()}
    names = Names(titles, {row.id: row.name for row in saved()})
    return [_spoken(row.tree, known, names, courses) for row in rows]


def _spoken(tree: Tree, known: Catalogue, names: Names, courses: Courses) -> Spoken:
    try:
        read = service.understood(crm(), tree, actor(), known=known)
        sentence = describe.spoken(tree, read, locale(), names, value_word)
    except CrmError as error:
        return Spoken(*[explain(error, placed=False)] * 2)
    try:
        courses.check(courses_in(crm(), tree))
    except CrmError as error:
        return Spoken(sentence, explain(error, placed=False))
    return Spoken(sentence)


def names(tree: Tree, menus: Fields) -> dict[tuple[str, str], str]:
    """Return (picker, id) → name for the courses and quick queries that a segment mentions."""
    ids = wanted(tree, menus)
    found: dict[tuple[str, str], str] = {}
    if ids.get("course"):
        with crm().db.read() as session:
            courses = courses_by_host_id(session, sorted(ids["course"]), actor().scope)
        found |= {("course", ident): row.title for ident, row in courses.items()}
    for ident in ids.get("campaign", ()):
        with suppress(NotFound, ValueError):
            found["campaign", ident] = access.get(crm(), actor(), whole(ident)).name
    if ids.get("query"):
        found |= {("query", str(row.id)): row.name for row in saved()}
    return found
