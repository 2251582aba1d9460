"""Count, list and explain: what pages, commands and campaigns ask of a filter document."""

import time
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor, HostInfo
from crm_plugin.kernel.errors import BadInput, Clause, NotFound
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.store.host_info_cache import host_info, own_currency, school_zone
from crm_plugin.profiles.store.masking import may_see_contacts
from crm_plugin.segments import queries
from crm_plugin.segments.dialects import DIALECTS
from crm_plugin.segments.explain import evaluate, loaded_rows
from crm_plugin.segments.explain.evaluate import Explanation
from crm_plugin.segments.extension import Narrowing, brought_fields, brought_relations
from crm_plugin.segments.language.catalogue import Catalogue, check_order
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.parse import parse
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.listing import paging
from crm_plugin.segments.listing.paging import DEFAULT_SORT, Found, OwnSort, Page
from crm_plugin.segments.listing.stale_references import check_courses
from crm_plugin.segments.listing.subsets import Part, chosen
from crm_plugin.segments.sql.compile import people
from crm_plugin.segments.sql.related_rows import Select

FIRST_YEAR, LAST_YEAR = 1900, 2999
"""Years that "now" may lie in."""
PORTION = 5_000
"""Ids fetched at once."""


@dataclass(frozen=True)
class Counted:
    """How many people match, as of when, and how many seconds it took to count them."""

    count: int
    as_of: datetime
    seconds: float


@dataclass(frozen=True)
class Search:
    """A filter document that was read once; hand it on to whatever counts, lists or says it.

    :param document: as it was given.
    :param present: what it is decided at, and for the courses of which actor.
    :param people: ``SELECT person id`` of everybody who matches, or of a part of them.
    """

    document: Any
    tree: Tree
    present: Present
    people: Select
    actor: Actor | None = None
    narrowed: bool = False
    """They are a part that a higher capability separates."""

    @property
    def found(self) -> Found:
        """Its people for a list."""
        return Found(self.people, self.narrowed)


def catalogue(crm: Crm, actor: Actor | None = None) -> Catalogue:
    """Return what conditions may be made of; for an actor, with the quick queries that they see.

    A school that does not answer hides nothing: conditions are then decided on what is stored.
    """
    info = host_info(crm)
    return Catalogue(
        knows=crm.host.knows if info else _everything,
        zone=school_zone(crm),
        currency=own_currency(crm),
        attributes=_attributes(info),
        currencies=cache(lambda: _currencies(crm)),
        query=lambda ident: _saved(crm, ident, actor),
        actor=actor,
        more_fields=partial(brought_fields, crm),
        more_relations=partial(brought_relations, crm),
    )


def _everything(_stream: str, _field: str) -> bool:
    return True


def _saved(crm: Crm, ident: int, actor: Actor | None) -> Mapping[str, Any] | None:
    document = queries.document(crm, ident, actor)
    check_courses(crm, document, actor.scope if actor else None)
    return document


def present(
    crm: Crm,
    at: datetime | None = None,
    scope: frozenset[str] | None = None,
    reader: str = "",
    contacts: bool = True,
) -> Present:
    """Return the present that a tree is decided at.

    :param at: aware; the clock's when left out.
    :param scope: host ids of the courses that the actor is limited to.
    :param reader: the school's id of the actor; with a scope only their own campaigns are seen.
    :param contacts: whether the actor may see telephones and addresses.
    :raises BadInput: ``input.bad`` for an instant that no condition can be reckoned from.
    """
    as_of = at or crm.clock()
    if as_of.tzinfo is None or not FIRST_YEAR <= as_of.year <= LAST_YEAR:
        reason = Clause(
            "the present must name its zone and lie between {first} and {last}",
            first=FIRST_YEAR,
            last=LAST_YEAR,
        )
        raise BadInput("input.bad", reason=reason)
    dialect = DIALECTS[crm.db.dialect]
    days = crm.settings.interest_days
    return Present(as_of, school_zone(crm), scope, own_currency(crm), dialect, reader, contacts, days)


def understood(
    crm: Crm,
    document: Any,
    actor: Actor | None = None,
    place: str = "",
    inside: frozenset[int] = frozenset(),
    known: Catalogue | None = None,
) -> Tree:
    """Parse a document for an actor.

    :param inside: ids of quick queries that it may not lead back to.
    :param known: the catalogue for this actor, where the caller has it.
    :raises BadInput: ``segment.*`` with the place.
    :raises Refused: ``segment.needs_contacts``, ``segment.needs_money``: conditions on what is not shown to
        the actor.
    """
    known = known or catalogue(crm, actor)
    tree = parse(document, known, place, inside)
    known.check(tree)
    return tree


def selected(
    crm: Crm,
    document: Any,
    at: datetime | None = None,
    actor: Actor | None = None,
    known: Catalogue | None = None,
) -> Search:
    """Read a document, or a :class:`Part`, for an actor.

    :param known: the catalogue for this actor, where the caller has it.
    :raises BadInput: ``segment.*`` with the place, or ``input.bad`` for an unknown part.
    :raises Refused: ``segment.needs_contacts``, ``segment.needs_money``.
    """
    part = document if isinstance(document, Part) else Part(document)
    now = _present(crm, at, actor)
    tree = understood(crm, part.document, actor, known=known)
    found = chosen(crm, tree, now, part.narrowing) if part.narrowing else people(tree, now)
    return Search(part.document, tree, now, found, actor, part.narrowing is not None)


def narrowed(crm: Crm, search: Search, narrowing: Narrowing) -> Search:
    """Return the part of a segment that a higher capability separates.

    :raises BadInput: ``input.bad`` for an unknown part.
    """
    return replace(search, people=chosen(crm, search.tree, search.present, narrowing), narrowed=True)


def count(crm: Crm, document: Any, *, at: datetime | None = None, actor: Actor | None = None) -> Counted:
    """Count the people that a document, or a :class:`Part`, matches."""
    return counted(crm, selected(crm, document, at, actor))


def counted(crm: Crm, search: Search) -> Counted:
    """Count the people of a segment."""
    started = time.perf_counter()
    number_of = sa.select(sa.func.count()).select_from(search.people.subquery())
    with crm.db.read() as session:
        number = session.scalar(number_of) or 0
    return Counted(number, search.present.as_of, round(time.perf_counter() - started, 3))


def ids(crm: Crm, document: Any, *, at: datetime | None = None, actor: Actor | None = None) -> Iterator[str]:
    """Return the school's ids of the people that a document, or a :class:`Part`, matches.

    They come ascending by our own ids.

    Bad input is raised at once; the ids are read in portions.
    """
    return _host_ids(crm, selected(crm, document, at, actor).found)


def person_ids(crm: Crm, search: Search) -> "array[int]":
    """Return our ids of everybody in a segment, ascending: one statement decides, 8 bytes a person."""
    with crm.db.read() as session:
        ids = array("q", session.scalars(search.people.execution_options(yield_per=PORTION)))
    return array("q", sorted(ids))


def _host_ids(crm: Crm, found: Found) -> Iterator[str]:
    person = aliased(m.Person)
    people = found.rows(person, person.id, person.host_id)
    chosen = sa.select(people.c.host_id).order_by(people.c.id)
    with crm.db.read() as session:
        yield from session.scalars(chosen.execution_options(yield_per=PORTION))


def page(  # noqa: PLR0913 - what, for which actor, as of when, and which page
    crm: Crm,
    document: Any,
    *,
    actor: Actor | None = None,
    at: datetime | None = None,
    sort: str = DEFAULT_SORT,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Return one page of the people that a document, or a :class:`Part`, matches; see :func:`listed`.

    :raises BadInput: for a bad document, order or ``after``.
    :raises Refused: for an order by what the actor may not see.
    """
    return listed(crm, selected(crm, document, at, actor), sort, after, limit)


def listed(
    crm: Crm,
    search: Search,
    sort: str = DEFAULT_SORT,
    after: str | None = None,
    limit: int = 50,
    own: Mapping[str, OwnSort] | None = None,
) -> Page:
    """Return one page of the people of a segment.

    :param sort: a name of :data:`~crm_plugin.segments.listing.paging.SORTS`; a minus before it reverses.
    :param after: ``next`` of the page before.
    :param limit: rows, at most 500.
    :param own: orders that only this list has, by their names.
    :raises BadInput: for a bad order or ``after``.
    :raises Refused: for an order by what the segment's actor may not see.
    """
    if search.actor is not None:
        check_order(sort, search.actor)
    found = replace(search.found, sorts=own or {})
    with crm.db.read() as session:
        return paging.page(session, found, search.present, sort, after, limit)


def explain(
    crm: Crm,
    document: Any,
    person_host_id: str,
    at: datetime | None = None,
    actor: Actor | None = None,
) -> Explanation:
    """Return for one person which conditions are fulfilled and which are not; see :func:`explained`."""
    return explained(crm, selected(crm, document, at, actor), person_host_id)


def explained(crm: Crm, search: Search, person_host_id: str) -> Explanation:
    """Return for one person which conditions of a segment are fulfilled, with the values seen.

    :raises NotFound: ``object.missing``; also for a person outside the actor's scope.
    """
    tree, now = search.tree, search.present
    with crm.db.read() as session:
        loaded = loaded_rows.load(session, tree, person_host_id, now)
    if not loaded.people or not loaded.is_visible(loaded.people[0]):
        raise NotFound("object.missing", kind=Clause("person"), id=person_host_id)
    return evaluate.explain(tree, loaded.people[0], loaded)


def _present(crm: Crm, at: datetime | None, actor: Actor | None) -> Present:
    return present(crm, at, actor.scope, actor.id, may_see_contacts(actor)) if actor else present(crm, at)


def _attributes(info: HostInfo | None) -> tuple[str, ...]:
    names = info.fields.get("persons", ()) if info else ()
    return tuple(sorted(name.partition(".")[2] for name in names if name.startswith("attributes.")))


def _currencies(crm: Crm) -> frozenset[str]:
    with crm.db.read() as session:
        return frozenset(session.scalars(sa.select(m.Order.currency).distinct()))
