"""The way of a template to its approval: handed in, looked at, answered; or approved by hand.

Some carriers approve texts themselves (:mod:`crm_plugin.channels.sms.carriers.template_submission`). All
others take any text: there an administrator approves it.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels.base import Problem, SmsText
from crm_plugin.channels.carrier_capabilities import Capabilities, link_mode_of
from crm_plugin.channels.content import VARIABLES
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.channels.placeholder_forms import foreign_placeholders
from crm_plugin.channels.registry import capabilities_of, carrier_for
from crm_plugin.channels.sms.carrier_rules import link_rules, text_rules
from crm_plugin.channels.sms.carriers.outcomes import KINDS, Refusal
from crm_plugin.channels.sms.carriers.template_submission import Filing, TextReview, Verdict
from crm_plugin.channels.sms.channel import approved_text
from crm_plugin.channels.sms.template_states import APPROVED, DRAFT, REJECTED, SUBMITTED, move
from crm_plugin.channels.sms.templates import canonical, parse, placeholders, set_code, versions
from crm_plugin.channels.sms_templates.editing import missing
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM, need, need_whole
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import BadInput, Conflict, CrmError
from crm_plugin.kernel.storable import cleaned

log = logging.getLogger(__name__)

_VERBS = {APPROVED: "approve", REJECTED: "reject"}


def text_review_of(crm: Crm) -> TextReview | None:
    """Return where texts are handed in at the SMS carrier in use; None when it looks at none."""
    try:
        return getattr(carrier_for(crm, "sms"), "text_review", None)
    except CrmError:  # not set up: the page and pre-flight say so
        return None


def rules_of(crm: Crm) -> Capabilities:
    """Return what the SMS carrier in use allows."""
    return capabilities_of(crm.settings.sms_carrier)


def problems(crm: Crm, template: SmsText) -> list[Problem]:
    """Return what the carrier in use would refuse of a template; its variables' values are not known yet."""
    rules, carrier = rules_of(crm), crm.settings.sms_carrier
    try:
        found = _forms(template.text) + text_rules(template, approved_text(template), rules, carrier)
        pieces = parse(template.text, placeholders(template.text))
        return found + link_rules(pieces, {}, link_mode_of(crm.settings, rules), rules, carrier)
    except BadInput as error:
        return [Problem(error.code, error.place, error.params)]


def _forms(text: str) -> list[Problem]:
    """Return what is said of placeholders in another syntax than ours; the carriers' is understood."""
    ours = canonical(text)
    found = foreign_placeholders(ours, {*VARIABLES, *placeholders(ours)}, "text")
    return found if ours == text else [Problem("sms.rewritten", "text", severe=False), *found]


def newest(crm: Crm, session: Session, key: str) -> SmsText:
    """Return the newest version of a template, with its state at the carrier in use.

    :raises NotFound: ``object.missing``.
    """
    every = versions(session, key, crm.settings.sms_carrier)
    if not every:
        raise missing(key)
    return every[0]


def submit(crm: Crm, actor: Actor, key: str, remark: str = "") -> str | None:
    """Hand the newest version in for approval.

    :param remark: what it is for; carriers read it.
    :return: None when the carrier took it, else why not, as in a message's receipt.
    :raises Conflict: ``sms.changed``, ``sms.no_review``.
    :raises BadInput: the first thing that the carrier would refuse.
    """
    need(actor, "crm.edit")
    text_review = text_review_of(crm)
    if text_review is None:
        raise Conflict("sms.no_review", carrier=crm.settings.sms_carrier)
    with crm.db.read() as session:
        template = newest(crm, session, key)
    for problem in problems(crm, template):
        if problem.severe:
            raise BadInput(problem.code, problem.place, **problem.params)
    now = crm.clock()
    _demand(crm, actor, "submit", template, submitted_at=now, filed_as="", reason=None)
    return _file(crm, text_review, template, remark)


def _file(crm: Crm, text_review: TextReview, template: SmsText, remark: str) -> str | None:
    """Call the carrier; what is in doubt stays submitted without a code until a person looks."""
    signature = template.signature or crm.settings.sms_signature
    examples = "; ".join(f"{name} = {value}" for name, value in template.examples.items())
    filing = Filing(
        f"{template.name} {template.version}" if template.version > 1 else template.name,
        approved_text(template),
        template.purpose == "marketing",
        signature,
        ". ".join(part for part in (remark.strip() or template.name, examples) if part),
    )
    answer = text_review.file(filing)
    carrier, now = crm.settings.sms_carrier, crm.clock()

    def work(session: Session) -> None:
        row: SmsTemplate = session.scalars(_row(template).with_for_update()).one()
        if row.state != SUBMITTED or row.carrier != carrier:
            return
        if isinstance(answer, str):
            row.filed_as = answer
        else:
            row.reason = _said(answer)
            if KINDS[answer.kind].status != "unknown":
                row.state = DRAFT

    crm.db.run(work)
    if isinstance(answer, str):
        return None
    log.warning("the SMS carrier %s did not take template %s: %s", carrier, template.key, _said(answer))
    crm.db.run(lambda session: record(session, now, SYSTEM.id, "sms_template.not_taken", _of(template)))
    return _said(answer)


def _said(refusal: Refusal) -> str:
    return f"{refusal.kind}:{refusal.code}" if refusal.code else refusal.kind


def sign_off(crm: Crm, actor: Actor, key: str, code: str = "") -> None:
    """Approve the newest version by hand.

    :param code: of the carrier's approval, where it fills in itself; elsewhere there is none.
    :raises Refused: ``access.refused`` without ``crm.admin``, ``access.limited`` for staff of some courses.
    :raises BadInput: ``sms.needs_code``, ``sms.bad_code``.
    :raises Conflict: ``sms.changed``.
    """
    need(actor, "crm.admin")
    need_whole(actor)
    carrier, needs = crm.settings.sms_carrier, rules_of(crm).needs_template
    if needs and not code.strip():
        raise BadInput("sms.needs_code", "code", carrier=carrier)

    def work(session: Session) -> None:
        template = newest(crm, session, key)
        if template.state != APPROVED:
            _moved(session, crm, "sign_off", template, reason=None)
        if needs:
            set_code(session, key, carrier, code, crm.clock())
        _note(session, crm, actor, "sign_off", template)

    crm.db.run(work)


def take_back(crm: Crm, actor: Actor, key: str) -> None:
    """Make the newest version a draft again: it was not handed in after all, or is not to be sent any more.

    :raises Conflict: ``sms.changed``.
    """
    with crm.db.read() as session:
        template = newest(crm, session, key)
    need(actor, "crm.admin" if template.state == APPROVED else "crm.edit")
    if template.state == APPROVED:
        need_whole(actor)

    def work(session: Session) -> None:
        set_code(session, key, crm.settings.sms_carrier, "", crm.clock())
        _moved(session, crm, "take_back", template, reason=None, filed_as="")
        _note(session, crm, actor, "take_back", template)

    crm.db.run(work)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking a carrier."""

    known: int = 0
    """Of how many texts the answer is known now."""
    trouble: str | None = None
    """Why there is no answer, as in a message's receipt."""


def ask(crm: Crm, key: str = "") -> Asked:
    """Ask the carrier about texts that it is looking at.

    :param key: only this template's, as one call at most: somebody waits for it.
    """
    text_review = text_review_of(crm)
    if text_review is None:
        return Asked()
    carrier = crm.settings.sms_carrier
    query = sa.select(SmsTemplate.filed_as).where(
        SmsTemplate.state == SUBMITTED, SmsTemplate.carrier == carrier, SmsTemplate.filed_as != ""
    )
    if key:
        query = query.where(SmsTemplate.key == key).order_by(SmsTemplate.version.desc()).limit(1)
    with crm.db.read() as session:
        codes = list(session.scalars(query))
    if not codes:
        return Asked()
    answer = text_review.verdicts(codes)
    if isinstance(answer, Refusal):
        log.warning("the SMS carrier %s does not answer about templates: %s", carrier, _said(answer))
        return Asked(trouble=_said(answer))
    return Asked(take(crm, carrier, answer))


def take(crm: Crm, carrier: str, verdicts: Iterable[Verdict]) -> int:
    """Keep a carrier's answers, polled or pushed; return how many templates changed.

    An answer that comes twice or about a text that is not ours changes nothing.
    """
    final = [verdict for verdict in verdicts if verdict.state in _VERBS]
    changed = crm.round("channels.templates").each(
        final, lambda one: crm.db.run(partial(_take, crm, carrier, one)), lambda one: one.code
    )
    return sum(changed)


def _take(crm: Crm, carrier: str, verdict: Verdict, session: Session) -> bool:
    theirs = sa.select(SmsTemplate.key, SmsTemplate.version).where(
        SmsTemplate.carrier == carrier, SmsTemplate.filed_as == verdict.code
    )
    for key, version in session.execute(theirs).all():
        template = next(one for one in versions(session, key, carrier) if one.version == version)
        codes = {name: code for name, code in template.carrier_codes.items() if name != carrier}
        if verdict.state == APPROVED:
            codes[carrier] = verdict.code
        now = crm.clock()
        values = {"carrier_codes": codes, "reason": verdict.reason and cleaned(verdict.reason)}
        if move(session, _VERBS[verdict.state], template, carrier, now, **values):
            details = {"version": version, "carrier": carrier}
            record(session, now, SYSTEM.id, f"sms_template.{verdict.state}", _of(template), **details)
            return True
    return False


def _demand(crm: Crm, actor: Actor, verb: str, template: SmsText, **values: object) -> None:
    def work(session: Session) -> None:
        _moved(session, crm, verb, template, **values)
        _note(session, crm, actor, verb, template)

    crm.db.run(work)


def _moved(session: Session, crm: Crm, verb: str, template: SmsText, **values: object) -> None:
    if not move(session, verb, template, crm.settings.sms_carrier, crm.clock(), **values):
        raise Conflict("sms.changed")


def _note(session: Session, crm: Crm, actor: Actor, verb: str, template: SmsText) -> None:
    details = {"version": template.version, "carrier": crm.settings.sms_carrier}
    record(session, crm.clock(), actor.id, f"sms_template.{verb}", _of(template), **details)


def _of(template: SmsText) -> tuple[str, object]:
    return "sms_template", template.key


def _row(template: SmsText) -> Any:
    return sa.select(SmsTemplate).where(
        SmsTemplate.key == template.key, SmsTemplate.version == template.version
    )
