"""Writes a message with a text and perhaps an HTML part: plain bytes, no e-mail package on the way."""

import secrets
from base64 import encodebytes
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

from crm_plugin.channels.email import carried_id
from crm_plugin.channels.email.headers import CRLF

LONGEST_LINE = 990
"""Bytes of a line, below the 998 of RFC 5322 2.1.1; a part with longer ones goes in base64."""


def _boundary() -> str:
    return f"=_{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Skeleton:
    """What all messages of a campaign share."""

    fixed: str
    """Headers that are the same for everybody, each ended by CRLF."""
    domain: str
    """Right side of the message ids."""
    mark: str = ""
    """Of this installation; in the message ids."""
    id_header: str = ""
    """In which the mail server returns our id with its events; empty: it needs none."""
    boundary: str = field(default_factory=_boundary)

    def head(self, own: str, key: str, at: datetime) -> str:
        """Return the headers of one message up to those of its content.

        :param own: header lines of this recipient, each ended by CRLF.
        """
        ident = f"{key}.{self.mark}" if self.mark else key
        return (
            f"{self.fixed}{own}{carried_id.line(self.id_header, ident)}Date: {format_datetime(at)}{CRLF}"
            f"Message-ID: <{ident}@{self.domain}>{CRLF}MIME-Version: 1.0{CRLF}"
        )

    def body(self, text: str, html: str | None, eight_bit: bool) -> bytes:
        """Return the content with its headers.

        :param eight_bit: the server takes 8-bit lines (RFC 6152).
        """
        if html is None:
            return _part("plain", text, eight_bit)
        parts = (_part("plain", text, eight_bit), _part("html", html, eight_bit))
        between = f"--{self.boundary}{CRLF}".encode("ascii")
        start = f'Content-Type: multipart/alternative; boundary="{self.boundary}"{CRLF}{CRLF}'.encode("ascii")
        end = f"--{self.boundary}--{CRLF}".encode("ascii")
        return b"".join((start, between, parts[0], between, parts[1], end))


def _part(kind: str, text: str, eight_bit: bool) -> bytes:
    data = text.encode("utf-8", "replace").replace(b"\r\n", b"\n")
    if not data.endswith(b"\n"):
        data += b"\n"
    encoding = _encoding(data, eight_bit)
    if encoding == "base64":
        data = encodebytes(data.replace(b"\n", b"\r\n"))
    head = (
        f'Content-Type: text/{kind}; charset="utf-8"{CRLF}Content-Transfer-Encoding: {encoding}{CRLF}{CRLF}'
    )
    return head.encode("ascii") + data.replace(b"\n", b"\r\n")


def _encoding(data: bytes, eight_bit: bool) -> str:
    if max(map(len, data.split(b"\n"))) > LONGEST_LINE:
        return "base64"
    if data.isascii():
        return "7bit"
    return "8bit" if eight_bit else "base64"
