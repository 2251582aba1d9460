"""What the status codes of mail servers say about an address (RFC 3463 and IANA's registry of them).

Only what speaks of the address itself counts against it. A message that was refused for its content or its
sender would have been refused at any address.
"""

import re
from typing import Literal

Kind = Literal["hard", "soft", "refused", "complaint"]
"""``hard``: the address does not exist or takes no mail any more; ``soft``: not now; ``refused``: this
message or its sender was not wanted, which says nothing of the address; ``complaint``: called spam."""

KINDS: tuple[Kind, ...] = ("hard", "soft", "refused", "complaint")

# Not a part of a network address or of a version.
_STATUS = re.compile(r"(?<![\w.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\w)")
_REPLY = re.compile(r"\b([45]\d\d)[ -]")
_NOBODY = re.compile(
    r"(user|recipient|mailbox|address|account)\b.{0,40}\b(unknown|not found|invalid|disabled)"
    r"|(unknown|no such|invalid)\b.{0,20}\b(user|recipient|mailbox|address|account)"
    r"|(does not|doesn't|not) exist|不存在|已(停用|注销|禁用)",
    re.I,
)
"""Words of servers that give no status of their own."""

_SENDER = {(1, 7), (1, 8)}
"""Subject 1 is the address, but these two are about the sender's."""
_GONE = {(2, 1), (4, 4), (4, 310)}
"""A disabled mailbox, and domains that no mail server answers for."""
_MESSAGE = {(2, 3), (3, 4)}
"""Longer than the mailbox or the server takes."""


def kind_of(status: str, words: str = "") -> Kind:
    """Judge an enhanced status code such as ``5.1.1``.

    :param status: empty when there is none: then the words decide, in doubt for ``soft``.
    :param words: what the server said beside it.
    """
    match = _STATUS.search(status)
    if match is None:
        return _by_words(words)
    first, subject, detail = (int(part) for part in match.groups())
    if first != 5:
        return "soft"
    if (subject, detail) in _SENDER | _MESSAGE or subject in (5, 6, 7):
        return "refused"
    if subject == 1 or (subject, detail) in _GONE:
        return "hard"
    if subject in (0, 3, 4):
        return _by_words(words)
    return "soft"


def status_in(text: str) -> str:
    """Return the first permanent or temporary status code in a text; empty when there is none."""
    found = [match.group(0) for match in _STATUS.finditer(text) if match.group(1) != "2"]
    return found[0] if found else ""


def reply_in(text: str) -> str:
    """Return the first SMTP reply code of a failure in a text; empty when there is none."""
    match = _REPLY.search(text)
    return match.group(1) if match else ""


def _by_words(words: str) -> Kind:
    return "hard" if _NOBODY.search(words) and not reply_in(words).startswith("4") else "soft"
