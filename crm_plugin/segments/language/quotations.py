"""What a message quotes of a document that cannot be understood: as it was written, and never much of it."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from crm_plugin.kernel.errors import Clause

FEW, LONG = 3, 20
"""Members of a list, and letters of each, that a message quotes."""


def cut(value: Any) -> Any:
    """Return what a message quotes of a bad value."""
    if isinstance(value, Mapping):
        return Clause("an object")
    if isinstance(value, list):
        return Clause("a list")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**20:
        return Clause("a huge number")
    return value if value is None else str(value)[:60]


def kind_of(value: Any) -> str:
    """Return what stands where a group or a rule belongs."""
    if value is None:
        return Clause("nothing")
    return shown(value) if not isinstance(value, Mapping | list) else cut(value)


def shown(value: Any) -> str:
    """Return a bad value as a message says it: as it was written, where that is short."""
    if value is None:
        return Clause("an empty value")
    if isinstance(value, str):
        return repr(value[:60])
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return _written(value, [*value, *value.values()]) or Clause("this object")
    if isinstance(value, list):
        return _written(value, value) or Clause("this list")
    short = cut(value)
    return short if isinstance(short, Clause) else str(short)


def _is_short(value: Any) -> bool:
    if isinstance(value, Mapping | list):
        return False
    return len(str(cut(value))) <= LONG


def _written(value: Any, members: Collection[Any]) -> str:
    """Return a list or an object as JSON; nothing for a long or a nested one."""
    if len(value) > FEW or not all(map(_is_short, members)):
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()
