"""Web addresses, read by one parser: what is checked is what is stored, redirected to and connected to.

Programs differ in where the host of an odd address ends (``http://127.0.0.1\\@8.8.8.8/``) and in what a
number such as ``127.1`` means. So everything that two of them could read differently is refused.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

import idna

_REFUSED = re.compile(
    "[\\s\\\\\x00-\x20\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""The backslash, blanks of any script, controls, marks that nobody sees, halves of characters."""
_FORM = re.compile(
    r"(?P<scheme>https?)://(?P<user>[^/?#@\[\]]*@)?"
    r"(?P<host>\[[0-9a-f:.]+\]|[^/?#@:\[\]]+)(?P<port>:[0-9]{0,5})?(?P<rest>[/?#].*)?",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_HOST = 253
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An address of the web, in its parts."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """In small letters as the name service asks for it; of IPv6 without brackets."""
    port: int
    user: str
    """Name and password before the host, as written; never sent by us."""
    ascii: str
    """The whole address as a request or a header carries it (RFC 9110 10.2.2)."""
    target: str
    """Path and query, as a request asks for them."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whose it is."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The host as the header of a request names it, without name and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse(text: str) -> WebAddress:
    """Read an address.

    ASCII stays byte for byte; other letters become what every browser asks for: UTF-8 in percent signs
    (RFC 3987 3.1), in the name of the host IDNA.

    :raises ValueError: unless it is http or https, with a host and a port that all programs read alike.
    """
    found = _FORM.fullmatch(text)
    if found is None or _REFUSED.search(text):
        raise ValueError("no web address")
    scheme, rest = found["scheme"].lower(), _quoted(found["rest"] or "")
    host = _host(found["host"])
    port = int((found["port"] or "")[1:] or _PORTS[scheme])
    if not 0 < port < 2**16:
        raise ValueError("no such port")
    shown = found["host"] if found["host"].isascii() else host
    whole = f"{found['scheme']}://{_quoted(found['user'] or '')}{shown}{found['port'] or ''}{rest}"
    path = rest.partition("#")[0]
    target = path if path.startswith("/") else f"/{path}"
    return WebAddress(scheme, host.strip("[]"), port, found["user"] or "", whole, target)


def follow(base: WebAddress, location: str) -> WebAddress:
    """Return where a redirect leads to.

    :raises ValueError: when that is no address.
    """
    if _REFUSED.search(location):
        raise ValueError("no web address")
    return parse(urljoin(base.ascii, location))


def is_address(text: str) -> bool:
    """Return whether :func:`parse` reads a text."""
    try:
        parse(text)
    except ValueError:
        return False
    return True


def is_path(text: str) -> bool:
    """Return whether a text leads to a page of the same site, whatever a browser makes of it.

    Browsers drop tabs and line breaks and read a backslash as a slash: ``/<tab>/host`` leads away.
    """
    return text.startswith("/") and not text.startswith("//") and _REFUSED.search(text) is None


def _host(text: str) -> str:
    """Return a host in one spelling: labels in small letters, a number only as four bytes or in brackets."""
    if text.startswith("["):
        return f"[{ipaddress.IPv6Address(text[1:-1])}]"
    if len(text) > _LONGEST_HOST:
        raise ValueError("too long a name")
    plain = text.lower() if text.isascii() else idna.uts46_remap(text, std3_rules=False)
    labels = [_label(one) for one in plain.removesuffix(".").split(".")]
    host = ".".join(labels)
    if len(host) > _LONGEST_HOST:
        raise ValueError("too long a name")
    return str(ipaddress.IPv4Address(host)) if _NUMBER.fullmatch(labels[-1]) else host


def _label(text: str) -> str:
    made = text if text.isascii() else _in_ascii(text)
    if _LABEL.fullmatch(made) is None:
        raise ValueError("no name of a host")
    return made


def _in_ascii(label: str) -> str:
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:  # such as a sign: browsers ask for it all the same
        return f"xn--{label.encode('punycode').decode('ascii')}"


def _quoted(text: str) -> str:
    return "".join(letter if letter.isascii() else quote(letter) for letter in text)
