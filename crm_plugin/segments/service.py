"""Count, list and explain: what pages, commands and campaigns ask of a filter document."""

import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor, HostInfo
from crm_plugin.kernel.errors import BadInput, Clause, NotFound
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.store.host_info_cache import host_info, own_currency, school_zone
from crm_plugin.segments import queries
from crm_plugin.segments.explain import evaluate, loaded_rows
from crm_plugin.segments.explain.evaluate import Explanation
from crm_plugin.segments.language import access
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.parse import parse
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.listing import paging
from crm_plugin.segments.listing.paging import DEFAULT_SORT, Page
from crm_plugin.segments.listing.stale_references import check_courses
from crm_plugin.segments.listing.subsets import Part, chosen
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


def catalogue(crm: Crm, actor: Actor | None = None) -> Catalogue:
    """Return what conditions may be made of; for an actor, with the saved searches that they see.

    A school that does not answer hides nothing: conditions are then decided on what is stored.
    """
    info = host_info(crm)
    return Catalogue(
        knows=_knows(crm, info),
        zone=school_zone(crm),
        currency=own_currency(crm),
        attributes=_attributes(info),
        currencies=cache(lambda: _currencies(crm)),
        query=lambda ident: _saved(crm, ident, actor),
        hidden=lambda field: actor is not None and access.is_hidden(field, actor),
    )


def _saved(crm: Crm, ident: int, actor: Actor | None) -> Mapping[str, Any] | None:
    document = queries.document(crm, ident, actor)
    check_courses(crm, document, actor.scope if actor else None)
    return document


def present(
    crm: Crm, at: datetime | None = None, scope: frozenset[str] | None = None, reader: str = ""
) -> Present:
    """Return the present that a tree is decided at.

    :param at: aware; the clock's when left out.
    :param scope: host ids of the courses that the actor is limited to.
    :param reader: the school's id of the actor; with a scope only their own campaigns are seen.
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
    return Present(as_of, school_zone(crm), scope, own_currency(crm), crm.db.dialect, reader)


def understood(crm: Crm, document: Any, actor: Actor | None = None, place: str = "") -> Tree:
    """Parse a document for an actor.

    :raises BadInput: ``segment.*`` with the place.
    :raises Refused: ``segment.needs_contacts``, ``segment.needs_money``: conditions on what is not shown to
        the actor.
    """
    tree = parse(document, catalogue(crm, actor), place)
    access.check(tree, actor)
    return tree


def count(crm: Crm, document: Any, *, at: datetime | None = None, actor: Actor | None = None) -> Counted:
    """Count the people that a document, or a :class:`Part`, matches."""
    found, now = selected(crm, document, at, actor)
    started = time.perf_counter()
    number_of = sa.select(sa.func.count()).select_from(found.subquery())
    with crm.db.read() as session:
        number = session.scalar(number_of) or 0
    return Counted(number, now.as_of, round(time.perf_counter() - started, 3))


def ids(crm: Crm, document: Any, *, at: datetime | None = None, actor: Actor | None = None) -> Iterator[str]:
    """Return the school's ids of the people that a document, or a :class:`Part`, matches.

    They come ascending by our own ids.

    Bad input is raised at once; the ids are read in portions.
    """
    found, _now = selected(crm, document, at, actor)
    return _host_ids(crm, found)


def person_ids(crm: Crm, document: Any, actor: Actor) -> "array[int]":
    """Return our ids of everybody whom an actor finds, ascending: one statement decides, 8 bytes a person.

    :raises BadInput: as :func:`selected`.
    """
    found, _now = selected(crm, document, None, actor)
    with crm.db.read() as session:
        ids = array("q", session.scalars(found.execution_options(yield_per=PORTION)))
    return array("q", sorted(ids))


def selected(
    crm: Crm, document: Any, at: datetime | None = None, actor: Actor | None = None
) -> tuple[Select, Present]:
    """Return ``SELECT person id`` of who matches a document, or a :class:`Part`, and the present.

    :raises BadInput: ``segment.*`` with the place, or ``input.bad`` for an unknown part.
    :raises Refused: ``segment.needs_contacts``.
    """
    part = document if isinstance(document, Part) else Part(document)
    now = _present(crm, at, actor)
    return chosen(crm, understood(crm, part.document, actor), now, part.narrowing), now


def _host_ids(crm: Crm, found: Select) -> Iterator[str]:
    person = aliased(m.Person)
    chosen = sa.select(person.host_id).where(person.id.in_(found)).order_by(person.id)
    with crm.db.read() as session:
        yield from session.scalars(chosen.execution_options(yield_per=PORTION))


def page(  # noqa: PLR0913 - what, for whom, as of when, and which page
    crm: Crm,
    document: Any,
    *,
    actor: Actor | None = None,
    at: datetime | None = None,
    sort: str = DEFAULT_SORT,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Return one page of the people that a document, or a :class:`Part`, matches.

    :param sort: a name of :data:`~crm_plugin.segments.listing.paging.SORTS`; a minus before it reverses.
    :param after: ``next`` of the page before.
    :param limit: rows, at most 500.
    :raises BadInput: for a bad document, order or ``after``.
    :raises Refused: for an order by what the actor may not see.
    """
    if actor is not None:
        access.check_order(sort, actor)
    found, now = selected(crm, document, at, actor)
    with crm.db.read() as session:
        return paging.page(session, found, now, sort, after, limit)


def explain(
    crm: Crm,
    document: Any,
    person_host_id: str,
    at: datetime | None = None,
    actor: Actor | None = None,
) -> Explanation:
    """Tell for one person which conditions are fulfilled and which are not, with the values seen.

    :raises NotFound: ``object.missing``; also for a person outside the actor's scope.
    """
    tree, now = understood(crm, document, actor), _present(crm, at, actor)
    with crm.db.read() as session:
        found = session.scalar(sa.select(m.Person.id).where(m.Person.host_id == person_host_id))
        loaded = loaded_rows.load(session, tree, [found], now) if found is not None else None
    if loaded is None or not loaded.is_visible(loaded.people[0]):
        raise NotFound("object.missing", kind=Clause("person"), id=person_host_id)
    return evaluate.explain(tree, loaded.people[0], loaded)


def _present(crm: Crm, at: datetime | None, actor: Actor | None) -> Present:
    return present(crm, at, actor.scope, actor.id) if actor else present(crm, at)


def _knows(crm: Crm, info: HostInfo | None) -> Callable[[str, str], bool]:
    if info is None:
        return lambda _stream, _field: True
    streams = frozenset(info.streams)
    return lambda stream, field: crm.host.knows(stream, field) if field else stream in streams


def _attributes(info: HostInfo | None) -> tuple[str, ...]:
    names = info.fields.get("persons", ()) if info else ()
    return tuple(sorted(name.partition(".")[2] for name in names if name.startswith("attributes.")))


def _currencies(crm: Crm) -> frozenset[str]:
    with crm.db.read() as session:
        return frozenset(session.scalars(sa.select(m.Order.currency).distinct()))
