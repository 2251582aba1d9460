"""Read JSON that comes from outside, as strictly as a stored document needs it."""

import json
from collections.abc import Iterable
from typing import Any, NoReturn

from crm_plugin.kernel import storable
from crm_plugin.kernel.errors import BadInput, Clause

DEPTH = 60
"""Lists and objects inside each other: the deepest tree that is taken has some forty, in a campaign file."""
_TOO_DEEP = Clause("nested too deeply")


def load(text: str | bytes) -> Any:
    """Read JSON as strictly as what is stored needs: no key twice, no NaN, nothing that databases refuse.

    :raises BadInput: ``input.not_json``, or ``input.bad`` with the place.
    """
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise BadInput("input.not_json", reason=_TOO_DEEP) from None
    except ValueError as error:
        raise BadInput("input.not_json", reason=_fault(error)) from None
    _check_depth(found)
    storable.check(found)
    return found


def _check_depth(document: Any) -> None:
    """Refuse what parses and would end the recursion of a copy or a walk."""
    level = [document]
    for _ in range(DEPTH):
        level = [inner for one in level for inner in _members(one)]
        if not level:
            return
    raise BadInput("input.not_json", reason=_TOO_DEEP)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _fault(error: ValueError) -> Clause:
    if isinstance(error, json.JSONDecodeError):
        return Clause("error at line {line}, character {letter}", line=error.lineno, letter=error.colno)
    if isinstance(error, UnicodeDecodeError):
        return Clause("not UTF-8")
    found = error.args[0]
    # Else it is Python's own refusal of numbers with thousands of digits.
    return found if isinstance(found, Clause) else Clause("a number in it is too long")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(Clause("the key {key!r} appears twice", key=key[:60]))
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(Clause("{name} is no number", name=name))
