"""What a mail server's words and status codes say about an address.

Only what speaks of the address itself counts against it. A message that was refused for its content or its
sender would have been refused at any address. What a refusal is about is decided in
:mod:`crm_plugin.channels.email.smtp.replies`, for answers on the line and for reports alike.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from crm_plugin.channels.email.smtp.replies import cause_of, far_words, redacted, reply_in, status_in
from crm_plugin.channels.email.smtp.reply_phrases import Cause

Kind = Literal["hard", "soft", "refused", "complaint"]
"""``hard``: the address does not exist or takes no mail any more; ``soft``: not now; ``refused``: this
message or its sender was not wanted, which says nothing of the address; ``complaint``: called spam."""

KINDS: tuple[Kind, ...] = ("hard", "soft", "refused", "complaint")
_KINDS: dict[Cause, Kind] = {
    "mailbox": "hard",
    "full": "soft",
    "later": "soft",
    "sender": "refused",
    "content": "refused",
    "unclear": "refused",
}


class Verdict(NamedTuple):
    """What a message that came back says."""

    kind: Kind | None
    """None: nothing that counts; ``detail`` says why."""
    status: str = ""
    """Enhanced status code, or SMTP reply, as far as there is one."""
    detail: str = ""
    words: str = ""
    """The server's own, at most 255 letters, without addresses."""


def kind_of(status: str, words: str = "") -> Kind:
    """Judge a permanent failure.

    :param status: an enhanced status code such as ``5.1.1``; empty when there is none.
    :param words: what the server said beside it; also when it said so, as "in reply to end of DATA".
    """
    return _KINDS[cause_of(words, status)]


def judge(words: str, status: str, detail: str) -> Verdict:
    """Judge what is said of one recipient.

    :param status: the report's own; a code in the words is nearer to the truth.
    """
    far = far_words(words)
    found = status_in(far) or status_in(words) or status_in(status)
    return Verdict(kind_of(found, words), (found or reply_in(far))[:16], detail, redacted(far))


def worst(found: Iterable[Verdict]) -> Verdict:
    """Return the verdict that counts of several recipients; ours have one each, forwarders name several."""
    return min(found, key=lambda one: ("hard", "soft", "refused").index(str(one.kind)))
