"""How well returned mail is understood: `make bench-bounces CORPUS=table.tsv`, over corpora of others.

The table names a message and its class on each line, with a tab between; further columns are for people. A
first line that begins with ``#`` names the columns; then ``accepted`` may hold more classes that are right,
with ``|`` between. Paths are relative to the table. Classes are those of the reader, and ``none`` for what
has no effect.

A third of the messages, chosen by the hash of their names, is never looked at while the reader is built. So
its figure says how well the reader does with mail that it has not seen.
"""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from crm_plugin.channels.email.feedback.bounce_classification import KINDS
from crm_plugin.channels.email.feedback.dsn import read

CLASSES = (*KINDS, "none")
WITHOUT_EFFECT = ("hard", "refused", "none")
"""The classes whose agreement is wanted; a soft one counts only when it comes again and again."""
AGREEMENT, WRONGLY_HARD = 0.95, 0.01


class Sample(NamedTuple):
    """One message of a corpus."""

    path: Path
    expected: str
    accepted: frozenset[str]

    @property
    def is_held_out(self) -> bool:
        """Whether it is not looked at while the reader is built."""
        return int(hashlib.sha256(self.path.name.encode()).hexdigest(), 16) % 3 == 0


def main() -> None:
    """Print the figures of the open and of the held-out part; ``--list`` names the open ones that differ."""
    place = os.environ.get("CORPUS", "")
    if not place:
        sys.exit("usage: make bench-bounces CORPUS=table.tsv")
    samples = list(_samples(Path(place)))
    _part("open", [one for one in samples if not one.is_held_out], listed="--list" in sys.argv)
    _part("held out", [one for one in samples if one.is_held_out])


def _samples(table: Path) -> Iterator[Sample]:
    names: list[str] = ["path", "class"]
    for line in table.read_text(encoding="utf-8").splitlines():
        cells = line.removeprefix("#").split("\t")
        if line.startswith("#"):
            names = cells
            continue
        accepted = dict(zip(names, cells, strict=False)).get("accepted", "")
        yield Sample(table.parent / cells[0], cells[1], frozenset((cells[1], *accepted.split("|"))) - {""})


def _part(name: str, samples: Iterable[Sample], listed: bool = False) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for one in samples:
        got = read(one.path.read_bytes()).kind or "none"
        right = got in one.accepted
        found[got if right else one.expected, got] += 1
        if listed and not right:
            print(one.path, one.expected, "read as", got)
    _table(name, found)
    _bars(found)


def _table(name: str, found: Counter[tuple[str, str]]) -> None:
    """Print the classes wanted, by the classes read; an accepted one stands as the one that was read."""
    print(f"\n{name}: {found.total()} messages")
    print("wanted, read as".ljust(16) + "".join(one.rjust(10) for one in CLASSES))
    for wanted in CLASSES:
        print(wanted.ljust(16) + "".join(str(found[wanted, got]).rjust(10) for got in CLASSES))


def _bars(found: Counter[tuple[str, str]]) -> None:
    judged = sum(count for (wanted, _), count in found.items() if wanted in WITHOUT_EFFECT)
    agreed = sum(found[one, one] for one in WITHOUT_EFFECT)
    wrong = sum(count for (wanted, got), count in found.items() if got == "hard" != wanted)
    others = sum(count for (wanted, _), count in found.items() if wanted != "hard")
    hard = found.total() - others
    alike = sum(count for (wanted, got), count in found.items() if wanted == got)
    _bar("agreement on hard, refused, none", agreed, judged, f"wanted: {AGREEMENT:.0%}")
    _bar("wrongly hard", wrong, others, f"wanted: at most {WRONGLY_HARD:.0%}")
    _bar("recall of hard", found["hard", "hard"], hard)
    _bar("agreement on everything", alike, found.total())


def _bar(name: str, count: int, of: int, wanted: str = "") -> None:
    share = count / of if of else 0.0
    print(f"{name}: {count} of {of}, {share:.1%}" + (f" ({wanted})" if wanted else ""))


if __name__ == "__main__":
    main()
