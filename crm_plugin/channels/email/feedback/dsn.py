"""Mail that came back: failure reports (RFC 3464), complaints (RFC 5965), and what only looks like them.

Nothing here is believed: codes that we signed say what a report is about, and only those are handed on.
Absence notes, challenges and reports of a mere delay say nothing about an address. A server's bounce does,
whatever it writes into ``Auto-Submitted`` (RFC 3834): Exim's and mail.ru's say that they are answers.
"""

import email
from dataclasses import dataclass
from email.message import Message as Mail

from crm_plugin.channels.email.feedback import complaints, prose, reports
from crm_plugin.channels.email.feedback.bounce_classification import Kind, Verdict
from crm_plugin.channels.email.feedback.mail_text import written
from crm_plugin.channels.email.feedback.own_codes import codes_and_tokens

LONGEST = 512_000
"""Bytes of a message that are read: a report stands before the message that it returns."""


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
    words: str = ""
    """The server's own, at most 255 letters, without addresses."""


def read(data: bytes, to: str = "") -> Returned:
    """Read a message that a mail server handed over. Never raises, whatever the bytes are.

    :param to: the recipient, when the mail server names it; it may be left out.
    """
    try:
        mail = email.message_from_bytes(data[:LONGEST])
        codes, tokens = codes_and_tokens(mail, to)
        found = _judged(mail)
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
        # The library's own faults with what nobody ever sent in earnest.
        return Returned(None, detail=f"unreadable: {type(error).__name__}")
    return Returned(found.kind, found.status, found.detail, codes, tokens, found.words)


def _judged(mail: Mail) -> Verdict:
    text = written(mail)
    return (
        complaints.judge(mail)
        or reports.judge_fields(mail, text)
        or prose.judge_prose(mail, text)
        or Verdict(None, detail="no report")
    )
