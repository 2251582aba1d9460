"""Schemas of the API's answers, made of the dataclasses that services return, and of what it takes."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from marshmallow import Schema, fields, validate

from crm_plugin.host.records import PERMISSIONS
from crm_plugin.kernel.i18n import SOURCE, locales
from crm_plugin.kernel.storable import LARGEST

MOST = 500
"""Rows of a page."""


def language() -> fields.String:
    """Return the field that says in which language words are wanted."""
    return fields.String(load_default=SOURCE, validate=validate.OneOf(locales()))


class Amount(fields.String):
    """Money in major units, as text: no program shall round it."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else format(value, "f")


class Whole(fields.Integer):
    """A whole number of a body: a text that reads as one is none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise self.make_error("invalid", input=value)
        return int(value)


class Flag(fields.Boolean):
    """True or false in a body: other words for them are none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Document(fields.Raw):
    """A document that a capability reads itself.

    :param name: of its schema in the document of the API.
    """

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(**options)
        self.name_of_schema = name


Field: TypeAlias = "fields.Field[Any]"
"""A field of a schema; marshmallow 3 has no parameter for it."""

_PLAIN: dict[Any, "type[Field]"] = {
    str: fields.String,
    int: fields.Integer,
    bool: fields.Boolean,
    float: fields.Float,
    datetime: fields.AwareDateTime,
    date: fields.Date,
    Decimal: Amount,
}
_MADE: dict[type, type[Schema]] = {}


def of(kind: type, /, **more: Field) -> type[Schema]:
    """Return the schema of a dataclass, one field for each of its own; ``more`` win.

    A dataclass has one schema: ask with ``more`` once and keep it.
    """
    if more:
        return _made(kind, more)
    if kind not in _MADE:
        _MADE[kind] = _made(kind, {})
    return _MADE[kind]


def _made(kind: type, more: Mapping[str, Field]) -> type[Schema]:
    hints = get_type_hints(kind)
    assert is_dataclass(kind), kind
    names = [one.name for one in fields_of(kind)]
    found = {name: _field(hints[name]) for name in names if name not in more}
    return answer(kind.__name__.removesuffix("Row"), **{**found, **more})


def _field(hint: Any) -> Field:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (one,) = [arg for arg in inner if arg is not type(None)]
        made = _field(one)
        made.allow_none = True
        return made
    if hint in _PLAIN:
        return _PLAIN[hint]()
    if is_dataclass(hint):
        return fields.Nested(of(cast(type, hint)))
    if origin in (list, Sequence):
        return fields.List(_field(inner[0]))
    if origin is tuple:
        row = [arg for arg in inner if arg is not Ellipsis]
        return fields.List(_field(row[0]) if len(row) == 1 else fields.Raw())
    if origin is Literal:
        return fields.String(validate=validate.OneOf(inner))
    if origin in (dict, Mapping):
        return fields.Dict(keys=fields.String())
    raise TypeError(f"the API has no field for {hint!r}")


def answer(name: str, /, **found: Field) -> type[Schema]:
    """Return the schema of an answer that is no dataclass of its own; it always has all its fields."""
    for one in found.values():
        one.required = True
    return Schema.from_dict(found, name=name)


def paged(name: str, row: type[Schema], key: type[Field] = fields.Integer, **more: Field) -> type[Schema]:
    """Return the schema of a page of rows; ``next``, of the kind ``key``, leads to the page after it."""
    about = {"description": "Pass it as `after` for the next page; null on the last."}
    following = key(allow_none=True, metadata=about)
    return answer(name, items=fields.List(fields.Nested(row)), next=following, **more)


def after(usual: int | None = None) -> fields.Integer:
    """Return the parameter that says where a page begins."""
    return fields.Integer(load_default=usual, validate=validate.Range(0, LARGEST))


def limit(usual: int = 50) -> fields.Integer:
    """Return the parameter that says how long a page is."""
    return fields.Integer(load_default=usual, validate=validate.Range(1, MOST))


def instant(**options: Any) -> fields.AwareDateTime:
    """Return a field for an instant that names its zone."""
    return fields.AwareDateTime(format="iso", **options)


def permissions() -> Field:
    """Return a field for permissions."""
    return fields.List(fields.String(validate=validate.OneOf(PERMISSIONS)), required=True)


class Error(Schema):
    """Why a request was refused."""

    error = fields.String(required=True, metadata={"description": "A code that never changes its meaning."})
    message = fields.String(required=True, metadata={"description": "One line for people."})
    place = fields.String(
        required=True, metadata={"description": "Where in the input it is; empty when nowhere."}
    )


Id = answer("Id", id=fields.Integer())
State = answer("State", state=fields.String())
Number = answer("Number", count=fields.Integer())
