"""What the channels check alike: the campaign's own variables and its link."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crm_plugin.channels.base import MARKETING, Problem
from crm_plugin.channels.content import LIMIT, VARIABLES, Piece, Slot, parse
from crm_plugin.channels.links_apart import typed_addresses
from crm_plugin.channels.placeholder_forms import foreign_placeholders, written_field
from crm_plugin.kernel.errors import BadInput

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
"""How a campaign's own variable may be called."""


_WORDS_OF_THE_PARSER = frozenset(
    ("and", "or", "not", "in", "is", "if", "else", "elif", "for", "recursive", "true", "false", "none")
)


def check_name(name: str, place: str) -> None:
    """Refuse what a word of a campaign's own cannot be called.

    :raises BadInput: ``content.bad_word``.
    """
    if not NAME.fullmatch(name) or name in VARIABLES or name in _WORDS_OF_THE_PARSER:
        raise BadInput("content.bad_word", place, name=name[:40])


def known(content: Mapping[str, Any]) -> frozenset[str]:
    """Return every word that a content may use: those of all contents, and the campaign's own."""
    return frozenset((*VARIABLES, *constants(content), *content.get("personal", {})))


def read_part(content: Mapping[str, Any], part: str, limit: int = LIMIT) -> list[Piece]:
    """Return a text of a content in pieces.

    :param limit: bytes that it may have.
    :raises BadInput: ``content.*``, with the part as its place.
    """
    return cushioned(parse(str(content.get(part) or ""), known(content), part, limit), content)


def other_forms(content: Mapping[str, Any], *names: str) -> list[Problem]:
    """Return the placeholders of another syntax in the texts of a content."""
    fields = known(content)
    texts = ((name, str(content.get(name) or "")) for name in names)
    return [one for name, text in texts for one in foreign_placeholders(text, fields, name)]


def cushioned(pieces: list[Piece], content: Mapping[str, Any]) -> list[Piece]:
    """Return pieces whose slots fall back on what the campaign says for those who have no value.

    A default that stands in the text itself is nearer, and stays.
    """
    instead: Mapping[str, str] = content.get("fallbacks", {})
    return [
        replace(piece, default=instead[piece.name])
        if isinstance(piece, Slot) and piece.default is None and piece.name in instead
        else piece
        for piece in pieces
    ]


def constants(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the campaign's own variables that have a value, which is the same for everybody.

    Course and class titles are given there too; what belongs to a person (or is an address of ours)
    cannot be set for all.
    """
    personal = {*VARIABLES} - {"course_title", "class_title"}
    own = content.get("variables") or {}
    return {
        str(name): str(value)
        for name, value in own.items()
        if NAME.fullmatch(str(name)) and name not in personal and value not in (None, "")
    }


def link_problems(used: Iterable[str], content: Mapping[str, Any]) -> list[Problem]:
    """Report a link that the campaign does not have, and values that hold placeholders of their own."""
    if "link" in used and not content.get("link"):
        return [Problem("content.no_link", "link")]
    return _unfilled(content)


def _unfilled(content: Mapping[str, Any]) -> list[Problem]:
    """Report placeholders in a link or a value: nothing fills those in."""
    values = {"link": str(content.get("link") or "")}
    for key in ("variables", "fallbacks"):
        values |= {f"{key}.{name}": str(value) for name, value in (content.get(key) or {}).items()}
    found = ((place, written_field(value, known(content))) for place, value in values.items())
    return [Problem("content.not_filled_in", place, {"written": one}) for place, one in found if one]


def uncounted_links(pieces: Sequence[Piece], place: str) -> list[Problem]:
    """Warn of addresses typed into a plain text: only ``{{ link }}`` is counted there."""
    found: dict[str, None] = {}
    for index, piece in enumerate(pieces):
        if isinstance(piece, str):
            goes_on = index + 1 < len(pieces)
            for url in typed_addresses(piece):
                found[f"{url}…" if goes_on and piece.endswith(url) else url] = None
    return [Problem("content.uncounted_link", place, {"url": url[:80]}, severe=False) for url in found]


def unsubscribe_problems(used: Iterable[str], purpose: str, place: str) -> list[Problem]:
    """Warn of an opt-out link in a message that nobody can opt out of."""
    if purpose != MARKETING and "unsubscribe" in used:
        return [Problem("content.service_unsubscribe", place, severe=False)]
    return []


def severe(error: BadInput) -> Problem:
    """Return what stopped the reading of a content as a problem of it."""
    return Problem(error.code, error.place, error.params)
