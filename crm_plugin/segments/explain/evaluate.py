"""The same meaning in memory, for a person at a time: proven equal to the SQL, and able to say why."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm_plugin.kernel.db.types import MONEY_UNIT
from crm_plugin.segments.explain.loaded_rows import World
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.sources import Many, Row
from crm_plugin.segments.language.tree import Aggregate, Group, Node, Reference, Related, Rule, Tree
from crm_plugin.segments.language.value_types import FLAG, INSTANT, KEYS, KNOWN, MONEY, Kind
from crm_plugin.segments.sql.related_rows import average_unit


@dataclass(frozen=True)
class Explanation:
    """What one node of the tree decided about a person, with what it saw.

    :param place: of the node in the document; empty at the root.
    :param kind: ``group``, ``rule``, ``related``, ``aggregate``, ``segment`` or ``person``.
    :param outcome: whether it is fulfilled.
    :param seen: the value looked at, ready for JSON; None = unknown;
        for related rows ``matching`` and ``of``.
    """

    place: str
    kind: str
    outcome: bool
    seen: Any = None
    field: str = ""
    operator: str = ""
    children: tuple["Explanation", ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        found: dict[str, Any] = {"place": self.place, "kind": self.kind, "outcome": self.outcome}
        if self.field:
            found |= {"field": self.field, "operator": self.operator, "seen": self.seen}
        if self.children:
            found["children"] = [child.document() for child in self.children]
        return found

    def text(self, indent: int = 0) -> str:
        """Return it as lines for a terminal: what is fulfilled is marked +, what is not, -."""
        about = f"{self.field} {self.operator}" if self.field else self.kind
        seen = f": {self.seen}" if self.field else ""
        line = f"{'  ' * indent}{'+' if self.outcome else '-'} {self.place} {about}{seen}"
        return "\n".join([line, *(child.text(indent + 1) for child in self.children)])


def explain(tree: Tree, person: Row, world: World) -> Explanation:
    """Decide whether a tree matches a person, and say why or why not.

    :param person: the row of a person, from ``world``.
    """
    alive = person["status"] != "erased" and person["merged_into"] is None
    visible = world.is_visible(person)
    root = _node(tree.root, person, world)
    if alive and visible:
        return root
    hidden = Explanation("", "person", False, None if alive else "erased", "status" if not alive else "scope")
    return Explanation("", "group", False, children=(hidden, root))


def _node(node: Node, row: Row, world: World) -> Explanation:
    if isinstance(node, Group):
        return _group(node, row, world)
    if isinstance(node, Rule):
        return _rule(node, row, world)
    if isinstance(node, Related):
        return _related(node, row, world)
    if isinstance(node, Aggregate):
        return _aggregate(node, row, world)
    return _reference(node, row, world)


def _group(group: Group, row: Row, world: World) -> Explanation:
    children = tuple(_node(one, row, world) for one in group.members)
    joined = any if group.any else all
    outcome = joined(child.outcome for child in children) != group.negated
    return Explanation(group.place, "group", outcome, children=children)


def _rule(rule: Rule, row: Row, world: World) -> Explanation:
    about, present = rule.field, world.present
    seen = about.source.seen(about.kind, row, world.data.get(about.source), present)
    outcome = _fits(about.kind, rule.operator, rule.operand, seen, present)
    return Explanation(rule.place, "rule", outcome, readable(about.kind, seen), about.name, rule.operator)


def _fits(kind: Kind, operator: str, operand: Any, seen: Any, present: Present) -> bool:
    if not isinstance(seen, Many):
        return kind.matches(operator, operand, seen, present)
    if operator == "null":
        return not _fits(kind, "notNull", operand, seen, present)
    return any(kind.matches(operator, operand, one, present) for one in seen.values)


def _reference(node: Reference, row: Row, world: World) -> Explanation:
    inner = _group(node.root, row, world)
    operator = "!=" if node.negated else "="
    outcome = inner.outcome != node.negated
    return Explanation(node.place, "segment", outcome, node.query_id, "segment", operator, (inner,))


def _rows(node: Related | Aggregate, person: Row, world: World) -> tuple[list[Row], list[Row]]:
    """Return the person's related rows in scope, and those of them that fulfil the condition."""
    rows = world.rows(node.relation, person["id"])
    where = node.where
    return rows, rows if where is None else [row for row in rows if _group(where, row, world).outcome]


def _related(node: Related, person: Row, world: World) -> Explanation:
    rows, fitting = _rows(node, person, world)
    count = len(fitting)
    outcome = {
        "some": count > 0,
        "none": count == 0,
        "all": bool(rows) and count == len(rows),
        "atLeast": count >= node.threshold,
        "atMost": count <= node.threshold,
        "exactly": count == node.threshold,
    }[node.mode]
    seen = {"matching": count, "of": len(rows)}
    return Explanation(node.place, "related", outcome, seen, node.relation.name, node.mode)


def _aggregate(node: Aggregate, person: Row, world: World) -> Explanation:
    _all, fitting = _rows(node, person, world)
    values = _values(node, fitting, world)
    name = f"{node.relation.name}.{node.function}"
    if node.function == "avg":
        outcome, seen = _average(node, values, world.present)
        return Explanation(node.place, "aggregate", outcome, seen, name, node.operator)
    figure = _figure(node.function, values, len(fitting))
    outcome = node.kind.matches(node.operator, node.operand, figure, world.present)
    return Explanation(node.place, "aggregate", outcome, readable(node.kind, figure), name, node.operator)


def _figure(function: str, values: list[Any], count: int) -> Any:
    if function in ("count", "distinct"):
        return count if function == "count" else len(set(values))
    if function == "sum":
        return sum(values)
    return (min if function == "min" else max)(values, default=None)


def _values(node: Aggregate, rows: list[Row], world: World) -> list[Any]:
    """Return the known values that a figure is taken of."""
    about = node.field
    if about is None:
        return []
    if about.kind is KEYS:
        return [root for row in rows for root in world.roots(node.relation, row)]
    data = world.data.get(about.source)
    found = [about.source.seen(about.kind, row, data, world.present) for row in rows]
    return [value for value in found if value is not None]


def _average(node: Aggregate, values: list[int], present: Present) -> tuple[bool, Any]:
    if not values:
        return node.operator == "null", None
    total, count = sum(values) * average_unit(node), len(values)
    shown = readable(MONEY, total // count)
    if node.operator in KNOWN:
        return node.operator == "notNull", shown
    operand = node.operand
    scaled = tuple(one * count for one in operand) if isinstance(operand, tuple) else operand * count
    return node.kind.matches(node.operator, scaled, total, present), shown


def readable(kind: Kind, seen: Any) -> Any:
    """Return a value as JSON shows it to people."""
    if isinstance(seen, Many):
        return [readable(kind, one) for one in seen.values]
    if isinstance(seen, frozenset | set):
        return sorted(seen)
    if seen is None or kind is FLAG:
        return seen
    if kind is MONEY:
        return format(Decimal(seen) / MONEY_UNIT, "f")
    if isinstance(seen, datetime) or (kind is INSTANT):
        return seen.isoformat().replace("+00:00", "Z")
    return seen.isoformat() if isinstance(seen, date) else seen
