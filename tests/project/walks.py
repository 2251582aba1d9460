"""The walk of a request: the files of the package that it enters, in the order entered."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import crm_plugin

PACKAGE = f"{Path(crm_plugin.__file__).parent}/"
TOOLS = "kernel/"
"""Clock, registry, steps, audit: tools that a walk picks up, not places that it comes through."""


@dataclass
class Walk:
    """What a request entered.

    :param files: below the package, each once, in the order entered.
    :param entries: how often a function of another file was called.
    """

    files: list[str] = field(default_factory=list)
    entries: int = 0

    def __str__(self) -> str:
        """Return the walk as a message of a failed test shows it."""
        lines = [f"{number:3} {name}" for number, name in enumerate(self.files, 1)]
        return "\n".join([f"{len(self.files)} files, {self.entries} entries", *lines])


@contextmanager
def walked() -> Iterator[Walk]:
    """Record the walk of what is done inside the block, in this thread.

    Do it once before: what a process does once (imports, templates, caches) is no part of a walk.
    """
    walk = Walk()
    seen: set[str] = set()
    inside = [""]

    def enter(frame: FrameType, event: str, _argument: Any) -> None:
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(PACKAGE):
            return
        name = name.removeprefix(PACKAGE)
        if name.startswith(TOOLS):
            return
        walk.entries += name != inside[0]
        inside[0] = name
        if name not in seen:
            seen.add(name)
            walk.files.append(name)

    before = sys.getprofile()
    sys.setprofile(enter)
    try:
        yield walk
    finally:
        sys.setprofile(before)
