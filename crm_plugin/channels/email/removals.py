"""What is taken out of an author's HTML: named with its lines and the reason, once for each kind."""

from collections.abc import Iterable
from dataclasses import dataclass

from crm_plugin.channels.base import Problem
from crm_plugin.kernel.errors import Clause

RUNS = Clause("an e-mail may run nothing")
LOADS = Clause("an e-mail loads nothing but pictures in img")
UNREADABLE = Clause("not every mail program reads it alike")
NO_CSS = Clause("it is no CSS, which is written name: value")
UNKNOWN_TAG = Clause("mail programs do not know it; its text stays")
UNKNOWN_ATTRIBUTE = Clause("mail programs do not know it")
FOR_OUTLOOK = Clause("only Outlook for Windows would read it")
NO_ANSWER = Clause("an e-mail has no forms; its text stays")

MOST = 20
"""Kinds that are named one by one."""
_MOST_LINES = 5


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing that was taken out."""

    what: str
    why: Clause
    line: int


def problems(removals: Iterable[Removal], place: str) -> list[Problem]:
    """Return what the author is to know: a warning for each kind, with its lines."""
    lines: dict[tuple[str, Clause], list[int]] = {}
    for one in removals:
        lines.setdefault((one.what, one.why), []).append(one.line)
    found = [
        Problem("content.taken_out", place, {"lines": _shown(every), "what": what, "why": why}, severe=False)
        for (what, why), every in lines.items()
    ]
    if len(found) > MOST:
        more = Problem("content.more_taken_out", place, {"count": len(found) - MOST + 1}, severe=False)
        return [*found[: MOST - 1], more]
    return found


def _shown(lines: list[int]) -> str:
    every = list(dict.fromkeys(lines))
    shown = ", ".join(map(str, every[:_MOST_LINES]))
    return f"{shown} …" if len(every) > _MOST_LINES else shown
