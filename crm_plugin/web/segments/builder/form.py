"""The filter builder between a form and a tree: what was posted becomes JSON, JSON becomes what is shown.

The tree itself is the only state. Each field of the form is named by the place of its rule: ``r`` is the
root group, ``r.0`` its first rule, ``r.0.w`` the conditions inside a rule on related rows; then ``:f``
field, ``:p`` the field before it was changed, ``:o`` operator, ``:v`` ``:v2`` values, ``:n`` ``:u`` length
and unit of time, ``:m`` ``:t`` match mode and threshold, ``:c`` how a group combines, ``:k`` kind.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from werkzeug.datastructures import MultiDict

from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.storable import is_whole
from crm_plugin.segments.language.value_types import OPERATORS
from crm_plugin.segments.wording.phrase_templates import BARE, Shape, recognised
from crm_plugin.web.segments.builder.fields import Fields, Offered

Tree = dict[str, Any]
EVERYBODY: Tree = {"combinator": "and", "rules": []}

COMBINE = {"all": ("and", False), "any": ("or", False), "none": ("or", True), "notall": ("and", True)}
"""How a group combines, in marketer's words → (combinator, not)."""
NO_VALUE = ("null", "notNull")
TWO_VALUES = ("between", "notBetween")
MANY_VALUES = ("in", "notIn")
SPANS = ("inLast", "inNext", "olderThan", "anniversaryInNext")
MAX_CHILDREN = 200
"""More rules than this are no tree anyway; the form is not read further."""
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,12}")


def read(form: MultiDict[str, str], fields: Fields) -> Tree:
    """Return the tree that a form holds; unfinished rules stay in it with an empty value.

    :raises BadInput: ``input.bad`` when the form is not one of ours.
    """
    return _group(form, "r", fields, None)


def _group(form: MultiDict[str, str], path: str, fields: Fields, relation: str | None) -> Tree:
    combinator, negated = COMBINE.get(form.get(f"{path}:c", "all"), COMBINE["all"])
    group: Tree = {"combinator": combinator, "rules": []}
    if negated:
        group["not"] = True
    if path.count(".") > 40:
        raise BadInput("input.bad", reason=Clause("the form is nested too deep"))
    for position in range(_count(form, path)):
        place = f"{path}.{position}"
        if form.get(f"{place}:k") == "group":
            group["rules"].append(_group(form, place, fields, relation))
        else:
            group["rules"].append(_rule(form, place, fields, relation))
    return group


def _count(form: MultiDict[str, str], path: str) -> int:
    text = form.get(f"{path}:n", "0")
    return min(int(text), MAX_CHILDREN) if is_whole(text) else 0


def _rule(form: MultiDict[str, str], place: str, fields: Fields, relation: str | None) -> Tree:
    name = form.get(f"{place}:f", "")
    before = form.get(f"{place}:p", name)
    if not name:
        return {"field": "", "operator": "=", "value": ""}
    field = fields.find(name, relation)
    if field is None:
        return {"field": name, "operator": form.get(f"{place}:o", "="), "value": form.get(f"{place}:v", "")}
    if before != name:
        return blank(field)
    if field.shape:
        return _shape(form, place, field, field.shape)
    if field.relation:
        return _related(form, place, fields, field)
    operator = form.get(f"{place}:o", "")
    if operator not in OPERATORS:
        return blank(field)
    # One that the field does not take stays until somebody chooses another: its value must not be lost.
    return {"field": name, "operator": operator, "value": _value(form, place, field, operator)}


def _shape(form: MultiDict[str, str], place: str, field: Offered, shape: Shape) -> Tree:
    operator = form.get(f"{place}:o", "")
    if operator not in field.operators:
        return blank(field)
    value = None if operator in BARE else _value(form, place, field, operator)
    return shape.make(operator, value)


def _related(form: MultiDict[str, str], place: str, fields: Fields, field: Offered) -> Tree:
    inner = _group(form, f"{place}.w", fields, field.relation)
    if field.aggregate:
        rule = {
            "field": field.relation,
            "aggregate": field.aggregate,
            "operator": form.get(f"{place}:o", ">="),
            "value": _typed(form.get(f"{place}:v", ""), field.type),
        }
        return {**rule, "where": inner} if inner["rules"] else rule
    mode = form.get(f"{place}:m", "some")
    match: dict[str, Any] = {"mode": mode}
    if mode in ("atLeast", "atMost", "exactly"):
        match["threshold"] = _whole(form.get(f"{place}:t", "1"), 1)
    return {"field": field.relation, "match": match, "value": inner}


def _value(form: MultiDict[str, str], place: str, field: Offered, operator: str) -> Any:
    first = form.get(f"{place}:v", "")
    if operator in NO_VALUE:
        return None
    if operator in SPANS:
        return {"n": _whole(form.get(f"{place}:n", ""), ""), "unit": form.get(f"{place}:u", "day")}
    if operator in TWO_VALUES:
        return [_typed(first, field.type), _typed(form.get(f"{place}:v2", ""), field.type)]
    if operator in MANY_VALUES:
        return _many(form.getlist(f"{place}:v"), field)
    return _typed(first, field.type)


def _many(posted: list[str], field: Offered) -> list[Any]:
    # Without choices to tick, several values are typed into one box, one a line or with commas.
    texts = posted if field.values or field.pick else re.split(r"[\n,，、;；]", "\n".join(posted))
    return [_typed(text, field.type) for text in texts if text.strip()]


def _typed(text: str, kind: str) -> Any:
    text = text.strip()
    if kind == "flag":
        return text == "true"
    if kind in ("number", "segment") and _WHOLE.fullmatch(text):
        return int(text)
    if kind == "fraction" and (_WHOLE.fullmatch(text) or _NUMBER.fullmatch(text)):
        return float(text)
    return text


def _whole(text: str, default: Any) -> Any:
    text = text.strip()
    return int(text) if _WHOLE.fullmatch(text) else default


def blank(field: Offered) -> Tree:
    """Return a rule on a field that was just chosen, with the commonest operator and no value yet."""
    if field.relation and field.aggregate:
        return {"field": field.relation, "aggregate": field.aggregate, "operator": ">=", "value": ""}
    if field.relation:
        return {
            "field": field.relation,
            "match": {"mode": "some"},
            "value": {"combinator": "and", "rules": []},
        }
    operator = field.operators[0]
    if field.shape:
        return field.shape.make(operator, {"n": 60, "unit": "day"} if operator in SPANS else [])
    if operator in SPANS:
        return {"field": field.name, "operator": operator, "value": {"n": 30, "unit": "day"}}
    if operator in MANY_VALUES:
        return {"field": field.name, "operator": operator, "value": []}
    value: Any = True if field.type == "flag" else field.values[0] if field.values else ""
    return {"field": field.name, "operator": operator, "value": value}


def act(tree: Tree, do: str) -> Tree:
    """Return the tree after a button: ``add:PATH``, ``group:PATH`` or ``remove:PATH``; else unchanged.

    :raises BadInput: ``input.bad`` when the path leads nowhere.
    """
    verb, _, path = do.partition(":")
    tree = deepcopy(tree)
    try:
        if verb == "add":
            _find(tree, path)["rules"].append({"field": "", "operator": "=", "value": ""})
        elif verb == "group":
            rule = {"field": "", "operator": "=", "value": ""}
            _find(tree, path)["rules"].append({"combinator": "or", "rules": [rule]})
        elif verb == "remove":
            parent, _, position = path.rpartition(".")
            del _find(tree, parent)["rules"][int(position)]
    except (KeyError, IndexError, ValueError, TypeError):
        raise BadInput("input.bad", reason=Clause("there is no {place}", place=path)) from None
    return tree


def begun(tree: Tree, do: str) -> str:
    """Return the place of the rule that a button has just added, where one goes on; else nothing."""
    verb, _, path = do.partition(":")
    if verb not in ("add", "group"):
        return ""
    last = len(_find(tree, path)["rules"]) - 1
    return f"{path}.{last}" + (".0" if verb == "group" else "")


def _find(tree: Tree, path: str) -> Tree:
    node = tree
    for step in path.split(".")[1:]:
        node = inner_of(node) if step == "w" else node["rules"][int(step)]
    return node


def inner_of(rule: Tree) -> Tree:
    """Return the group of conditions inside a rule on related rows, made when there is none."""
    key = "where" if "aggregate" in rule else "value"
    if not isinstance(rule.get(key), dict):
        rule[key] = {"combinator": "and", "rules": []}
    inner: Tree = rule[key]
    return inner


def finished(tree: Tree) -> tuple[Tree, int]:
    """Return the tree without its unfinished rules (and groups that held nothing else).

    Second, how many of them wait for a value: that a menu stands open is not worth a word.
    """
    kept: list[Tree] = []
    dropped = 0
    for rule in tree["rules"]:
        found = None if "operator" in rule else recognised(rule)
        if found:
            # One rule in the builder: without its value it is no narrower rule, it is none at all.
            whole = found[1] in BARE or not _is_empty(found[2])
            kept += [rule] * whole
            dropped += not whole
        elif "combinator" in rule:
            group, fewer = finished(rule)
            dropped += fewer
            if group["rules"]:
                kept.append(group)
        elif _is_unfinished(rule):
            # Where nothing was chosen yet, nothing is missing.
            dropped += bool(rule["field"])
        else:
            rule, fewer = _finished_inside(rule)
            dropped += fewer
            kept.append(rule)
    return {**tree, "rules": kept}, dropped


def _finished_inside(rule: Tree) -> tuple[Tree, int]:
    key = "where" if "aggregate" in rule else "value" if "match" in rule else ""
    if not key or not isinstance(rule.get(key), dict):
        return rule, 0
    inner, dropped = finished(rule[key])
    if inner["rules"]:
        return {**rule, key: inner}, dropped
    # No condition on the rows is no group: an empty one would be bad input.
    return {name: value for name, value in rule.items() if name != key}, dropped


def _is_unfinished(rule: Mapping[str, Any]) -> bool:
    if not rule["field"]:
        return True
    if "match" in rule or rule.get("operator") in NO_VALUE:
        return False
    return _is_empty(rule.get("value"))


def _is_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("n") in ("", None)
    if isinstance(value, list):
        return not value or "" in value
    return value in ("", None)
