"""What a content may hold: text and variables with a default, nothing else.

In every channel users write ``{{ name }}`` and ``{{ name | default("friend") }}``. Jinja parses it and never
runs it: the tree is walked, everything but text, names and that filter is refused with its line. What is left
is a list of slots that rendering only joins.
"""

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from jinja2 import Environment, TemplateSyntaxError, nodes

from crm_plugin.kernel.errors import BadInput, Clause

LIMIT = 20_000
"""Bytes (UTF-8) of one part of a content."""
LONGEST_VALUE = 1_000
"""Letters of one value: what comes from people cannot blow a message up."""

VARIABLES = ("username", "display_name", "real_name", "course_title", "class_title", "link", "unsubscribe")
"""The variables that every content may use, beside the campaign's own."""
ADDRESSES = ("link", "unsubscribe")
"""Those whose values are web addresses of ours."""

_NEVER = secrets.token_hex(8)
_ENVIRONMENT = Environment(
    keep_trailing_newline=True,
    # {# and {% are text here: codes and minified CSS have them, and a comment swallows what it holds.
    block_start_string=f"{_NEVER}%",
    block_end_string=f"%{_NEVER}",
    comment_start_string=f"{_NEVER}#",
    comment_end_string=f"#{_NEVER}",
)
_COMMAND = re.compile(r"\{%[-+]?\s*([a-z]+)\b(?:(?!%\}).){0,200}%\}", re.I | re.S)
"""A command of Jinja and of what learned from it, such as ``{% if … %}``."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")

Escape = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place where a value goes."""

    name: str
    default: str | None = None
    """None = the variable must have a value."""
    line: int = 0


Piece = str | Slot


def parse(source: str, known: Collection[str], place: str = "", limit: int = LIMIT) -> list[Piece]:
    """Read a content.

    :param known: names that may stand in it.
    :param place: of this part, for messages.
    :param limit: bytes that it may have.
    :raises BadInput: ``content.too_long``, ``content.syntax``, ``content.not_allowed``,
        ``content.unknown_variable``; each names the line.
    """
    if len(source.encode("utf-8", "replace")) > limit:
        raise BadInput("content.too_long", place, limit=limit)
    if command := _COMMAND.search(source := _plain_lines(source)):
        line = source.count("\n", 0, command.start()) + 1
        what = _COMMANDS.get(command[1].lower(), Clause("a command"))
        raise BadInput("content.not_allowed", place, line=line, what=what)
    try:
        tree = _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise BadInput("content.syntax", place, line=error.lineno, reason=_unread(error)) from None
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        raise BadInput("content.not_allowed", place, line=1, what=Clause("such nesting")) from None
    found = (node.nodes for node in tree.body if isinstance(node, nodes.Output))
    return [_piece(child, known, place) for children in found for child in children]


def names(pieces: list[Piece]) -> frozenset[str]:
    """Return the variables that pieces use."""
    return frozenset(piece.name for piece in pieces if isinstance(piece, Slot))


def _plain_lines(source: str) -> str:
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _piece(node: nodes.Expr, known: Collection[str], place: str) -> Piece:
    if isinstance(node, nodes.TemplateData):
        return node.data
    default: str | None = None
    inner: nodes.Node | None = node
    if isinstance(node, nodes.Filter):
        default = _default(node, place)
        inner = node.node
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return node.value
    if not isinstance(inner, nodes.Name):
        raise BadInput("content.not_allowed", place, line=node.lineno, what=_word(inner or node))
    if inner.name not in known:
        raise BadInput("content.unknown_variable", place, line=inner.lineno, name=inner.name)
    return Slot(inner.name, default, inner.lineno)


def _default(node: nodes.Filter, place: str) -> str:
    if node.name not in ("default", "d"):
        raise BadInput(
            "content.not_allowed", place, line=node.lineno, what=Clause("the filter {name}", name=node.name)
        )
    values = [argument.value for argument in node.args if isinstance(argument, nodes.Const)]
    odd = node.kwargs or node.dyn_args or node.dyn_kwargs or len(values) != len(node.args)
    if odd or not 1 <= len(values) <= 2 or not isinstance(values[0], str):
        raise BadInput(
            "content.not_allowed", place, line=node.lineno, what=Clause("a default that is no text")
        )
    return values[0]


def _unread(error: TemplateSyntaxError) -> Clause:
    """Say in words of our own what Jinja's parser stumbled on; its words are for programmers, in English."""
    message = error.message or ""
    if re.search(r"end of (template|comment|raw)|end of \w+ tag", message):
        return Clause("something is opened and not closed")
    return Clause("this is no placeholder such as {{{{ username }}}}")


_COMMANDS = {"for": Clause("a loop"), "if": Clause("a condition")}
_WORDS: dict[type[nodes.Node], Clause] = {
    nodes.CondExpr: Clause("a condition"),
    nodes.Call: Clause("a call"),
    nodes.Getattr: Clause("a part of a value"),
    nodes.Getitem: Clause("a part of a value"),
    nodes.Filter: Clause("a second filter"),
    nodes.Const: Clause("a value that is no text"),
}


def _word(node: nodes.Node) -> Clause:
    return _WORDS.get(type(node), Clause("a calculation"))


Prepared = str | tuple[Slot, Escape] | int
"""Escaped text, a slot with its way of escaping, or the number of a tracked address."""


@dataclass(frozen=True)
class Template:
    """A part of a content, made ready: constants folded in, each slot with its way of escaping."""

    pieces: tuple[Prepared, ...]

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names whose values differ from person to person."""
        return frozenset(piece[0].name for piece in self.pieces if isinstance(piece, tuple))

    @cached_property
    def required(self) -> frozenset[str]:
        """Names that have no default at some place."""
        slots = [piece[0] for piece in self.pieces if isinstance(piece, tuple)]
        return frozenset(slot.name for slot in slots if slot.default is None)

    def render(self, values: Mapping[str, str | None], links: Sequence[str] = ()) -> str:
        """Join the pieces with a person's values.

        :param links: of the tracked addresses, escaped for this part.
        :raises BadInput: ``content.no_value``.
        """
        parts, places = self._form
        found = parts.copy()
        for piece, at in places.items():
            text = links[piece] if isinstance(piece, int) else piece[1](value_of(piece[0], values))
            for place in at:
                found[place] = text
        return "".join(found)

    @cached_property
    def _form(self) -> tuple[list[str], dict[tuple[Slot, Escape] | int, list[int]]]:
        """The fixed text with holes, and what goes where: a name that stands in ten places is read once."""
        places: dict[tuple[Slot, Escape] | int, list[int]] = {}
        for place, piece in enumerate(self.pieces):
            if not isinstance(piece, str):
                places.setdefault(piece, []).append(place)
        return [piece if isinstance(piece, str) else "" for piece in self.pieces], places


def template(pieces: Iterable[Piece], constants: Mapping[str, str], escape: Escape) -> Template:
    """Make plain text ready: text as it is, values escaped."""
    return folded((piece if isinstance(piece, str) else (piece, escape) for piece in pieces), constants)


def folded(pieces: Iterable[Prepared], constants: Mapping[str, str]) -> Template:
    """Put the campaign's constants in and join neighbouring text.

    :param constants: variables that have one value for everybody.
    """
    done: list[Prepared] = []
    for piece in pieces:
        if isinstance(piece, tuple) and constants.get(piece[0].name):
            piece = piece[1](clean(constants[piece[0].name]))
        if isinstance(piece, str) and done and isinstance(done[-1], str):
            done[-1] += piece
        elif piece != "":
            done.append(piece)
    return Template(tuple(done))


def value_of(slot: Slot, values: Mapping[str, str | None]) -> str:
    """Return a person's value for a slot, else its default; an empty value is none.

    :raises BadInput: ``content.no_value``.
    """
    value = values.get(slot.name) or ""
    value = _CONTROL.sub("", value) if slot.name in ADDRESSES else clean(value)
    if value:
        return value
    if slot.default is None:
        raise BadInput("content.no_value", name=slot.name)
    return slot.default


def clean(value: str) -> str:
    """Return a value without control characters, bidirectional overrides and surrounding blanks.

    They could break a line into a header, or turn the text after a name around.
    """
    return _CONTROL.sub(" ", value).strip()[:LONGEST_VALUE]


def as_is(text: str) -> str:
    """Escape nothing: SMS, private messages and text parts are plain."""
    return text
