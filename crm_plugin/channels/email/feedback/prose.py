"""Failures in prose: how servers of old, Exim and mail.ru say that a message could not be delivered."""

import re
from collections.abc import Iterator
from email.message import Message as Mail

from crm_plugin.channels.email.feedback import no_effect
from crm_plugin.channels.email.feedback.bounce_classification import Verdict, judge, worst
from crm_plugin.channels.email.feedback.mail_text import returns_ours
from crm_plugin.channels.email.smtp.replies import ADDRESS, REPLY, STATUS, cause_of
from crm_plugin.channels.email.smtp.reply_phrases import any_of

_MACHINES = any_of(
    r"mailer-?daemon|post_?master|mail ?deliver|delivery (sub)?system|mail system|system admin|jetmail",
)
_FAILURE = any_of(
    r"undeliver|unable to deliver|could not deliver|not (be )?(delivered|deliver)\b|non-?delivery",
    r"deliver(y|ing)\W.{0,30}(fail|problem|error)|mail (failure|error)|failure (notice|notification)",
    r"returned (mail|to sender)|failed recipient|recipients? .{0,30}could not be reached",
    r"bounce notif|(was|been) (automatically )?rejected|^rejected:",
    r"unzustellbar|nicht zugestellt|не (может быть )?доставлен|退信|无法(送达|投递)|投递失败|メールエラー",
)
_ANSWERED = re.compile(r"\s*(re|aw|sv|fwd?|wg|tr|rv|回复|答复|转发|轉寄)\s*[:：]", re.I)
"""A person answers us, or sends us what they got."""
_CODES = re.compile(r"\b[45]\d\d[ -]+#?[45]\.\d\.\d{1,3}\b")
"""A reply with its status: a server's words, where a date or a telephone number is not."""
_ENTRY = re.compile(r"""\s*[<"']?[^\s<>()\[\]:;,"']+@[^\s<>()\[\]:;,"']+[>"']?\s*(:|$|\()""")
_REPLY_LINE = re.compile(r"\s*(?:<<< )?([45]\d\d)[ -]")


def judge_prose(mail: Mail, text: str) -> Verdict | None:
    """Return what a message without fields says; None when it is no failure."""
    subject = no_effect.heading(mail)
    if no_effect.is_delay(subject, text):
        return Verdict(None, detail="delay")
    if mail.get("X-Failed-Recipients"):
        return _failure(text)
    if not _FAILURE.search(subject) and no_effect.is_absence(mail, subject):
        return Verdict(None, detail="automatic answer")
    if not _is_failure(mail, subject, text):
        return None
    return Verdict(None, detail="challenge") if no_effect.is_challenge(text) else _failure(text)


def _failure(text: str) -> Verdict:
    return worst(judge(words, "", "prose") for words in passages(text))


def _is_failure(mail: Mail, subject: str, text: str) -> bool:
    """Return whether a server reports a failure, whatever it says of itself."""
    heads = bool(_FAILURE.search(subject))
    says = heads or bool(_CODES.search(text) or _FAILURE.search(" ".join(text.split())))
    automatic = str(mail.get("Auto-Submitted", "no")).strip().lower().startswith("auto-replied")
    sender = str(mail.get("From", ""))
    if _MACHINES.search(sender):
        return says or not automatic
    if _ANSWERED.match(subject):
        return False
    nobody = not re.search(r"\w", sender) or str(mail.get("Return-Path", "")).strip() == "<>"
    return says if nobody or returns_ours(mail) else heads


def passages(text: str) -> list[str]:
    """Return the passages that speak of one recipient each, as far as the text separates them.

    Those with a code of a server come first, then those with an address, then the text as a whole.
    """
    blocks = [" ".join(one.split()) for block in re.split(r"\n[ \t]*\n", text) for one in _entries(block)]
    coded = [one for one in blocks if REPLY.search(one) or STATUS.search(one)]
    reasons = [one for one in blocks if "(reason: " in one]
    addressed = [one for one in coded if ADDRESS.search(one)]
    for chosen in (reasons, addressed, coded, [one for one in blocks if ADDRESS.search(one)]):
        clear = [one for one in chosen if cause_of(one) != "unclear"]
        if clear:
            return clear
    return [" ".join(text.split())]


def _entries(block: str) -> Iterator[str]:
    """Yield the entries of a paragraph: each begins with an address, or with another reply code."""
    entry: list[str] = []
    depth, code = 1000, ""
    for line in block.split("\n"):
        indent, reply = len(line) - len(line.lstrip()), _REPLY_LINE.match(line)
        begins = indent <= depth and bool(_ENTRY.match(line))
        if begins:
            depth = indent
        if reply and reply.group(1) != code:
            begins, code = begins or bool(code), reply.group(1)
        if begins and entry:
            yield "\n".join(entry)
            entry = []
        entry.append(line)
    yield "\n".join(entry)
