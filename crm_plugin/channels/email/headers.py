"""Header lines of e-mail, written by our own hand.

Python's e-mail package turns a List-Unsubscribe address of more than some 60 characters into encoded words,
which ends one-click opt-out (RFC 8058); it also takes ten times as long as sending. So the few headers that
we need are written here, each value checked: a line break in a value would be a header of somebody else's.
"""

import re
from base64 import b64encode
from email.utils import parseaddr

import idna

from crm_plugin.kernel.errors import BadInput

CRLF = "\r\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\U0010ffff-]+")
_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_WORD_BYTES = 42
"""Bytes of UTF-8 in one encoded word: 56 letters of base64 and 12 around them, below RFC 2047's 75."""


def text_header(name: str, value: str) -> str:
    """Return a header of free text: as it is when it is short ASCII, else in encoded words.

    :raises BadInput: ``content.bad_header``.
    """
    if _CONTROL.search(value):
        raise BadInput("content.bad_header", part=name)
    plain = value.isascii() and len(name) + len(value) < 76 and "=?" not in value
    return f"{name}: {value if plain else _encoded(value)}{CRLF}"


def url_header(name: str, *urls: str) -> str:
    """Return a header of addresses in angle brackets; a line is broken only between two of them.

    :raises BadInput: ``content.bad_header`` for anything but visible ASCII in an address.
    """
    if any(not re.fullmatch(r"[!-;=?-~]+", url) for url in urls):
        raise BadInput("content.bad_header", part=name)
    return f"{name}: {f',{CRLF} '.join(f'<{url}>' for url in urls)}{CRLF}"


def mailbox_header(name: str, mailbox: str) -> str:
    """Return a header of one mailbox, ``Name <address>`` or an address alone.

    :raises BadInput: ``content.bad_header``, ``channel.bad_address``.
    """
    if _CONTROL.search(mailbox):
        raise BadInput("content.bad_header", part=name)
    words, address = parseaddr(mailbox)
    address = ascii_address(address)
    if not words:
        return f"{name}: {address}{CRLF}"
    plain = re.fullmatch(r"[A-Za-z0-9 '_-]{1,60}", words) is not None
    return f"{name}: {words if plain else _encoded(words)} <{address}>{CRLF}"


def ascii_address(address: str) -> str:
    """Return an e-mail address with its domain in ASCII (IDNA).

    :raises BadInput: ``channel.bad_address`` when it cannot stand in an envelope or header.
    """
    local, domain = _parts(address)
    if not local.isascii():
        raise BadInput("channel.bad_address", address=address[:100], channel="email")
    return f"{local}@{domain}"


def written_address(address: str) -> str:
    """Return a recipient's address as it stands in an envelope and in a header.

    What stands before the @ may have letters beyond ASCII, for servers that take them (RFC 6531). It is
    quoted where dots stand as RFC 5321 does not allow them by themselves.

    :raises BadInput: ``channel.bad_address``.
    """
    local, domain = _parts(address)
    is_loose = ".." in local or local[0] == "." or local[-1] == "."
    return f'"{local}"@{domain}' if is_loose else f"{local}@{domain}"


def _parts(address: str) -> tuple[str, str]:
    local, at, domain = address.rpartition("@")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError:
            domain = ""
    is_local = _LOCAL.fullmatch(local) is not None and local.isprintable() and len(local) <= 64
    if not at or not _DOMAIN.fullmatch(domain) or not is_local:
        raise BadInput("channel.bad_address", address=address[:100], channel="email")
    return local, domain


def _encoded(value: str) -> str:
    words: list[str] = []
    part = b""
    for letter in value:
        data = letter.encode("utf-8", "replace")
        if len(part) + len(data) > _WORD_BYTES:
            words.append(_word(part))
            part = b""
        part += data
    return f"{CRLF} ".join([*words, _word(part)])


def _word(data: bytes) -> str:
    return f"=?utf-8?b?{b64encode(data).decode('ascii')}?="
