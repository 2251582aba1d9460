"""What staff do to SMS templates: write, change, put away, delete.

A text that a carrier approved or is looking at is never changed: changing it makes the next version, and
the one in force goes on sending until that is approved.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from crm_plugin.channels.base import MARKETING, PURPOSES, SmsText
from crm_plugin.channels.content import VARIABLES, clean
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.channels.shared_checks import NAME
from crm_plugin.channels.sms.template_states import DRAFT, REJECTED
from crm_plugin.channels.sms.templates import canonical, declared, parse, placeholders, row_of, stock
from crm_plugin.host.context import Crm
from crm_plugin.host.in_use import Users, seen_names
from crm_plugin.host.permissions import need, need_whole
from crm_plugin.host.records import Actor
from crm_plugin.kernel import storable
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import BadInput, Clause, Conflict, NotFound, one_of
from crm_plugin.kernel.i18n import locales

LONGEST_NAME = 100
LONGEST_SIGNATURE = 32
LONGEST_EXAMPLE = 100
_BRACKETS = re.compile("[【】\\[\\]]")


@dataclass(frozen=True)
class TemplateUsers:
    """What a higher capability knows of the templates that it uses.

    :param names: of (session, key of a template, also finished ones, actor): returns the names of what uses
        it, as the actor may see them.
    """

    names: Callable[[Session, str, bool, Actor], Users]


@dataclass(slots=True)
class Written:
    """A template as somebody has written it."""

    name: str = ""
    locale: str = "en"
    purpose: str = MARKETING
    text: str = ""
    signature: str = ""
    examples: Mapping[str, str] = field(default_factory=dict)


def checked(written: Written) -> SmsText:
    """Return a template that can be kept; its key is given later.

    :raises BadInput: ``sms.bad_name``, ``sms.empty_text``, ``sms.bad_placeholder``, ``sms.bad_signature``,
        ``input.bad``, and what the parser finds; each with its place.
    """
    name, text = clean(written.name), canonical(written.text.replace("\r\n", "\n").strip())
    if not 0 < len(name) <= LONGEST_NAME:
        raise BadInput("sms.bad_name", "name", limit=LONGEST_NAME)
    if not text or not storable.is_text(text):
        raise BadInput("sms.empty_text", "text")
    for place, value, known in (
        ("purpose", written.purpose, PURPOSES),
        ("locale", written.locale, locales()),
    ):
        if value not in known:
            raise BadInput("input.bad", place, reason=one_of(known))
    for placeholder in placeholders(text):
        if placeholder not in VARIABLES and not NAME.fullmatch(placeholder):
            raise BadInput("sms.bad_placeholder", "text", name=placeholder)
    parse(text, placeholders(text), "text")
    signature = clean(written.signature)
    if len(signature) > LONGEST_SIGNATURE or _BRACKETS.search(signature):
        raise BadInput("sms.bad_signature", "signature", limit=LONGEST_SIGNATURE)
    examples = {
        one: clean(written.examples[one])[:LONGEST_EXAMPLE]
        for one in declared(text)
        if written.examples.get(one)
    }
    return SmsText(
        "", text, written.purpose, DRAFT, written.locale, name=name, signature=signature, examples=examples
    )


def create(crm: Crm, actor: Actor, written: Written) -> str:
    """Keep a new template; return its key, made of its name where that has Latin letters.

    :raises Refused: ``access.refused`` without ``crm.edit``.
    :raises BadInput: what :func:`checked` finds.
    """
    need(actor, "crm.edit")
    template = checked(written)

    def work(session: Session) -> str:
        key = _free_key(session, template)
        session.add(row_of(replace(template, key=key), 1, crm.clock()))
        _note(session, crm, actor, "create", key, version=1)
        return key

    try:
        return crm.db.run(work)
    except IntegrityError:  # a colleague took the same key in the same moment
        return crm.db.run(work)


def _free_key(session: Session, template: SmsText) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", template.name.lower()).strip("-")[:40] or "text"
    taken = {*stock(), *session.scalars(sa.select(SmsTemplate.key))}
    number, key = 1, f"{stem}-{template.locale}"
    while key in taken:
        number += 1
        key = f"{stem}-{number}-{template.locale}"
    return key


def change(crm: Crm, actor: Actor, key: str, written: Written) -> int:
    """Change a template; return the version that holds the text now.

    :raises Refused: ``access.limited``, for staff of some courses, unless it is still a draft.
    :raises NotFound: ``object.missing``.
    """
    need(actor, "crm.edit")
    template = replace(checked(written), key=key)

    def work(session: Session) -> int:
        row = newest(session, key)
        need_reach(session, actor, key)
        version = row.version
        if is_open(row):
            _overwrite(row, template)
            row.updated_at = crm.clock()
        else:
            version += 1
            session.add(row_of(replace(template, archived=row.archived), version, crm.clock()))
        _note(session, crm, actor, "change", key, version=version)
        return version

    return crm.db.run(work)


def is_open(row: SmsTemplate | SmsText) -> bool:
    """Return whether a version may be changed in place: nobody has approved it, nobody is looking at it."""
    return not row.stock and not row.carrier_codes and row.state in (DRAFT, REJECTED)


def _overwrite(row: SmsTemplate, template: SmsText) -> None:
    for name in ("name", "locale", "purpose", "text", "signature"):
        setattr(row, name, getattr(template, name))
    row.examples = dict(template.examples)
    row.state, row.carrier, row.reason, row.filed_as = DRAFT, "", None, ""


def put_away(crm: Crm, actor: Actor, key: str, away: bool) -> None:
    """Offer a template no more (or again).

    :raises Conflict: ``sms.in_use``, naming the campaigns that have not ended yet.
    """
    need(actor, "crm.edit")

    def work(session: Session) -> None:
        newest(session, key)
        need_reach(session, actor, key)
        if away:
            _refuse_used(crm, session, actor, key, ended=False)
        rows = sa.update(SmsTemplate).where(SmsTemplate.key == key)
        session.execute(rows.values(archived=away, updated_at=crm.clock()))
        _note(session, crm, actor, "archive" if away else "restore", key)

    crm.db.run(work)


def delete(crm: Crm, actor: Actor, key: str) -> None:
    """Delete a template with all its versions.

    :raises Conflict: ``sms.in_use``, naming every campaign that ever used it; ``sms.stock_stays``.
    """
    need(actor, "crm.edit")

    def work(session: Session) -> None:
        newest(session, key)
        if key in stock():
            raise Conflict("sms.stock_stays")
        need_reach(session, actor, key)
        _refuse_used(crm, session, actor, key, ended=True)
        session.execute(sa.delete(SmsTemplate).where(SmsTemplate.key == key))
        _note(session, crm, actor, "delete", key)

    crm.db.run(work)


def _refuse_used(crm: Crm, session: Session, actor: Actor, key: str, *, ended: bool) -> None:
    users = users_of(crm, session, actor, key, ended=ended)
    if users:
        raise Conflict("sms.in_use", users=seen_names(users))


def users_of(crm: Crm, session: Session, actor: Actor, key: str, *, ended: bool) -> Users:
    """Return what uses a template, as an actor may see it.

    :param ended: also what has finished or was cancelled.
    """
    brought = crm.contributed(TemplateUsers)
    return [name for users in brought for name in users.names(session, key, ended, actor)]


def need_reach(session: Session, actor: Actor, key: str) -> None:
    """Refuse staff of some courses a template that the whole school has: they write drafts.

    :raises Refused: ``access.limited``.
    """
    if actor.scope is not None:
        rows = session.scalars(sa.select(SmsTemplate).where(SmsTemplate.key == key))
        if not all(is_open(row) for row in rows):
            need_whole(actor)


def newest(session: Session, key: str) -> SmsTemplate:
    """Return a template's newest version, locked.

    :raises NotFound: ``object.missing``.
    """
    query = sa.select(SmsTemplate).where(SmsTemplate.key == key).order_by(SmsTemplate.version.desc())
    row = session.scalar(query.limit(1).with_for_update())
    if row is None:
        raise missing(key)
    return row


def missing(key: str) -> NotFound:
    """Return the error that there is no such template."""
    return NotFound("object.missing", kind=Clause("SMS template"), id=key)


def _note(session: Session, crm: Crm, actor: Actor, verb: str, key: str, **details: object) -> None:
    record(session, crm.clock(), actor.id, f"sms_template.{verb}", ("sms_template", key), **details)
