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
_MAILBOX = re.compile(r"\s*(.*?)\s*<\s*([^<>]*?)\s*>\s*")
_COMMENTED = re.compile(r"\s*[^\s,<>()]+\s*\([^()]*\)\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WORDS = re.compile(r"[A-Za-z0-9 '_-]+")
_LONGEST_PHRASE = 60
"""Letters of a name that need no folding."""
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


def list_header(name: str, ident: str) -> str:
    """Return a List-Id (RFC 2919): mail programs file by it.

    :param name: of whose list it is.
    :param ident: dotted, within the sender's domain.
    """
    words = _CONTROL.sub(" ", name).strip()
    return f"List-Id: {_named(words, ident) if words else f'<{ident}>'}{CRLF}"


def split_mailbox(mailbox: str) -> tuple[str, str]:
    """Return name and address of ``Name <address>``, however the name is written, or of an address alone.

    A comma or full stop in the name needs no quotes here: one mailbox is meant.
    """
    found = _MAILBOX.fullmatch(mailbox)
    if found is None:
        # Python would take the first of several; "address (Name)" is the form of old.
        return parseaddr(mailbox) if _COMMENTED.fullmatch(mailbox) else ("", mailbox.strip())
    words = found[1]
    if quoted := _QUOTED.fullmatch(words):
        words = re.sub(r"\\(.)", r"\1", quoted[1])
    return words, found[2]


def mailbox_header(name: str, mailbox: str) -> str:
    """Return a header of one mailbox, ``Name <address>`` or an address alone.

    :raises BadInput: ``content.bad_header``, ``channel.bad_address``.
    """
    if _CONTROL.search(mailbox):
        raise BadInput("content.bad_header", part=name)
    words, address = split_mailbox(mailbox)
    address = ascii_address(address)
    if not words:
        return f"{name}: {address}{CRLF}"
    return f"{name}: {_named(words, address)}{CRLF}"


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


def _named(words: str, address: str) -> str:
    """Return a name and what it names; on a line of its own where one would be too long."""
    phrase = _phrase(words)
    is_short = len(phrase.rpartition(CRLF)[2]) + len(address) < _LONGEST_PHRASE
    return f"{phrase}{' ' if is_short else f'{CRLF} '}<{address}>"


def _phrase(words: str) -> str:
    """Return a name as it stands before an address: as it is, quoted (RFC 5322 3.2.4), or encoded."""
    if not words.isascii() or "=?" in words or len(words) > _LONGEST_PHRASE:
        return _encoded(words)
    if _WORDS.fullmatch(words):
        return words
    return '"' + re.sub(r'(["\\])', r"\\\1", words) + '"'


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
