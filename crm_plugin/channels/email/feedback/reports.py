"""Failure reports with fields (RFC 3464, and RFC 6533 for addresses in other scripts)."""

import email
import re
from collections.abc import Iterator
from email.message import Message as Mail

from crm_plugin.channels.email.feedback import no_effect
from crm_plugin.channels.email.feedback.bounce_classification import Verdict, judge, worst
from crm_plugin.channels.email.feedback.mail_text import every_part, text_of
from crm_plugin.channels.email.feedback.prose import passages
from crm_plugin.channels.email.smtp.replies import cause_of, reply_in, status_in

_TYPES = ("message/delivery-status", "message/global-delivery-status")
_FAILED = ("failed", "failure", "fail", "error", "expired", "undeliverable")
_FIELDS = re.compile(r"^(final-recipient|original-recipient|action|status|diagnostic-code):", re.I | re.M)
_RECIPIENT = re.compile(r"^(final|original)-recipient:", re.I | re.M)
_LONGEST = 20_000


def judge_fields(mail: Mail, text: str) -> Verdict | None:
    """Return what the fields of a report say; None when there are none that say anything.

    :param text: what stands beside them, for reports whose fields give no reason.
    """
    groups = list(_groups(mail)) or list(_blocks(text, _RECIPIENT))
    if any(no_effect.is_challenge(str(one.get("Diagnostic-Code", ""))) for one in groups):
        return Verdict(None, detail="challenge")
    outcomes = [(one, _outcome(one)) for one in groups]
    failed = [_failure(one, text) for one, outcome in outcomes if outcome == "failed"]
    if failed:
        return worst(failed)
    others = [outcome for _, outcome in outcomes if outcome]
    return Verdict(None, detail=f"report: {others[0][:40]}") if others else None


def _failure(fields: Mail, text: str) -> Verdict:
    words = str(fields.get("Diagnostic-Code", ""))[:_LONGEST]
    status = str(fields.get("Status", ""))
    if cause_of(words, status) != "unclear":
        return judge(words, status, "report")
    recipient = _address(fields)
    beside = [one for one in passages(text) if not recipient or recipient in one.lower()] or passages(text)
    clear = [one for one in beside if cause_of(one) != "unclear"]
    return worst(judge(one, status, "report") for one in clear or [words])


def _address(fields: Mail) -> str:
    value = str(fields.get("Final-Recipient") or fields.get("Original-Recipient") or "")
    return value.rpartition(";")[2].strip(" <>\r\n").lower()


def _outcome(fields: Mail) -> str:
    """Return ``failed``, another action, or nothing when the fields do not say."""
    action = re.match(r"[a-z]*", str(fields.get("Action", "")).strip().lower())
    word = action.group(0) if action else ""
    if word in _FAILED:
        return "failed"
    if word:
        return word
    words = f"{fields.get('Status', '')} {fields.get('Diagnostic-Code', '')} "
    first = (status_in(words) or reply_in(words))[:1]
    return {"5": "failed", "4": "delayed"}.get(first, "")


def _groups(mail: Mail) -> Iterator[Mail]:
    """Yield the groups of fields, one a recipient."""
    for part in every_part(mail):
        if part.get_content_type() in _TYPES:
            yield from _blocks(_source(part), _FIELDS)


def _source(part: Mail) -> str:
    """Return the text of a part that Python has read as messages, since it knows only one of the types."""
    inner = part.get_payload()
    if not isinstance(inner, list):
        return text_of(part)
    groups = [one for one in inner if isinstance(one, Mail)]
    encoded = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoded in ("base64", "quoted-printable") and len(groups) == 1:
        groups[0]["Content-Transfer-Encoding"] = encoded
    heads = ("\n".join(f"{name}: {value}" for name, value in one.items()) for one in groups)
    return "\n\n".join(f"{head}\n\n{text_of(one)}" for head, one in zip(heads, groups, strict=True))


def _blocks(text: str, marker: re.Pattern[str]) -> Iterator[Mail]:
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        if marker.search(block):
            yield email.message_from_string(block.lstrip())
