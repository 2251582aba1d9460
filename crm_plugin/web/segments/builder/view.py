"""A tree as the builder shows it: groups and rules with their places, menus and values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_plugin.segments.wording.phrase_templates import BARE, recognised
from crm_plugin.web.segments.builder.fields import Fields, Offered
from crm_plugin.web.segments.builder.form import (
    COMBINE,
    MANY_VALUES,
    NO_VALUE,
    SPANS,
    TWO_VALUES,
    Tree,
    inner_of,
)
from crm_plugin.web.segments.builder.words import COUNTED, LONG_UNITS, UNITS

PICKED = ("=", "!=")
"""Comparisons of a number that stands for something with a name."""
_AS_SEVERAL = {"=": "in", "!=": "notIn"}
"""Comparisons with one course, and those of the menu that mean the same of several."""
Names = Mapping[tuple[str, str], str]
"""(picker, id) → what a person calls it."""


@dataclass
class GroupView:
    """A group of rules."""

    path: str
    match: str
    relation: str | None
    rules: list["GroupView | RuleView"] = field(default_factory=list)
    is_group: bool = True


@dataclass
class RuleView:
    """One rule: what is chosen, and how its value is entered."""

    path: str
    token: str
    offered: Offered | None
    relation: str | None
    operator: str = "="
    widget: str = "none"
    """``none one two many choice choices pick picks flag span``."""
    values: list[tuple[str, str]] = field(default_factory=list)
    """(value, label) of what is chosen."""
    choices: list[tuple[str, str]] = field(default_factory=list)
    """(value, label) of what a picker offers besides, for browsers without the bundle."""
    n: str = ""
    unit: str = "day"
    mode: str = ""
    threshold: str = "1"
    inner: GroupView | None = None
    is_group: bool = False

    @property
    def refuses(self) -> bool:
        """The field does not take the comparison: one that was saved before it was refused."""
        known = self.offered.takes if self.offered else ()
        return bool(known) and self.operator not in known

    @property
    def pick(self) -> str:
        """What the value is picked from; empty when it is not."""
        return (self.offered.pick or "") if self.offered else ""

    @property
    def counted(self) -> bool:
        """The match mode asks for a number."""
        return self.mode in COUNTED

    @property
    def units(self) -> list[str]:
        """Units of time that the field and operator take."""
        short = (
            self.offered is not None
            and self.offered.type == "instant"
            and self.operator != "anniversaryInNext"
        )
        return list(UNITS) if short else list(LONG_UNITS)

    def value(self, position: int = 0) -> str:
        """Return one chosen value, or an empty text."""
        return self.values[position][0] if position < len(self.values) else ""

    def has(self, value: str) -> bool:
        """Return whether a value is among the chosen ones."""
        return any(chosen == value for chosen, _ in self.values)


def view(tree: Tree, fields: Fields, names: Names) -> GroupView:
    """Return what the builder shows of a tree.

    :param names: of the ids in :func:`wanted`; an id without a name is shown as it is.
    """
    return _group(tree, "r", fields, names, None)


def picking(group: GroupView) -> Iterator[RuleView]:
    """Yield the rules of a group, and of all below it, whose values are picked from a list."""
    for one in group.rules:
        if isinstance(one, GroupView):
            yield from picking(one)
        elif one.inner:
            yield from picking(one.inner)
        elif one.widget in ("pick", "picks"):
            yield one


def wanted(tree: Tree, fields: Fields) -> dict[str, set[str]]:
    """Return picker → ids whose names the builder will show."""
    found: dict[str, set[str]] = {}
    for rule, relation in _rules(tree, None):
        offered = fields.find(str(rule.get("field", "")), relation)
        if offered is not None and offered.pick:
            found.setdefault(offered.pick, set()).update(map(str, _listed(rule.get("value"))))
    return found


def _rules(group: Tree, relation: str | None) -> Iterator[tuple[Tree, str | None]]:
    for rule in group.get("rules", []):
        if "combinator" in rule:
            yield from _rules(rule, relation)
        elif "match" in rule or "aggregate" in rule:
            yield from _rules(_inner(rule), str(rule["field"]))
        else:
            yield rule, relation


def _group(tree: Tree, path: str, fields: Fields, names: Names, relation: str | None) -> GroupView:
    said = (tree.get("combinator", "and"), bool(tree.get("not")))
    match = next(name for name, meaning in COMBINE.items() if meaning == said)
    made = GroupView(path, match, relation)
    for position, rule in enumerate(tree.get("rules", [])):
        place = f"{path}.{position}"
        short = None if relation else _short(rule, place, fields, names)
        if short:
            made.rules.append(short)
        elif "combinator" in rule:
            made.rules.append(_group(rule, place, fields, names, relation))
        else:
            made.rules.append(_rule(rule, place, fields, names, relation))
    return made


def _short(rule: Tree, path: str, fields: Fields, names: Names) -> RuleView | None:
    """Return a rule or group as one line, where it has a form with words of its own."""
    found = None if "operator" in rule else recognised(rule)
    offered = fields.find(found[0].name) if found else None
    if found is None or offered is None:
        return None
    made = RuleView(path, offered.name, offered, None, operator=found[1])
    if found[1] not in BARE:
        _fill(made, offered, found[2], names)
    return made


def _rule(rule: Tree, path: str, fields: Fields, names: Names, relation: str | None) -> RuleView:
    token = str(rule.get("field", ""))
    if "aggregate" in rule:
        token = f"{token}|{rule['aggregate']}"
    offered = fields.find(token, relation)
    operator = str(rule.get("operator", "="))
    if offered is not None and offered.type == "keys":
        operator = _AS_SEVERAL.get(operator, operator)
    made = RuleView(path, token, offered, relation, operator=operator)
    if offered is None:
        made.values = _named(_listed(rule.get("value")), "", names)
        return made
    if offered.relation:
        made.inner = _group(_inner(rule), f"{path}.w", fields, names, offered.relation)
    if "match" in rule:
        made.mode = str(rule["match"].get("mode", "some"))
        made.threshold = str(rule["match"].get("threshold", 1))
        return made
    _fill(made, offered, rule.get("value"), names)
    return made


def _inner(rule: Tree) -> Tree:
    """Return the conditions inside a rule, without adding an empty group to the rule itself."""
    return inner_of(dict(rule))


def _fill(made: RuleView, offered: Offered, value: Any, names: Names) -> None:
    made.widget = _widget(offered, made.operator)
    if isinstance(value, Mapping):
        made.n, made.unit = str(value.get("n", "")), str(value.get("unit", "day"))
    else:
        made.values = _named(_listed(value), offered.pick or "", names)


def _widget(offered: Offered, operator: str) -> str:
    if operator in NO_VALUE:
        return "none"
    if operator in SPANS:
        return "span"
    if operator in TWO_VALUES:
        return "two"
    many = operator in MANY_VALUES
    if offered.type == "flag":
        return "flag"
    if offered.values:
        return "choices" if many else "choice"
    if offered.pick and (operator in PICKED or offered.type != "number"):
        return "picks" if many else "pick"
    return "many" if many else "one"


def _listed(value: Any) -> list[Any]:
    if value is None or value == "" or isinstance(value, Mapping):
        return []
    return value if isinstance(value, list) else [value]


def _named(values: list[Any], pick: str, names: Names) -> list[tuple[str, str]]:
    texts = ["true" if value is True else "false" if value is False else str(value) for value in values]
    return [(text, names.get((pick, text), text)) for text in texts]
