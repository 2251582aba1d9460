"""SMS templates: the stock that ships with the product, and those in the database.

Carriers approve a text before it may be sent, so an SMS is never free text: a template has a life
(draft, submitted, approved, rejected) and placeholders that get their values at sending. They are written
``{{ name }}``, as in every channel. Carriers write ``${name}``: that is read too, and kept as ours.
"""

import re
import tomllib
from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels import content
from crm_plugin.channels.base import SmsText
from crm_plugin.channels.content import VARIABLES, Piece
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.channels.sms.template_states import APPROVED, OUTBOX, at_carrier
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.errors import BadInput, Clause, NotFound
from crm_plugin.kernel.resources import folder

_THEIRS = re.compile(r"\$\{\s*([^{}]*?)\s*\}")
_OURS = re.compile(r"\{\{\s*([^{}|'\"]*?)\s*(?:\|[^{}]*)?\}\}")


def canonical(text: str) -> str:
    """Return a text with the placeholders of carriers written as ours."""
    return _THEIRS.sub(r"{{ \1 }}", text)


def parse(text: str, known: Collection[str], place: str = "template") -> list[Piece]:
    """Read a template's text into text and slots.

    :param known: names of variables that have values at sending.
    :raises BadInput: as :func:`crm_plugin.channels.content.parse` does.
    """
    text = canonical(text)
    if "${" in text:
        line = text.count("\n", 0, text.index("${")) + 1
        raise BadInput("content.syntax", place, line=line, reason=Clause("${{ without its }}"))
    return content.parse(text, known, place)


def placeholders(text: str) -> list[str]:
    """Return the names of a template's placeholders, each once, in their order."""
    return list(dict.fromkeys(match.group(1) for match in _OURS.finditer(canonical(text))))


def declared(text: str) -> list[str]:
    """Return the placeholders that a campaign must give values for: those that no person or course has."""
    return [name for name in placeholders(text) if name not in VARIABLES]


@cache
def stock() -> dict[str, SmsText]:
    """Return the templates that ship with the product by key (file's name and locale)."""
    found: dict[str, SmsText] = {}
    for path in sorted(folder("sms_templates").glob("*/*.toml")):
        row = tomllib.loads(path.read_text(encoding="utf-8"))
        key = f"{path.stem}-{path.parent.name}"
        found[key] = SmsText(
            key,
            row["text"],
            row["purpose"],
            APPROVED,
            path.parent.name,
            name=row["name"],
            examples=row.get("examples", {}),
            carrier=OUTBOX,
            stock=True,
        )
    return found


def load_stock(session: Session, at: datetime) -> int:
    """Write the stock into the database; templates that people have changed stay theirs.

    A text that differs from the one of an older release becomes the next version: what is being sent, and
    what a carrier has approved, stays as it was.

    :return: how many there are.
    """
    kept = {key: versions[0] for key, versions in _versions(session).items()}
    mine = [template for key, template in stock().items() if key not in kept or kept[key].stock]
    new = []
    for template in mine:
        old = kept.get(template.key)
        if old is None or canonical(old.text) != template.text:
            new.append(_values(template, old.version + 1 if old else 1, at))
        else:
            old.name, old.purpose, old.examples = template.name, template.purpose, dict(template.examples)
    session.flush()
    # Another process may be at the same: several installations of one release begin together.
    insert_missing(session, SmsTemplate, new, key=["key", "version"])
    return len(mine)


def row_of(template: SmsText, version: int, at: datetime) -> SmsTemplate:
    """Return a new row for a template, as one of its versions."""
    return SmsTemplate(**_values(template, version, at))


def _values(template: SmsText, version: int, at: datetime) -> dict[str, Any]:
    names = ("key", "locale", "name", "text", "purpose", "signature", "state", "carrier", "stock", "archived")
    return {
        **{name: getattr(template, name) for name in names},
        "version": version,
        "examples": dict(template.examples),
        "carrier_codes": dict(template.carrier_codes),
        "updated_at": at,
    }


def _versions(session: Session, key: str | None = None) -> dict[str, list[SmsTemplate]]:
    """Return the rows by key, the newest version first."""
    query = sa.select(SmsTemplate).order_by(SmsTemplate.key, SmsTemplate.version.desc())
    if key is not None:
        query = query.where(SmsTemplate.key == key)
    found: dict[str, list[SmsTemplate]] = {}
    # States change by plain statements: what this session has read before may be out of date.
    for row in session.scalars(query.execution_options(populate_existing=True)):
        found.setdefault(row.key, []).append(row)
    return found


def versions(session: Session, key: str, carrier: str = "") -> list[SmsText]:
    """Return a template's versions, the newest first, each with its state at a carrier.

    One of the stock is there before anything was loaded.

    :param carrier: empty = their own states, from any carrier.
    """
    rows = _versions(session, key).get(key, [])
    every = [_text(row) for row in rows] or ([stock()[key]] if key in stock() else [])
    return [at_carrier(one, carrier) if carrier else one for one in every]


def find(session: Session, key: str, carrier: str = "", version: int | None = None) -> SmsText | None:
    """Return a template by its key: the version in force, or the newest where none is approved.

    :param version: this one, whatever became of it: a campaign goes on with the text it began with.
    """
    every = versions(session, key, carrier)
    if version is not None:
        return next((one for one in every if one.version == version), None)
    return in_force(every)


def in_force(every: Iterable[SmsText]) -> SmsText | None:
    """Return the approved one among a template's versions, newest first; else the newest; else None."""
    found = list(every)
    return next((one for one in found if one.state == APPROVED), found[0] if found else None)


def listed(
    session: Session, purpose: str = "", carrier: str = "", *, archived: bool = False
) -> list[SmsText]:
    """Return one line for each template, by locale and key: its version in force, else the newest.

    :param archived: those that are put away, instead of those on offer.
    """
    rows = {key: [_text(row) for row in every] for key, every in _versions(session).items()}
    every = {key: [template] for key, template in stock().items()} | rows
    found = []
    for one_key in every.values():
        chosen = in_force(at_carrier(one, carrier) if carrier else one for one in one_key)
        if chosen is not None and chosen.archived is archived and purpose in ("", chosen.purpose):
            found.append(chosen)
    return sorted(found, key=lambda template: (template.locale, template.key))


def _text(row: SmsTemplate) -> SmsText:
    names = ("key", "text", "purpose", "state", "locale", "name", "version", "signature", "carrier")
    more = ("reason", "filed_as", "stock", "archived", "submitted_at")
    return SmsText(
        **{name: getattr(row, name) for name in (*names, *more)} | {"text": canonical(row.text)},
        carrier_codes=dict(row.carrier_codes),
        examples=dict(row.examples),
    )


def set_code(session: Session, key: str, carrier: str, code: str, at: datetime) -> None:
    """Keep the code that a carrier gave the newest version of a template; empty takes it away.

    :raises NotFound: ``object.missing``.
    :raises BadInput: ``sms.bad_code``.
    """
    code = code.strip()
    if len(code) > 64 or not code.isprintable():
        raise BadInput("sms.bad_code", "code", limit=64)
    query = sa.select(SmsTemplate).where(SmsTemplate.key == key).order_by(SmsTemplate.version.desc())
    query = query.limit(1).with_for_update().execution_options(populate_existing=True)
    row = session.scalar(query)
    if row is None:
        raise NotFound("object.missing", kind=Clause("SMS template"), id=key)
    others = {name: kept for name, kept in row.carrier_codes.items() if name != carrier}
    row.carrier_codes = {**others, carrier: code} if code else others
    if row.carrier == carrier:
        row.filed_as = code  # the carrier may take its approval back by this code
    row.updated_at = at
    session.flush()
