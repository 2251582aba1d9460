"""Say a tree as one sentence, in the language of its reader."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from babel.numbers import format_percent

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.people import queries as profiles
from crm_plugin.segments import queries, service
from crm_plugin.segments.explain.evaluate import Explanation
from crm_plugin.segments.language.fields import Relation
from crm_plugin.segments.language.tree import Aggregate, Group, Node, Reference, Related, Rule, Tree
from crm_plugin.segments.language.value_types import ABSENT, FRACTION, KEYS, KNOWN, TEXT, Kind
from crm_plugin.segments.service import Search
from crm_plugin.segments.wording.phrase_templates import Shape, recognised
from crm_plugin.segments.wording.phrases import AGGREGATES, COMPARISONS, MODES, PHRASES, UNITS

Namer = Callable[[str, str, str], str]
"""(relation or nothing, field, value) → words for a value such as a state, or the value itself."""


def as_stored(_relation: str, _field: str, value: str) -> str:
    """Name a value by itself: for programs, and where there are no words for it."""
    return value


def describe(
    crm: Crm, document: Any, locale: str, actor: Actor | None = None, namer: Namer = as_stored
) -> str:
    """Return a filter document as a sentence, with courses and quick queries by their names.

    :param locale: the language to say it in.
    :param namer: words for states, kinds and roles.
    :raises BadInput: when the document cannot be understood.
    """
    tree = service.understood(crm, document, actor)
    return spoken(document, tree, locale, names_in(crm, tree, actor), namer)


def said(crm: Crm, search: Search, locale: str, namer: Namer = as_stored) -> str:
    """Return a segment as a sentence; see :func:`describe`."""
    names = names_in(crm, search.tree, search.actor)
    return spoken(search.document, search.tree, locale, names, namer)


@dataclass(frozen=True)
class Names:
    """What courses and quick queries are called.

    :param titles: the school's id of a course → its title.
    :param searches: id of a quick query → its name.
    """

    titles: Mapping[str, str] = field(default_factory=dict)
    searches: Mapping[int, str] = field(default_factory=dict)


def names_in(crm: Crm, tree: Tree, actor: Actor | None) -> Names:
    """Return the names of what a tree mentions; the database is read only when there is something."""
    if not tree.courses and not tree.references:
        return Names()
    scope = actor.scope if actor else None  # courses outside are named by their ids only
    with crm.db.read() as session:
        courses = profiles.courses_by_host_id(session, sorted(tree.courses), scope)
        searches = queries.names(session, tree.references, actor) if tree.references else {}
    return Names({ident: course.title for ident, course in courses.items()}, searches)


def spoken(document: Any, tree: Tree, locale: str, names: Names, namer: Namer = as_stored) -> str:
    """Return a document that was read into a tree as a sentence."""
    return Speaker(locale, names, namer, dict(_shapes(document, ""))).sentence(tree)


def _shapes(group: Mapping[str, Any], place: str) -> Iterator[tuple[str, tuple[Shape, str, Any]]]:
    """Yield (place, shape) of the pieces of a document that have words of their own."""
    for position, node in enumerate(group.get("rules", ())):
        here = f"{place}.rules[{position}]".removeprefix(".")
        # A comparison of one field has no shape: nothing is asked where there is nothing to find.
        found = None if "operator" in node else recognised(node)
        if found:
            yield here, found
        elif isinstance(node, Mapping) and "combinator" in node:
            yield from _shapes(node, here)


@dataclass(frozen=True)
class Decision:
    """What one condition decided about a person, in words.

    :param seen: the value looked at, ready for JSON; None = unknown. Of related rows ``matching`` and ``of``.
    :param depth: how deep it lies; 0 is the whole document.
    :param is_group: it only joins the conditions below it.
    """

    text: str
    outcome: bool
    seen: Any
    depth: int
    is_group: bool


def decisions(  # noqa: PLR0913 - which tree, which person, when, which actor and in which words
    crm: Crm,
    document: Any,
    person_host_id: str,
    locale: str,
    *,
    at: datetime | None = None,
    actor: Actor | None = None,
    namer: Namer = as_stored,
) -> tuple[bool, list[Decision]]:
    """Return whether a document matches a person, and each condition's decision from the top down.

    :param at: the present that it is decided at; the clock's when left out.
    :raises BadInput: when the document cannot be understood.
    :raises NotFound: ``object.missing``, also for a person outside the actor's scope.
    """
    search = service.selected(crm, document, at, actor)
    tree, found = search.tree, service.explained(crm, search, person_host_id)
    speaker = Speaker(locale, names_in(crm, tree, actor), namer)
    if found.children and found.children[0].kind == "person":
        # Erased or merged: nothing that the conditions say matters.
        return False, [Decision(speaker.phrase("gone"), False, None, 1, True)]
    lines = speaker.decided(tree.root, found, 0)
    return found.outcome, lines if tree.root.any or tree.root.negated else lines[1:]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Speaker:
    """Puts conditions into words.

    :param names: of courses and quick queries.
    :param shapes: place → the shape that the document has there.
    :param relation: the related rows whose conditions are being said; empty = the person's own.
    """

    locale: str
    names: Names
    namer: Namer = as_stored
    shapes: Mapping[str, tuple[Shape, str, Any]] = field(default_factory=dict)
    relation: str = ""

    def sentence(self, tree: Tree) -> str:
        """Return the whole tree in words."""
        if not tree.root.members:
            return self.phrase("nobody" if tree.root.negated else "everybody")
        return self.phrase("people", condition=self.group(tree.root))

    def shape(self, shape: Shape, operator: str, value: Any) -> str:
        if isinstance(value, Mapping):
            words = self.value(value, TEXT, operator)
        else:
            titles = self.names.titles if shape.picker == "course" else {}
            each = [titles.get(one, one) for one in value or ()]
            words = self.of(PHRASES["list"]).join(self.phrase("quoted", text=one) for one in each)
        return self.of(shape.says[operator]).format(value=words)

    def phrase(self, key: str, **values: Any) -> str:
        return self.of(PHRASES[key]).format(**values)

    def of(self, words: Text) -> str:
        return words.of(self.locale)

    def group(self, group: Group) -> str:
        parts = [self.inner(one, len(group.members) > 1) for one in group.members]
        joined = self.of(PHRASES["or" if group.any else "and"]).join(parts) or self.phrase("everybody")
        return self.phrase("not", condition=joined) if group.negated else joined

    def inner(self, node: Node, several: bool) -> str:
        words = self.node(node)
        if node.place in self.shapes:
            return words
        bracket = several and isinstance(node, Group) and not node.negated and len(node.members) > 1
        return self.phrase("brackets", condition=words) if bracket else words

    def node(self, node: Node) -> str:
        if node.place in self.shapes:
            return self.shape(*self.shapes[node.place])
        if isinstance(node, Group):
            return self.group(node)
        if isinstance(node, Rule):
            if node.field.says:
                return self.place(node)
            label = node.field.label.of(self.locale)
            name = partial(self.namer, self.relation, node.field.name) if node.field.values else None
            return self.compared(label, node.field.kind, node.operator, node.value, name)
        if isinstance(node, Related):
            return self.related(node)
        return self.aggregate(node) if isinstance(node, Aggregate) else self.reference(node)

    def place(self, rule: Rule) -> str:
        """Return a condition on the courses of a person in a sentence of its own."""
        holds, fails = rule.field.says
        values = [] if rule.operator in KNOWN else _list(rule.value)
        named = self.of(PHRASES["or"]).join(self.one(one, KEYS, None) for one in values)
        said = fails if rule.operator in (*ABSENT, "null") else holds
        return self.of(said).format(value=named or self.phrase("any_course"))

    def decided(self, node: Node, found: Explanation, depth: int) -> list[Decision]:
        """Return the decisions of a node and all below it; groups say only how they join."""
        inner: list[Node] = []
        if isinstance(node, Group):
            key = (
                ("none_of" if node.any else "not_all_of")
                if node.negated
                else ("any_of" if node.any else "all_of")
            )
            words, inner = self.phrase(key), list(node.members)
        else:
            words = self.node(node)
            inner = [node.root] if isinstance(node, Reference) else []
        lines = [Decision(words, found.outcome, found.seen, depth, bool(inner))]
        for one, child in zip(inner, found.children, strict=True):
            lines += self.decided(one, child, depth + 1)
        return lines

    def compared(
        self, label: str, kind: Kind, operator: str, value: Any, name: Callable[[str], str] | None = None
    ) -> str:
        words = COMPARISONS.get((kind.name, operator)) or COMPARISONS[("", operator)]
        if kind.name == "flag" and operator in ("=", "!="):
            words = PHRASES["yes" if (operator == "=") is value else "no"]
        # Known and unknown compare with nothing, whatever a document puts there.
        compared_with = "" if operator in KNOWN else self.value(value, kind, operator, name)
        return self.of(words).format(field=label, value=compared_with)

    def value(self, value: Any, kind: Kind, operator: str, name: Callable[[str], str] | None = None) -> str:
        if isinstance(value, Mapping):
            unit = self.of(UNITS[value["unit"]][value["n"] != 1])
            return self.phrase("span", n=value["n"], unit=unit)
        if operator in ("between", "notBetween"):
            low, high = (self.one(one, kind, name) for one in value)
            return self.phrase("range", low=low, high=high)
        return self.of(PHRASES["list"]).join(self.one(one, kind, name) for one in _list(value))

    def one(self, value: Any, kind: Kind, name: Callable[[str], str] | None) -> str:
        if name is not None:
            return name(value)
        if kind is FRACTION:
            return str(format_percent(value, "#,##0.####%", locale=self.locale))
        if kind is KEYS:
            return self.phrase("quoted", text=self.names.titles.get(value, value))
        return (
            self.phrase("quoted", text=value)
            if isinstance(value, str) and kind.name in _QUOTED
            else str(value)
        )

    def related(self, node: Related) -> str:
        rows = node.relation.label.of(self.locale)
        where = self.where(node.relation, node.where)
        return self.of(MODES[node.mode]).format(rows=rows, n=node.threshold, where=where)

    def where(self, relation: Relation, group: Group | None) -> str:
        within = replace(self, relation=relation.name)
        return self.phrase("where", condition=within.group(group)) if group else ""

    def aggregate(self, node: Aggregate) -> str:
        rows = node.relation.label.of(self.locale)
        column = node.field.label.of(self.locale) if node.field else ""
        where = self.where(node.relation, node.where)
        label = self.of(AGGREGATES[node.function]).format(rows=rows, column=column, where=where)
        return self.compared(label, node.kind, node.operator, node.value)

    def reference(self, node: Reference) -> str:
        name = self.names.searches.get(node.query_id, str(node.query_id))
        return self.phrase("not_in_segment" if node.negated else "in_segment", name=name)


_QUOTED = ("text", "choice", "set")
