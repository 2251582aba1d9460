"""What lies in spools, as a test sees it."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from crm_plugin.kernel.jobs.failed_items import Round
from crm_plugin.kernel.spool import SUFFIX

T = TypeVar("T")
R = TypeVar("R")


class Plain(Round):
    """A round without a database: what fails is raised."""

    def __init__(self) -> None:
        pass

    def each(
        self, items: Collection[T], work: Callable[[T], R], name: Callable[[T], object] = str
    ) -> list[R]:
        return [work(item) for item in items]


def waiting(folder: Path) -> int:
    """Return how many bytes are spooled and not yet handed on."""
    return sum(path.stat().st_size - _place(path) for path in folder.glob(f"*{SUFFIX}"))


def _place(path: Path) -> int:
    noted = path.with_suffix(".pos")
    return int(noted.read_text()) if noted.exists() else 0
