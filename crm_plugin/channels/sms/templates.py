"""SMS templates: the stock that ships with the product, and those in the database.

Carriers approve a text before it may be sent, so an SMS is never free text: a template has a life
(draft, submitted, approved, rejected) and ``${placeholders}`` that get their values at sending.
"""

import re
import tomllib
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels.base import PURPOSES, SmsText
from crm_plugin.channels.content import LIMIT, VARIABLES, Piece, Slot
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.kernel.db import upsert
from crm_plugin.kernel.errors import BadInput, NotFound
from crm_plugin.kernel.resources import folder

APPROVED = "approved"
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def parse(text: str, known: Collection[str], place: str = "template") -> list[Piece]:
    """Read a template's text into text and slots.

    :param known: names of variables that have values at sending.
    :raises BadInput: ``content.unknown_variable``, ``content.too_long``, ``content.syntax``.
    """
    if len(text.encode("utf-8", "replace")) > LIMIT:
        raise BadInput("content.too_long", place, limit=LIMIT)
    pieces: list[Piece] = []
    last = 0
    for match in _PLACEHOLDER.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        pieces.append(_literal(text[last : match.start()], line, place))
        name = match.group(1)
        if name not in known:
            raise BadInput("content.unknown_variable", place, line=line, name=name)
        pieces.append(Slot(name, None, line))
        last = match.end()
    pieces.append(_literal(text[last:], text.count("\n") + 1, place))
    return [piece for piece in pieces if piece]


def _literal(text: str, line: int, place: str) -> str:
    if "${" in text:
        raise BadInput("content.syntax", place, line=line, reason="${ without its }")
    return text


def placeholders(text: str) -> list[str]:
    """Return the names of a template's placeholders, each once, in their order."""
    return list(dict.fromkeys(match.group(1) for match in _PLACEHOLDER.finditer(text)))


def declared(text: str) -> list[str]:
    """Return the placeholders that a campaign must give values for: those that no person or course has."""
    return [name for name in placeholders(text) if name not in VARIABLES]


@cache
def stock() -> dict[str, SmsText]:
    """Return the templates that ship with the product by key (file's name and locale)."""
    found: dict[str, SmsText] = {}
    for path in sorted(folder("sms_templates").glob("*/*.toml")):
        row = tomllib.loads(path.read_text(encoding="utf-8"))
        locale = path.parent.name
        key = f"{path.stem}-{locale}"
        found[key] = SmsText(key, row["text"], row["purpose"], APPROVED, locale, name=row["name"])
    return found


def load_stock(session: Session, at: datetime) -> int:
    """Write the stock into the database, over an older stock; templates of people's own stay.

    :return: how many there are.
    """
    own = set(session.scalars(sa.select(SmsTemplate.key).where(SmsTemplate.stock.is_(False))))
    kept = {row.key: row for row in session.scalars(sa.select(SmsTemplate))}
    rows = [_stocked(template, kept.get(key), at) for key, template in stock().items() if key not in own]
    upsert(session, SmsTemplate, rows, key=["key"])
    return len(rows)


def _stocked(template: SmsText, kept: SmsTemplate | None, at: datetime) -> dict[str, Any]:
    # A code was given for the text as it was: a new text has to be approved anew.
    same = kept is not None and kept.text == template.text
    return _row(replace(template, carrier_codes=kept.carrier_codes if kept and same else {}), at)


def _row(template: SmsText, at: datetime) -> dict[str, Any]:
    return {
        "key": template.key,
        "locale": template.locale,
        "name": template.name,
        "text": template.text,
        "purpose": template.purpose,
        "state": template.state,
        "carrier_codes": dict(template.carrier_codes),
        "stock": True,
        "updated_at": at,
    }


def find(session: Session, key: str) -> SmsText | None:
    """Return a template by its key; one of the stock is there before anything was loaded."""
    row = session.scalar(sa.select(SmsTemplate).where(SmsTemplate.key == key))
    return stock().get(key) if row is None else _text(row)


def listed(session: Session, purpose: str = "") -> list[SmsText]:
    """Return the templates for the template page and the composer, by locale and key."""
    rows = {row.key: _text(row) for row in session.scalars(sa.select(SmsTemplate))}
    every = (stock() | rows).values()
    return sorted((t for t in every if purpose in ("", t.purpose)), key=lambda t: (t.locale, t.key))


def _text(row: SmsTemplate) -> SmsText:
    return SmsText(row.key, row.text, row.purpose, row.state, row.locale, dict(row.carrier_codes), row.name)


def save(session: Session, template: SmsText, at: datetime) -> None:
    """Keep a template of one's own; a changed text is a draft again, because nobody has approved it.

    :raises BadInput: ``input.bad`` for a bad key or purpose, and what :func:`parse` finds.
    """
    if not _NAME.fullmatch(template.key.replace("-", "_")):
        raise BadInput("input.bad", "key", reason="a key is made of small letters, digits, - and _")
    if template.purpose not in PURPOSES:
        raise BadInput("input.bad", "purpose", reason=f"the purpose is one of {', '.join(PURPOSES)}")
    known = {*VARIABLES, *(name for name in placeholders(template.text) if _NAME.fullmatch(name))}
    parse(template.text, known, "text")
    row = {**_row(template, at), "stock": False, "state": template.state}
    there = session.scalar(sa.select(SmsTemplate).where(SmsTemplate.key == template.key))
    if there is not None and there.text != template.text:
        row["state"], row["carrier_codes"] = "draft", {}
    upsert(session, SmsTemplate, [row], key=["key"])


def set_code(session: Session, key: str, carrier: str, code: str, at: datetime) -> None:
    """Keep the code that a carrier gave a template when it approved its text; empty takes it away.

    :raises NotFound: ``object.missing``.
    :raises BadInput: ``input.bad``.
    """
    if len(code) > 64 or not code.isprintable():
        raise BadInput("input.bad", "code", reason="a carrier's code has at most 64 letters")
    row = session.scalar(sa.select(SmsTemplate).where(SmsTemplate.key == key).with_for_update())
    if row is None:
        raise NotFound("object.missing", kind="SMS template", id=key)
    others = {name: kept for name, kept in row.carrier_codes.items() if name != carrier}
    row.carrier_codes = {**others, carrier: code.strip()} if code.strip() else others
    row.updated_at = at
