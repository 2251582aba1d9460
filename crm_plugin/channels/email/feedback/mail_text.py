"""The text that a mail server wrote, without the copy of ours that it returns."""

import re
from collections.abc import Iterable, Iterator
from email.message import Message as Mail
from typing import Any

_LONGEST = 20_000
_PARTS = 50
_TAG = re.compile(r"<(?:br|/?p|/?div|/?tr|/?td|/?li)\b[^>]*>", re.I)
_ANY_TAG = re.compile(r"<style\b.*?</style>|<[a-z/!][^<>@]{0,500}>", re.I | re.S)
_COPY = re.compile(
    r"^[ >*]*(?:-{2,}|={3,}|\*{3,}|_{5,})?[ ]*(?:"
    + "|".join(
        (
            r"this is (a copy of )?(the|your) (original )?(message|mail)\b.{0,40}(headers|copy)",
            r"this is a copy of",
            r"(below this line is|enclosed is|here is|attached is) a copy",
            r"copy of (the|your) (original )?(message|mail)",
            r"(original|returned|old|unsent|undelivered|bounced|rejected) (message|mail)( text| headers?)?"
            r"( (follows|below|is)\b.{0,30})?(?=\W*$)",
            r"(the |your )?(original|returned|unsent) message (follows|header)\b",
            r"message headers? (follow|and)|(the )?headers? (and|of the (source|original))\b",
            r"(original )?message (header|text|details)s?\W*$",
            r"the (header|original) .{0,40}follows",
            r"begin (message|forwarded)|start of (returned|original)",
            r"received: (from|by) |return-path: ",
        )
    )
    + ")",
    re.I | re.M,
)
"""How servers announce the message that they give back."""


def _own_parts(mail: Mail) -> Iterator[Mail]:
    """Yield the parts that the sender wrote: none of a message that is attached."""
    stack, count = [mail], 0
    while stack and count < _PARTS:
        part = stack.pop(0)
        count += 1
        yield part
        inner = part.get_payload()
        if isinstance(inner, list) and part.get_content_maintype() == "multipart":
            stack[:0] = [one for one in inner if isinstance(one, Mail)]


def every_part(mail: Mail) -> Iterator[Mail]:
    """Yield the parts of a message, and those of messages in it."""
    for index, part in enumerate(mail.walk()):
        if index >= _PARTS:
            return
        yield part


def returns_ours(mail: Mail) -> bool:
    """Return whether a message, or the head of one, is attached."""
    return any(
        part.get_content_type() in ("message/rfc822", "text/rfc822-headers") for part in every_part(mail)
    )


def text_of(part: Mail) -> str:
    """Return the text of a part; unknown charsets are read as UTF-8."""
    payload: Any = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def written(mail: Mail) -> str:
    """Return what the sender wrote: plain text, or HTML without its tags; no copy of our message."""
    # A report whose boundary was damaged on its way is one long text.
    parts = [
        one
        for one in _own_parts(mail)
        if not one.is_multipart() and one.get_content_maintype() in ("text", "multipart")
    ]
    plain = [one for one in parts if one.get_content_type() not in ("text/html", "text/rfc822-headers")]
    text = _joined(text_of(one) for one in plain)
    if not text.strip():
        text = _joined(_plain(text_of(one)) for one in parts if one.get_content_type() == "text/html")
    return _before_copy(text)


def _before_copy(text: str) -> str:
    for match in _COPY.finditer(text):
        if text[: match.start()].strip():
            return text[: match.start()]
    return text


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(texts).replace("\r\n", "\n").replace("\r", "\n")[:_LONGEST]


def _plain(html: str) -> str:
    return _ANY_TAG.sub(" ", _TAG.sub("\n", html[: 4 * _LONGEST]))
