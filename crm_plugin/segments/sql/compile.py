"""The meaning of a tree in SQL, in the mixed form that held against hand-written SQL at a million people.

Facts stay in the WHERE; related rows become sets of person ids (counts and sums grouped); *or* with such
a set becomes ``IN (… UNION ALL …)``; *not* is pushed down to the leaves, where a set turns into an
anti-join and a comparison into ``IS NOT TRUE``, so that NOT turns the outcome and never the unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from crm_plugin.kernel.db.conditions import is_in, is_not_in
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.store.course_scope import members
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.sources import Members, untrue
from crm_plugin.segments.language.tree import Aggregate, Group, Node, Reference, Related, Rule, Tree
from crm_plugin.segments.language.value_types import Condition
from crm_plugin.segments.sql.related_rows import Select, members_of_aggregate, members_of_related


def people(tree: Tree, present: Present) -> Select:
    """Return ``SELECT person.id`` of exactly the people that a tree matches, each once.

    The single column makes it a subquery of ``INSERT … SELECT``, ``IN`` or ``count``.
    """
    person = aliased(m.Person)
    return sa.select(person.id).where(*is_person(person, present), condition(tree, present, person))


def condition(tree: Tree, present: Present, person: Any = m.Person) -> Condition:
    """Return a tree as a condition on rows of people, without asking whether they are alive or in scope."""
    return _Compiler(present).where(_plain(tree.root, False), person)


def is_person(person: Any, present: Present) -> list[Condition]:
    """Return the conditions that make a row a person that this actor may see.

    Erased and merged people are nobody. Staff limited to some courses see people with an enrolment,
    order or signal there.
    """
    alive = [person.status != "erased", person.merged_into.is_(None)]
    if present.scope is None:
        return alive
    return [*alive, person.id.in_(members(present.scope))]


@dataclass(frozen=True)
class _Leaf:
    node: Rule | Related | Aggregate
    negated: bool


@dataclass(frozen=True)
class _Join:
    any: bool
    parts: tuple["_Plain", ...]

    @property
    def height(self) -> int:
        """How many joins lie inside each other, this one included."""
        return 1 + max((one.height for one in self.parts if isinstance(one, _Join)), default=0)


_Plain = _Leaf | _Join


def _plain(node: Node, negated: bool) -> _Plain:
    """Push NOT down to the leaves and put quick queries in their places."""
    if isinstance(node, Reference):
        return _plain(node.root, negated != node.negated)
    if isinstance(node, Group):
        turned = negated != node.negated
        if len(node.members) == 1:
            return _plain(node.members[0], turned)
        return _Join(node.any != turned, tuple(_plain(one, turned) for one in node.members))
    return _Leaf(node, negated)


@dataclass(frozen=True)
class _Compiler:
    present: Present
    sets: dict[int, Members | None] = field(default_factory=dict)
    """The set of people that a node (by its identity) stands for; None = it compares the person's row."""

    def where(self, part: _Plain, person: Any) -> Condition:
        """Return a part as a condition of the person's row."""
        if isinstance(part, _Leaf):
            return self.as_condition(self.signed_leaf(part, person), person)
        if not part.any:
            return sa.and_(sa.true(), *self.conjunction(part.parts, person))
        facts = tuple(one for one in part.parts if self.is_fact(one))
        if len(facts) == len(part.parts):
            return sa.or_(sa.false(), *(self.where(one, person) for one in facts))
        branches = [self.ids(one) for one in part.parts if one not in facts]
        if facts:
            branches.append(self.ids(_Join(True, facts)))
        return is_in(person.id, self.union(branches))

    def conjunction(self, parts: Sequence[_Plain], person: Any) -> list[Condition]:
        """Return the parts of *and* as conditions; sets of few people are taken from each other first."""
        base, without = self.small_sets(parts, False)[:1], self.small_sets(parts, True)
        taken = [*base, *without] if base and without and self.present.dialect.subtract_small_sets else []
        broad = [one for one in parts if len(parts) > 1 and self.is_broad_disjunction(one)]
        based = any(self.is_set(one) for one in parts if one not in broad)
        rest = [self.conjunct(one, person, based) for one in parts if one not in taken and one not in broad]
        rest += [self.probe_person(one, person, False) for one in broad]
        if not taken:
            return rest
        return [person.id.in_(sa.except_(*(self.person_set(one).select for one in taken))), *rest]

    def is_broad_disjunction(self, part: _Plain) -> bool:
        """Return whether *or* holds by a fact or by not being in a set, so for many people."""
        if isinstance(part, _Leaf) or not part.any or self.is_fact(part):
            return False
        leaves = [one for one in part.parts if isinstance(one, _Leaf)]
        return self.present.dialect.probe_broad_or and any(not self.is_set(one) for one in leaves)

    def probe_person(self, part: _Plain, person: Any, behind: bool) -> Condition:
        """Return a part as a question about the person at hand, facts first.

        :param behind: a fact lets only some people come this far, so that a set need not be made for all.
        """
        if isinstance(part, _Leaf):
            found = self.signed_leaf(part, person)
            if not behind or not isinstance(found, Members) or found.whole:
                return self.as_condition(found, person)
            there = _one_of(found, person)
            return ~there if found.negative else there
        behind = behind or (not part.any and any(self.is_fact(one) for one in part.parts))
        in_order = sorted(part.parts, key=lambda one: not self.is_fact(one))
        probed = [self.probe_person(one, person, behind) for one in in_order]
        return sa.or_(sa.false(), *probed) if part.any else sa.and_(sa.true(), *probed)

    def small_sets(self, parts: Sequence[_Plain], negative: bool) -> list[_Leaf]:
        """Return the parts that are sets of few people."""
        leaves = [one for one in parts if isinstance(one, _Leaf) and not self.is_fact(one)]
        sets = [(one, self.person_set(one)) for one in leaves]
        return [one for one, found in sets if found.few and found.negative == negative]

    def person_set(self, leaf: _Leaf) -> Members:
        found = self.signed_leaf(leaf, m.Person)
        assert isinstance(found, Members)
        return found

    def conjunct(self, part: _Plain, person: Any, based: bool) -> Condition:
        """Return a part of *and* as a condition.

        :param based: another part is a set of people, so that only those are asked about this one.
        """
        if isinstance(part, _Leaf):
            return self.as_condition(self.signed_leaf(part, person), person, based)
        return self.where(part, person)

    def is_set(self, part: _Plain) -> bool:
        """Return whether a part is a set of people that a statement can start from."""
        if isinstance(part, _Join):
            return not self.is_fact(part)
        return not self.is_fact(part) and not self.person_set(part).negative

    def signed_leaf(self, leaf: _Leaf, person: Any) -> Condition | Members:
        found = self.leaf_condition(leaf.node, person)
        if not leaf.negated:
            return found
        return replace(found, negative=not found.negative) if isinstance(found, Members) else untrue(found)

    def leaf_condition(self, node: Rule | Related | Aggregate, person: Any) -> Condition | Members:
        known = self.sets.get(id(node))
        if known is not None:
            return known
        found = self.compile_leaf(node, person)
        # Asked several times while a tree is arranged, and dear: half of the time went into it.
        self.sets[id(node)] = found if isinstance(found, Members) else None
        return found

    def compile_leaf(self, node: Rule | Related | Aggregate, person: Any) -> Condition | Members:
        if isinstance(node, Rule):
            about = node.field
            return about.source.test(about.kind, node.operator, node.operand, person, self.present)
        if isinstance(node, Related):
            return members_of_related(node, self.present)
        return members_of_aggregate(node, self.present)

    def as_condition(self, found: Condition | Members, person: Any, based: bool = False) -> Condition:
        if not isinstance(found, Members):
            return found
        if not found.negative:
            return is_in(person.id, found.select)
        one_by_one = self.present.dialect.probe_behind_set and based and not found.whole
        if self.present.dialect.anti_join == "not_in" and not one_by_one:
            return is_not_in(person.id, found.select)
        return ~_one_of(found, person)

    def ids(self, part: _Plain) -> Select:
        """Return a part as a set of people."""
        person = aliased(m.Person)
        found = self.signed_leaf(part, person) if isinstance(part, _Leaf) else None
        if isinstance(found, Members) and not found.negative:
            return found.select
        chosen = sa.select(person.id).where(self.where(part, person))
        levels = self.present.dialect.levels_in_place
        apart = levels and isinstance(part, _Join) and part.height % levels == 0
        return sa.select(chosen.cte().c.id) if apart else chosen

    def is_fact(self, part: _Plain) -> bool:
        if isinstance(part, _Join):
            return all(self.is_fact(one) for one in part.parts)
        if id(part.node) not in self.sets:
            self.leaf_condition(part.node, m.Person)
        return self.sets[id(part.node)] is None

    def union(self, branches: list[Select]) -> Any:
        if len(branches) == 1:
            return branches[0]
        if self.present.dialect.union == "distinct":
            return sa.union(*branches)
        whole = sa.union_all(*branches)
        in_table = self.present.dialect.union == "all_in_derived_table"
        return sa.select(whole.subquery()) if in_table else whole


def _one_of(found: Members, person: Any) -> Condition:
    ids = found.select.subquery()
    return sa.select(sa.literal(1)).where(ids.c[0] == person.id).exists()
