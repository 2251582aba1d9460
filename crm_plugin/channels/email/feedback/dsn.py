"""Mail that came back: failure reports (RFC 3464), complaints (RFC 5965), and what only looks like them.

Nothing here is believed: codes that we signed say what a report is about, and only those are handed on.
Automatic answers (RFC 3834) and reports of a mere delay say nothing about an address.
"""

import email
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message as Mail
from typing import Any

from crm_plugin.channels.email.feedback.bounce_classification import Kind, kind_of, reply_in, status_in

LONGEST = 512_000
"""Bytes of a message that are read: a report stands before the message that it returns."""
_WORDS = 20_000
_PARTS = 50
_CODE = re.compile(r"\bbounce\+([A-Za-z0-9]{10,64})@", re.I)
_TOKEN = re.compile(r"/u/([a-z_]{1,16}-[A-Za-z0-9]{8,64})")
_REACHED = ("X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
"""Where mail servers write the recipient of a message."""
_SENT_AS = ("Return-Path", "Original-Mail-From", "List-Unsubscribe")
"""Where our own codes stand in the message that is returned."""
_SPAM = ("abuse", "fraud", "opt-out", "opt-out-list")
"""Feedback types that are a person's complaint; ``not-spam`` is its opposite, others are machines'."""
_MACHINES = re.compile(r"mailer-daemon|postmaster|mail delivery", re.I)


@dataclass(frozen=True, slots=True)
class Returned:
    """What a message says."""

    kind: Kind | None
    """None: nothing that counts; ``detail`` says why."""
    status: str = ""
    """Enhanced status code, or SMTP reply, as far as there is one."""
    detail: str = ""
    codes: tuple[str, ...] = ()
    """Codes of return paths that stand in it, in the order in which they are worth trying."""
    tokens: tuple[str, ...] = ()
    """The same of opt-out addresses."""


def read(data: bytes, to: str = "") -> Returned:
    """Read a message that a mail server handed over. Never raises, whatever the bytes are.

    :param to: the recipient, when the mail server names it; it may be left out.
    """
    try:
        mail = email.message_from_bytes(data[:LONGEST])
        parts = list(_parts(mail))
        codes, tokens = _ours(mail, parts, to)
        kind, status, detail = _judged(mail, parts)
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
        # The library's own faults with what nobody ever sent in earnest.
        return Returned(None, detail=f"unreadable: {type(error).__name__}")
    return Returned(kind, status[:16], detail, codes, tokens)


def _parts(mail: Mail) -> Iterator[Mail]:
    for index, part in enumerate(mail.walk()):
        if index >= _PARTS:
            return
        yield part


def _judged(mail: Mail, parts: list[Mail]) -> tuple[Kind | None, str, str]:
    feedback = _fields(parts, "message/feedback-report")
    if feedback:
        return _complaint(feedback)
    report = _fields(parts, "message/delivery-status")
    if report:
        return _report(report)
    words = _words(parts)
    return _plain(mail, words)


def _complaint(fields: list[Mail]) -> tuple[Kind | None, str, str]:
    kind = _field(fields, "Feedback-Type").lower()
    if kind in _SPAM:
        return "complaint", "", kind
    return None, "", f"feedback: {kind[:40]}"


def _report(fields: list[Mail]) -> tuple[Kind | None, str, str]:
    """Judge the recipients of a report; ours have one each, forwarders may name several."""
    failed = [one for one in fields if str(one.get("Action", "")).strip().lower() == "failed"]
    if not failed:
        return None, "", f"report: {_field(fields, 'Action').lower()[:40] or 'without an action'}"
    found = [_failure(one) for one in failed]
    return min(found, key=lambda one: ("hard", "soft", "refused").index(str(one[0])))


def _failure(fields: Mail) -> tuple[Kind, str, str]:
    words = str(fields.get("Diagnostic-Code", ""))[:_WORDS]
    given = str(fields.get("Status", ""))
    # What the far server said is nearer to the truth than our own server's summary of it.
    status = status_in(words) or status_in(given)
    return kind_of(status, words), status or reply_in(words), "report"


def _plain(mail: Mail, words: str) -> tuple[Kind | None, str, str]:
    """Judge a message that is no report: servers of old write their failures in prose."""
    automatic = str(mail.get("Auto-Submitted", "no")).strip().lower().startswith("auto-replied")
    if automatic or mail.get("X-Autoreply") or mail.get("X-Autorespond"):
        return None, "", "automatic answer"
    status = status_in(words)
    code = status or reply_in(words)
    machine = bool(_MACHINES.search(str(mail.get("From", ""))))
    empty = str(mail.get("Return-Path", "")).strip() == "<>"
    if machine or (empty and code):
        return kind_of(status, words), code, "prose"
    return None, "", "no report"


def _fields(parts: list[Mail], kind: str) -> list[Mail]:
    """Return the groups of fields of a report's part; some servers label it as plain text."""
    found: list[Mail] = []
    for part in parts:
        if part.get_content_type() == kind:
            inner = part.get_payload()
            found += [one for one in inner if isinstance(one, Mail)] if isinstance(inner, list) else []
    return found


def _field(fields: Iterable[Mail], name: str) -> str:
    return next((str(one[name]).strip() for one in fields if one.get(name)), "")


def _words(parts: Iterable[Mail]) -> str:
    texts = (_text(part) for part in parts if part.get_content_maintype() == "text")
    return "\n".join(texts)[:_WORDS]


def _text(part: Mail) -> str:
    payload: Any = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _ours(mail: Mail, parts: list[Mail], to: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    places = [to, *(str(value) for name in _REACHED for value in mail.get_all(name, []))]
    for part in parts:
        if part.get_content_type() == "text/rfc822-headers":
            part = email.message_from_string(_text(part))
        if part is not mail:
            places += [str(value) for name in _SENT_AS for value in part.get_all(name, [])]
    # Once more unfolded: a long header may be broken inside an address by the server that returned it.
    text = "\n".join([*places, *(re.sub(r"\s+", "", place) for place in places)])
    return _unique(_CODE.findall(text)), _unique(_TOKEN.findall(text))


def _unique(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))[:10]
