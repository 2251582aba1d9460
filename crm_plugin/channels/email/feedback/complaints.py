"""Complaints: a person marked our message as spam (RFC 5965, and Hotmail's reports, which are older)."""

import re
from email.message import Message as Mail

from crm_plugin.channels.email.feedback.bounce_classification import Verdict
from crm_plugin.channels.email.feedback.mail_text import every_part

_SPAM = ("abuse", "fraud", "opt-out", "opt-out-list")
"""Feedback types that are a person's complaint; ``not-spam`` is its opposite, others are machines'."""
_HOTMAIL = ("X-HmXmrOriginalRecipient",)
_HOTMAIL_SUBJECT = re.compile(r"complaint about message from", re.I)


def judge(mail: Mail) -> Verdict | None:
    """Return what a complaint says; None when the message is none."""
    parts = list(every_part(mail))
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            return _arf(part)
    marked = any(part.get(name) for part in parts for name in _HOTMAIL)
    if marked or _HOTMAIL_SUBJECT.match(str(mail.get("Subject", "")).strip()):
        return Verdict("complaint", detail="abuse")
    return None


def _arf(part: Mail) -> Verdict:
    inner = part.get_payload()
    groups = [one for one in inner if isinstance(one, Mail)] if isinstance(inner, list) else []
    kind = next((str(one["Feedback-Type"]) for one in groups if one.get("Feedback-Type")), "").strip().lower()
    if kind in _SPAM:
        return Verdict("complaint", detail=kind)
    return Verdict(None, detail=f"feedback: {kind[:40]}")
