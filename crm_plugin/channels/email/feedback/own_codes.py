"""Our own codes in a message that came back: they say which message of ours it is about."""

import email
import re
from collections.abc import Iterable
from email.message import Message as Mail

from crm_plugin.channels.email.feedback.mail_text import every_part, text_of

_CODE = re.compile(r"\bbounce\+([A-Za-z0-9]{10,64})@", re.I)
_TOKEN = re.compile(r"/u/([a-z_]{1,16}-[A-Za-z0-9]{8,64})")
_REACHED = ("X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
"""Where mail servers write the recipient of a message."""
_SENT_AS = ("Return-Path", "Original-Mail-From", "List-Unsubscribe")
"""Where our own codes stand in the message that is returned."""


def codes_and_tokens(mail: Mail, to: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return codes of return paths and tokens of opt-out addresses, in the order in which to try them.

    :param to: the recipient, when the mail server names it.
    """
    places = [to, *(str(value) for name in _REACHED for value in mail.get_all(name, []))]
    for part in every_part(mail):
        if part.get_content_type() == "text/rfc822-headers":
            part = email.message_from_string(text_of(part))
        if part is not mail:
            places += [str(value) for name in _SENT_AS for value in part.get_all(name, [])]
    # Once more unfolded: a long header may be broken inside an address by the server that returned it.
    text = "\n".join([*places, *(re.sub(r"\s+", "", place) for place in places)])
    return _unique(_CODE.findall(text)), _unique(_TOKEN.findall(text))


def _unique(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))[:10]
