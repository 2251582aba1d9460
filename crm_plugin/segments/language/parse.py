"""Understand a filter document, or say in words what is wrong with it and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.segments.language.catalogue import Catalogue, hint, is_revenue
from crm_plugin.segments.language.fields import Field, Relation
from crm_plugin.segments.language.quotations import cut, kind_of, shown
from crm_plugin.segments.language.sources import Column
from crm_plugin.segments.language.tree import Aggregate, Group, Node, Reference, Related, Rule, Tree
from crm_plugin.segments.language.value_types import (
    CHOICE,
    CODE,
    FRACTION,
    INSTANT,
    KEYS,
    KNOWN,
    LISTS,
    MONEY,
    NUMBER,
    TEXT,
    Kind,
    Unreadable,
)

DEPTH, RULES, VALUES = 10, 200, 10_000
"""The largest documents that are taken; those of quick queries that they name count as well."""
COSTS = {"anniversaryInNext": 250}
"""An anniversary is two dates for each year since 1900, and databases limit the parameters of a statement."""
MOST_ROWS = 1_000_000
"""The largest threshold of a match."""
MODES = ("all", "some", "none", "atLeast", "atMost", "exactly")
FUNCTIONS: dict[str, tuple[Kind, ...]] = {
    "count": (),
    "sum": (NUMBER, MONEY),
    "avg": (NUMBER, MONEY),
    "min": (NUMBER, MONEY, FRACTION, INSTANT),
    "max": (NUMBER, MONEY, FRACTION, INSTANT),
    "distinct": (CODE, CHOICE, TEXT, KEYS),
}
"""Aggregate function → kinds of fields that it takes. Sums of fractions would depend on their order."""
REFERENCE = "segment"
"""The field that names a quick query."""

# What the React Query Builder adds to each group and rule; it says nothing about who is found.
_IGNORED = ("id", "path")
GROUP_KEYS = ("combinator", "not", "rules", *_IGNORED)
RULE_KEYS = ("field", "operator", "value", "valueSource", *_IGNORED)
RELATED_KEYS = ("field", "operator", "match", "value", "valueSource", *_IGNORED)
AGGREGATE_KEYS = ("field", "aggregate", "operator", "value", "where", "valueSource", *_IGNORED)


def parse(document: Any, catalogue: Catalogue, place: str = "", inside: frozenset[int] = frozenset()) -> Tree:
    """Understand a document of the filter language (``docs/segments.md``).

    :param document: as JSON gives it: a group.
    :param place: what the document is called in messages, for example ``audience``.
    :param inside: ids of quick queries that it may not lead back to.
    :raises BadInput: with the place, for example ``rules[1].rules[0].value``.
    """
    parser = _Parser(catalogue, inside)
    root = parser.group(document, _Spot(place, 1, None, inside), empty=True)
    return Tree(
        root,
        tuple(parser.private),
        tuple(parser.revenue),
        frozenset(parser.references),
        frozenset(parser.courses),
    )


@dataclass(frozen=True)
class _Spot:
    """Where in the document we are: its name, how deep, in which relation, inside which quick queries."""

    place: str
    depth: int
    relation: Relation | None
    inside: frozenset[int]

    def at(self, step: str) -> str:
        return f"{self.place}.{step}" if self.place else step

    def down(self, step: str, relation: Relation | None = None) -> "_Spot":
        return _Spot(self.at(step), self.depth + 1, relation or self.relation, self.inside)


@dataclass
class _Parser:
    catalogue: Catalogue
    inside: frozenset[int]
    rules: int = 0
    values: int = 0
    private: list[tuple[str, str]] = field(default_factory=list)
    revenue: list[tuple[str, str]] = field(default_factory=list)
    references: set[int] = field(default_factory=set)
    courses: set[str] = field(default_factory=set)

    def group(self, found: Any, spot: _Spot, empty: bool = False) -> Group:
        if not isinstance(found, Mapping) or "field" in found:
            raise BadInput("segment.not_a_group", spot.place, found=kind_of(found))
        if spot.depth > DEPTH:
            raise BadInput("segment.too_deep", spot.place, limit=DEPTH)
        _only(found, GROUP_KEYS, spot)
        combinator, negated, rules = found.get("combinator"), found.get("not", False), found.get("rules")
        if combinator not in ("and", "or"):
            raise BadInput("segment.unknown_combinator", spot.at("combinator"), found=shown(combinator))
        if not isinstance(negated, bool):
            raise _bad(spot.at("not"), "not", negated, Clause("true or false"))
        if not isinstance(rules, list):
            raise _bad(spot.at("rules"), "rules", rules, Clause("a list"))
        if not rules and not empty:
            raise BadInput("segment.empty_group", spot.place)
        members = tuple(self.node(rule, spot.down(f"rules[{index}]")) for index, rule in enumerate(rules))
        return Group(spot.place, bool(members) and combinator == "or", negated, members)

    def node(self, found: Any, spot: _Spot) -> Node:
        if not isinstance(found, Mapping) or not {"field", "rules", "combinator"} & set(found):
            raise BadInput("segment.not_a_tree", spot.place, found=kind_of(found))
        if "field" not in found:
            return self.group(found, spot)
        self.rules += 1
        if self.rules > RULES:
            raise BadInput("segment.too_many_rules", spot.place, limit=RULES)
        name = found["field"]
        if spot.relation is None and name == REFERENCE:
            return self.reference(found, spot)
        if spot.relation is None and isinstance(name, str) and self.catalogue.field(name) is None:
            relation = self.catalogue.relation(name)
            if relation is not None:
                return self.related(found, relation, spot)
        return self.rule(found, self.named(name, spot), spot)

    def named(self, name: Any, spot: _Spot, step: str = "field") -> Field:
        """Return the field of that name, of a person or of the related row that we are in."""
        known = spot.relation.fields if spot.relation else None
        found = None
        if isinstance(name, str):
            found = known.get(name) if known is not None else self.catalogue.field(name)
        if found is None:
            raise BadInput(
                "segment.unknown_field",
                spot.at(step),
                field=shown(name),
                hint=hint(str(name), self.names(spot)),
            )
        if not self.catalogue.offers(found):
            raise BadInput("segment.field_not_offered", spot.at(step), field=name)
        return found

    def names(self, spot: _Spot) -> list[str]:
        if spot.relation:
            return [one.name for one in self.catalogue.fields_of(spot.relation)]
        relations = [one.name for one in self.catalogue.relations()]
        return [*(one.name for one in self.catalogue.fields()), *relations, REFERENCE]

    def rule(self, found: Mapping[str, Any], about: Field, spot: _Spot) -> Rule:
        _only(found, RULE_KEYS, spot)
        operator = _operator(found, about.name, about.kind.operators, spot)
        operand = self.operand(found, operator, about.kind, about.name, spot)
        if about.values and operator not in KNOWN:
            _enumerated(about, found["value"], self.catalogue.zone, spot)
        if about.kind is KEYS and operator not in KNOWN:
            self.courses.update(_listed(found["value"]))
        self.guarded(about, spot)
        return Rule(spot.place, about, operator, operand, found.get("value"))

    def guarded(self, about: Field, spot: _Spot) -> None:
        """Note a condition that needs a permission; on money, one of the document itself."""
        if about.private:
            self.private.append((spot.at("field"), about.name))
        if is_revenue(about) and spot.inside == self.inside:
            self.revenue.append((spot.place, about.name))

    def operand(self, found: Mapping[str, Any], operator: str, kind: Kind, name: str, spot: _Spot) -> Any:
        value = found.get("value")
        self.values += len(value) if isinstance(value, list) else COSTS.get(operator, 1)
        if self.values > VALUES:
            raise BadInput("segment.too_many_values", spot.at("value"), limit=VALUES)
        try:
            return kind.read(operator, value, self.catalogue.zone)
        except Unreadable as error:
            index = error.index
            place, bad = ("value", value) if index is None else (f"value[{index}]", found["value"][index])
            raise _bad(spot.at(place), name, bad, error.expected) from None

    def related(self, found: Mapping[str, Any], relation: Relation, spot: _Spot) -> Node:
        if not self.catalogue.offers(relation):
            raise BadInput("segment.field_not_offered", spot.at("field"), field=relation.name)
        if "aggregate" in found:
            return self.aggregate(found, relation, spot)
        _only(found, RELATED_KEYS, spot)
        match = found.get("match")
        if not isinstance(match, Mapping) or not set(match) <= {"mode", "threshold"}:
            reason = Clause(
                '{name} needs a match such as {{"mode": "atLeast", "threshold": 2}}', name=relation.name
            )
            raise BadInput("segment.bad_match", spot.at("match"), reason=reason)
        mode, threshold = match.get("mode"), match.get("threshold", 1)
        if mode not in MODES:
            reason = Clause("mode is {mode}; it takes {known}", mode=shown(mode), known=", ".join(MODES))
            raise BadInput("segment.bad_match", spot.at("match.mode"), reason=reason)
        counted = mode in MODES[3:]
        if counted and ("threshold" not in match or not _is_count(threshold)):
            reason = Clause("mode {mode} needs a threshold: a whole number from 0", mode=mode)
            raise BadInput("segment.bad_match", spot.at("match.threshold"), reason=reason)
        where = self.where(found, "value", relation, spot)
        return Related(spot.place, relation, mode, threshold if counted else 0, where)

    def where(self, found: Mapping[str, Any], key: str, relation: Relation, spot: _Spot) -> Group | None:
        return self.group(found[key], spot.down(key, relation)) if found.get(key) is not None else None

    def aggregate(self, found: Mapping[str, Any], relation: Relation, spot: _Spot) -> Aggregate:
        _only(found, AGGREGATE_KEYS, spot)
        function, about = self.function(found["aggregate"], relation, spot)
        if about is not None:
            self.guarded(about, spot)
        kind = _result_kind(function, about)
        takes = [one for one in kind.operators if one not in LISTS]
        if function in ("sum", "count", "distinct"):
            takes = [one for one in takes if one not in KNOWN]
        operator = _operator(found, str(found["aggregate"]), tuple(takes), spot)
        operand = self.operand(found, operator, kind, str(found["aggregate"]), spot)
        where = self.where(found, "where", relation, spot)
        if about is not None and about.kind is MONEY and not _fixes(where, relation.currency):
            self.one_currency(spot)
        value = found.get("value")
        return Aggregate(spot.place, relation, function, about, kind, operator, operand, value, where)

    def function(self, text: Any, relation: Relation, spot: _Spot) -> tuple[str, Field | None]:
        function, _colon, name = text.partition(":") if isinstance(text, str) else ("", "", "")
        if function not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            reason = Clause(
                "{found} is not one of {known}, such as sum:amount", found=shown(text), known=known
            )
            raise BadInput("segment.bad_aggregate", spot.at("aggregate"), reason=reason)
        if function == "count":
            if text != "count":
                raise BadInput(
                    "segment.bad_aggregate", spot.at("aggregate"), reason=Clause("count takes no field")
                )
            return function, None
        about = self.named(name, _Spot(spot.place, spot.depth, relation, spot.inside), "aggregate")
        if about.kind not in FUNCTIONS[function] or not (
            isinstance(about.source, Column) or about.kind is KEYS
        ):
            raise BadInput(
                "segment.bad_aggregate",
                spot.at("aggregate"),
                reason=Clause("{function} cannot be taken of {name}", function=function, name=name),
            )
        return function, about

    def one_currency(self, spot: _Spot) -> None:
        if len(self.catalogue.currencies()) > 1:
            raise BadInput("segment.needs_currency", spot.at("where"))

    def reference(self, found: Mapping[str, Any], spot: _Spot) -> Reference:
        _only(found, RULE_KEYS, spot)
        operator = _operator(found, REFERENCE, ("=", "!="), spot)
        ident = found.get("value")
        if not isinstance(ident, int) or isinstance(ident, bool) or not 0 < ident < 2**31:
            raise _bad(spot.at("value"), REFERENCE, ident, Clause("the number of a quick query"))
        if ident in spot.inside:
            raise BadInput("segment.cycle", spot.at("value"), id=ident)
        document = self.catalogue.query(ident)
        if document is None:
            raise BadInput("segment.missing_query", spot.at("value"), id=ident)
        self.references.add(ident)
        inner = _Spot(spot.at(f"value({ident})"), spot.depth + 1, None, spot.inside | {ident})
        return Reference(spot.place, ident, operator == "!=", self.group(document, inner, empty=True))


def _only(found: Mapping[str, Any], known: tuple[str, ...], spot: _Spot) -> None:
    for key in found:
        if key not in known:
            raise BadInput("segment.unknown_key", spot.place, key=cut(key))
    source = found.get("valueSource", "value")
    if source != "value":
        expected = Clause('"value": a condition compares with a value, never with another field')
        raise _bad(spot.at("valueSource"), "valueSource", source, expected)


def _operator(found: Mapping[str, Any], name: str, known: tuple[str, ...], spot: _Spot) -> str:
    operator = found.get("operator")
    if not isinstance(operator, str) or operator not in known:
        raise BadInput(
            "segment.unknown_operator",
            spot.at("operator"),
            field=cut(name),
            operator=shown(operator),
            known=", ".join(known),
        )
    return operator


def _enumerated(about: Field, value: Any, zone: ZoneInfo, spot: _Spot) -> None:
    for index, one in enumerate(_listed(value)):
        if about.kind.read_one(one, zone) not in about.values:
            place = spot.at(f"value[{index}]" if isinstance(value, list) else "value")
            near = hint(one, list(about.values))
            expected = Clause("one of {known}{hint}", known=", ".join(about.values), hint=near)
            raise _bad(place, about.name, one, expected)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _bad(place: str, name: str, value: Any, expected: Clause) -> BadInput:
    return BadInput("segment.bad_value", place, field=name, value=shown(value), expected=expected)


def _result_kind(function: str, about: Field | None) -> Kind:
    if about is None or function == "distinct":
        return NUMBER
    # An average of whole numbers is compared with up to four decimals, as amounts are.
    return MONEY if function == "avg" else about.kind


def _fixes(where: Group | None, currency: str) -> bool:
    """Return whether a group lets only rows of one currency through."""
    if where is None or where.negated or where.any:
        return False
    return any(_fixes_one(one, currency) for one in where.members)


def _fixes_one(node: Node, currency: str) -> bool:
    if isinstance(node, Group):
        return _fixes(node, currency)
    if not isinstance(node, Rule) or node.field.name != currency:
        return False
    return node.operator == "=" or (node.operator == "in" and len(node.operand) == 1)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_ROWS
