"""Sources of related rows that look at the course behind the row, and how a row reaches its courses."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.kernel.db.conditions import is_in
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.store.enrolment_state import in_states
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.sources import Many, Row, untrue
from crm_plugin.segments.language.value_types import ABSENT, LISTS, Condition, Kind

Select = sa.Select[Any]
Place = tuple[int | None, int | None]
"""(course, root course) of a row or of one of its lines."""


class Reach(Protocol):
    """How a related row reaches its courses: ``holds`` in SQL, ``load`` and ``places`` in Python."""

    @property
    def single(self) -> bool:
        """Return whether the row itself names the one course."""

    def holds(self, row: Any, build: Callable[[Any], Condition], present: Present) -> Condition:
        """Return that ``build`` is true at one place: a row with ``person_id course_id root_id``."""

    def load(self, session: Session, rows: Sequence[Row], present: Present) -> dict[int, list[Place]]:
        """Return the places of each row by its id."""


@dataclass(frozen=True)
class Own:
    """The row has a course of its own.

    :param of: the relation, which separates the same source of two relations.
    """

    of: str
    single: bool = True

    def holds(self, row: Any, build: Callable[[Any], Condition], present: Present) -> Condition:
        return build(row)

    def load(self, session: Session, rows: Sequence[Row], present: Present) -> dict[int, list[Place]]:
        return {row["id"]: [(row["course_id"], row["root_id"])] for row in rows}


@dataclass(frozen=True)
class Lines:
    """An order reaches courses by its lines; any of them will do."""

    single: bool = False

    def holds(self, row: Any, build: Callable[[Any], Condition], present: Present) -> Condition:
        line = aliased(m.OrderLine)
        chosen = sa.select(line.order_id).where(build(line), *_in_scope(line, present))
        if present.dialect.lines_by_key:
            return chosen.where(line.order_id == row.id).correlate(row).exists()
        return is_in(row.id, chosen)

    def load(self, session: Session, rows: Sequence[Row], present: Present) -> dict[int, list[Place]]:
        found: dict[int, list[Place]] = defaultdict(list)
        line = m.OrderLine
        for some in chunks([row["id"] for row in rows]):
            chosen = sa.select(line.order_id, line.course_id, line.root_id).where(line.order_id.in_(some))
            chosen = chosen.where(*_in_scope(line, present))
            for order, course, root in session.execute(chosen):
                found[order].append((course, root))
        return found


def _in_scope(line: Any, present: Present) -> list[Condition]:
    """Return the conditions that keep a limited actor from the foreign lines of an order that they see."""
    return [] if present.scope is None else [line.root_id.in_(root_ids(sorted(present.scope)))]


@dataclass(frozen=True)
class _Loaded:
    places: dict[int, list[Place]]
    facts: Any


def _known(
    reach: Reach, row: Any, present: Present, operator: str, build: Callable[[Any], Condition]
) -> Condition:
    there = reach.holds(row, build, present)
    return there if operator == "notNull" else untrue(there)


def _in_courses(at: Any, condition: Any, of: Any) -> Condition:
    return is_in(at.course_id, sa.select(of.id).where(condition))


def _in_few_courses(at: Any, condition: Any, of: Any) -> Condition:
    # The roots again: related rows are indexed by them, and a topic is a small part of the catalogue.
    roots = sa.select(of.root_id).where(condition)
    return sa.and_(_in_courses(at, condition, of), at.root_id.in_(roots))


def _course_ids(places: dict[int, list[Place]]) -> list[int]:
    return sorted({course for found in places.values() for course, _root in found if course is not None})


_NARROW = ("=", "in", "contains", "beginsWith", "endsWith")


@dataclass(frozen=True)
class CourseValue:
    """A column of the row's course, such as its title."""

    reach: Reach
    name: str

    def _expression(self, kind: Kind, course: Any) -> Any:
        column = getattr(course, self.name)
        return sa.type_coerce(column, sa.BigInteger) if kind.name == "money" else column

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Condition:
        other = aliased(m.Course)
        column = self._expression(kind, other)
        if operator in ("null", "notNull"):
            known = kind.condition("notNull", None, column, present)
            return _known(self.reach, row, present, operator, lambda at: _in_courses(at, known, other))
        fits = kind.condition(operator, operand, column, present)
        within = _in_few_courses if operator in _NARROW else _in_courses
        return self.reach.holds(row, lambda at: within(at, fits, other), present)

    def load(self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present) -> _Loaded:
        places = self.reach.load(session, rows, present)
        values: dict[int, Any] = {}
        for some in chunks(_course_ids(places)):
            chosen = sa.select(m.Course.id, getattr(m.Course, self.name)).where(m.Course.id.in_(some))
            values.update((course, value) for course, value in session.execute(chosen))
        return _Loaded(places, values)

    def seen(self, kind: Kind, row: Row, data: _Loaded, present: Present) -> Many:
        values = [data.facts.get(course) for course, _root in data.places.get(row["id"], [])]
        return Many(tuple(None if value is None else kind.stored(value) for value in values))


@dataclass(frozen=True)
class CourseLabels:
    """Tags or categories of the row's course; a copy has those of its root course too."""

    reach: Reach
    label: str

    def _labelled(self, folded: list[str] | None) -> Select:
        label = aliased(m.CourseLabel)
        chosen: Select = sa.select(label.course_id).where(label.kind == self.label)
        return chosen if folded is None else chosen.where(label.folded.in_(folded))

    def _among(self, course: Any, labelled: Select) -> Condition:
        return sa.or_(course.id.in_(labelled), course.root_id.in_(labelled))

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Condition:
        other = aliased(m.Course)
        if operator in ("null", "notNull"):
            has = self._among(other, self._labelled(None))
            return _known(self.reach, row, present, operator, lambda at: _in_courses(at, has, other))
        labelled = self._labelled(sorted(operand) if operator in LISTS else [operand])
        if operator in ABSENT:
            fits = sa.not_(self._among(other, labelled))
            return self.reach.holds(row, lambda at: _in_courses(at, fits, other), present)
        # The roots first: related rows are indexed by them, and how many there are is known from the labels.
        roots = sa.select(other.root_id).join(label := labelled.subquery(), label.c[0] == other.id)

        def within(at: Any) -> Condition:
            return sa.and_(
                at.root_id.in_(roots), sa.or_(at.root_id.in_(labelled), at.course_id.in_(labelled))
            )

        return self.reach.holds(row, within, present)

    def load(self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present) -> _Loaded:
        places = self.reach.load(session, rows, present)
        labels: dict[int, set[str]] = {course: set() for course in _course_ids(places)}
        course, label = m.Course, m.CourseLabel
        for some in chunks(list(labels)):
            chosen = (
                sa.select(course.id, label.folded)
                .join(label, label.course_id.in_([course.id, course.root_id]))
                .where(label.kind == self.label, course.id.in_(some))
            )
            for ident, folded in session.execute(chosen):
                labels[ident].add(folded)
        return _Loaded(places, labels)

    def seen(self, kind: Kind, row: Row, data: _Loaded, present: Present) -> Many:
        places = data.places.get(row["id"], [])
        return Many(tuple(None if course is None else frozenset(data.facts[course]) for course, _ in places))


@dataclass(frozen=True)
class CourseFamily:
    """The row's course by its id; the root course, its copies and its plans are one."""

    reach: Reach

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Condition:
        if operator in ("null", "notNull"):
            return _known(self.reach, row, present, operator, lambda at: at.root_id.is_not(None))
        return self.reach.holds(row, lambda at: of_family(at, operator, operand), present)

    def load(self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present) -> _Loaded:
        places = self.reach.load(session, rows, present)
        families: dict[int, set[str]] = defaultdict(set)
        roots = sorted({root for found in places.values() for _course, root in found if root is not None})
        for some in chunks(roots):
            chosen = sa.select(m.Course.root_id, m.Course.host_id).where(m.Course.root_id.in_(some))
            for root, host_id in session.execute(chosen):
                families[root].add(host_id)
        return _Loaded(places, families)

    def seen(self, kind: Kind, row: Row, data: _Loaded, present: Present) -> Many:
        places = data.places.get(row["id"], [])
        return Many(tuple(None if root is None else frozenset(data.facts[root]) for _, root in places))


def of_family(at: Any, operator: str, operand: Any) -> Condition:
    """Return that a row's root course is, or with ``!=`` and ``notIn`` is not, that of the named courses."""
    wanted = sorted(operand) if operator in LISTS else [operand]
    roots = root_ids(wanted)
    if operator in ABSENT:
        return sa.and_(at.root_id.is_not(None), at.root_id.not_in(roots))
    one = at.root_id == roots.scalar_subquery()
    same: Condition = one if len(wanted) == 1 else at.root_id.in_(roots)
    return same


def root_ids(host_ids: Sequence[str]) -> sa.Select[Any]:
    """Return a select of the root courses of these courses."""
    course = aliased(m.Course)
    return sa.select(course.root_id).where(course.host_id.in_(list(host_ids)))


def enrolled_now(present: Present) -> tuple[Select, Any]:
    """Return (person, root) of every active learner enrolment, and its table."""
    seat = aliased(m.Enrolment)
    pairs: Any = sa.select(seat.person_id, seat.root_id)
    return pairs.where(seat.role == "learner", in_states(seat, ("active",), present.as_of)), seat


def ever_bought(_present: Present) -> tuple[Select, Any]:
    """Return (person, root) of every order line that ever held money, and its table."""
    line = aliased(m.OrderLine)
    pairs: Any = sa.select(line.person_id, line.root_id).where(line.held_money == sa.true())
    return pairs.where(line.person_id.is_not(None), line.root_id.is_not(None)), line


def found_in(rows: Select, wanted: bool, present: Present) -> Condition:
    """Return that a correlated select has a row, or that it has none."""
    if present.dialect.exists_as_scalar:
        first = rows.with_only_columns(sa.literal_column("1")).limit(1).scalar_subquery()
        return first.is_not(None) if wanted else first.is_(None)
    return rows.exists() if wanted else ~rows.exists()


@dataclass(frozen=True)
class Pair:
    """Whether the person and the row's course are a pair of some kind; unknown without a course.

    :param pairs: :func:`enrolled_now` or :func:`ever_bought`.
    """

    reach: Reach
    pairs: Callable[[Present], tuple[Select, Any]]

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Condition:
        if operator in ("null", "notNull"):
            return _known(self.reach, row, present, operator, lambda at: at.root_id.is_not(None))
        wanted = (operator == "=") is operand

        def fits(at: Any) -> Condition:
            pairs, table = self.pairs(present)
            there = pairs.where(table.person_id == at.person_id, table.root_id == at.root_id)
            there = there.correlate_except(table)
            return sa.and_(at.root_id.is_not(None), found_in(there, wanted, present))

        return self.reach.holds(row, fits, present)

    def load(self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present) -> _Loaded:
        found: set[tuple[int, int]] = set()
        for some in chunks(people):
            pairs, table = self.pairs(present)
            rows_of: Any = session.execute(pairs.where(table.person_id.in_(some)))
            found.update((person, root) for person, root in rows_of)
        return _Loaded(self.reach.load(session, rows, present), found)

    def seen(self, kind: Kind, row: Row, data: _Loaded, present: Present) -> Many:
        places = data.places.get(row["id"], [])
        person = row["person_id"]
        return Many(tuple(None if root is None else (person, root) in data.facts for _, root in places))
