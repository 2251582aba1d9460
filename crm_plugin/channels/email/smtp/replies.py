"""What a mail server's refusal is about: a mailbox, its space, the text, ourselves, or only the moment.

The words come before the codes. Servers answer 550 and 5.7.1 to anything, and Gmail says ``550-5.2.1`` of a
mailbox that gets too much mail this minute. So the phrases of
:mod:`crm_plugin.channels.email.smtp.reply_phrases` are tried first. The enhanced status code (RFC 3463 and
IANA's registry of them) decides where no words do.
"""

import re

from crm_plugin.channels.email.smtp.reply_phrases import TABLES, Cause

STATUS = re.compile(r"(?<![\w.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\w)")
"""An enhanced status code, not a part of a network address or of a version."""
REPLY = re.compile(r"\b([45]\d\d)[ -]")
"""A reply code of a failure, as it begins a line of words."""
_AFTER_TEXT = re.compile(r"in reply to end of DATA|after end of data|end-of-data", re.I)
"""How servers say in a report that the text itself was refused."""
_BEFORE_RECIPIENT = re.compile(
    r"in reply to (MAIL FROM|EHLO|HELO)|after (MAIL FROM|EHLO|HELO|initial connection)", re.I
)
"""How they say that no recipient had been named yet."""
LONGEST = 255
"""Letters of a server's words that are kept."""
ADDRESS = re.compile(r"[^\s<>()\[\]:;,@\"']{1,200}@[^\s<>()\[\]:;,@.\"']+(?:\.[^\s<>()\[\]:;,@.\"']+)*")
"""An e-mail address in words."""

_BY_STATUS: dict[tuple[int, int], Cause] = {
    (1, 7): "sender",  # a bad sender's mailbox
    (1, 8): "sender",  # a bad sender's system
    (1, 9): "content",  # the message is for a system of another kind
    (2, 0): "unclear",
    (2, 1): "mailbox",
    (2, 2): "full",
    (2, 3): "content",
    (3, 4): "content",
    (4, 1): "unclear",
    (4, 4): "mailbox",
    (4, 5): "sender",
    (4, 310): "mailbox",
}
_OUR_TURN = ("500", "501", "502", "503", "504", "530", "534", "535", "538")
"""Reply codes of a command that we gave wrongly, too early, or without the login or TLS that it needs."""
_BY_SUBJECT: dict[int, Cause] = {1: "mailbox", 6: "content", 7: "sender"}
_WHOLE_LATER = re.compile(
    r"try(ing)? again|try later|later\b|defer|temporar|too many (conn|sess|rec)|too much mail|slow down|busy"
    r"|unavailable(?!; client)"
    r"|rate limit|too (quickly|frequent)|in progress|exceeded",
    re.I,
)


def cause_of(words: str, status: str = "", code: int = 0, *, after_text: bool = False) -> Cause:
    """Return what a refusal is about.

    :param words: what the server said, its codes included or not.
    :param status: the enhanced status code, as ``5.1.1``; empty = the first one in the words.
    :param code: the reply code; 0 = the one of the words, or the class of the status.
    :param after_text: the text was refused, which is never about the address.
    """
    words = " ".join(words.split())
    far = far_words(words)
    status = status_in(status) or status_in(far) or status_in(words)
    first = int(str(code or reply_in(words) or status or 5)[0])
    cause = _by_words(f"{status} {far}") or _by_status(status_in(far))
    if cause == "unclear":
        cause = _by_words(words) or _by_status(status)
    if cause == "unclear" and (str(code) if code else reply_in(words)) in _OUR_TURN:
        cause = "sender"
    if cause in ("mailbox", "full") and _BEFORE_RECIPIENT.search(words):
        cause = "sender"
    if first == 4:
        return cause if cause in ("full", "content") or _is_ours(cause, words) else "later"
    if cause in ("mailbox", "full") and (after_text or _AFTER_TEXT.search(words)):
        return "unclear"
    return cause


def said(code: int, answer: bytes, *, after_text: bool = False) -> str:
    """Return an answer in one line of at most 255 letters, without e-mail addresses.

    :param after_text: the text was refused; then the line says so, for those that judge it later.
    """
    end = " (in reply to end of DATA command)" if after_text else ""
    words = redacted(f"{code} {answer.decode('utf-8', 'replace')}")
    return words[: LONGEST - len(end)] + end


def redacted(words: str) -> str:
    """Return words in one line of at most 255 letters, without e-mail addresses."""
    return ADDRESS.sub("…", " ".join(words.split()))[:LONGEST]


def far_words(words: str) -> str:
    """Return what the far server said, where our own server quotes it after words of its own."""
    match = REPLY.search(words)
    return words[match.start() :] if match else words


def _is_ours(cause: Cause, words: str) -> bool:
    """Return whether a temporary refusal is about us, and no wait for ourselves would help."""
    return cause == "sender" and not _WHOLE_LATER.search(words)


def _by_words(words: str) -> Cause | None:
    words = ADDRESS.sub("x@x", words)  # the name of a mailbox is no phrase
    return next((cause for cause, phrases in TABLES if phrases.search(words)), None)


def _by_status(status: str) -> Cause:
    match = STATUS.search(status)
    if match is None:
        return "unclear"
    subject, detail = int(match.group(2)), int(match.group(3))
    return _BY_STATUS.get((subject, detail)) or _BY_SUBJECT.get(subject, "unclear")


def status_in(text: str) -> str:
    """Return the first permanent or temporary status code in a text; empty when there is none."""
    found = [match.group(0) for match in STATUS.finditer(text) if match.group(1) != "2"]
    return found[0] if found else ""


def reply_in(text: str) -> str:
    """Return the first SMTP reply code of a failure in a text; empty when there is none."""
    match = REPLY.search(text)
    return match.group(1) if match else ""
