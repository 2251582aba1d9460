"""Words that stand for slots while a document goes through cleaners that know nothing of slots."""

import re
import secrets
from collections.abc import Iterable

from crm_plugin.channels.content import Escape, Piece, Slot

Thing = Slot | tuple[Slot, Escape] | int
"""A slot, a slot whose escaping is decided already, or the number of a tracked target."""


class Marker:
    """Hides slots behind words of letters and digits, which cleaners, CSS and text tools leave alone.

    The words are drawn again for each compilation, so that no author can write one.
    """

    def __init__(self) -> None:
        self._stem = f"v{secrets.token_hex(6)}x"
        self._pattern = re.compile(rf"{self._stem}(\d+)z")
        self._things: list[Thing] = []

    def word(self, thing: Thing) -> str:
        """Return a new word for a slot or a target."""
        self._things.append(thing)
        return f"{self._stem}{len(self._things) - 1}z"

    def hide(self, pieces: Iterable[Piece]) -> str:
        """Return the source with a word for each slot."""
        return "".join(piece if isinstance(piece, str) else self.word(piece) for piece in pieces)

    def split(self, text: str) -> list[str | Thing]:
        """Return text and things in turn, without empty text."""
        found: list[str | Thing] = []
        for index, part in enumerate(self._pattern.split(text)):
            found.append(self._things[int(part)] if index % 2 else part)
        return [part for part in found if part != ""]

    def first_slot(self, text: str) -> Slot | None:
        """Return the first slot whose word stands in a text."""
        return next((part for part in self.split(text) if isinstance(part, Slot)), None)
