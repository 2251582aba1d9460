"""Headers by which a provider that has message ids of its own gives ours back with its events.

Postmark returns what stands behind ``X-PM-Metadata-`` as metadata, Brevo the line ``X-Mailin-custom``. The
others that we know return our Message-ID itself, or the address only.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from crm_plugin.channels.email.headers import CRLF

METADATA = "crm"
"""Name of ours in Postmark's metadata."""
CUSTOM = "X-Mailin-custom"
_HEADERS: Mapping[str, str] = {
    "postmarkapp.com": f"X-PM-Metadata-{METADATA}",
    "brevo.com": CUSTOM,
    "sendinblue.com": CUSTOM,
}
"""Domain of the mail server → the header that it returns."""


def header_for(smtp_url: str) -> str:
    """Return the name of the header for the mail server of a setting; empty when it needs none."""
    try:
        host = urlsplit(smtp_url).hostname or ""
    except ValueError:
        return ""
    return next((name for domain, name in _HEADERS.items() if f".{host}".endswith(f".{domain}")), "")


def line(header: str, ident: str) -> str:
    """Return the header line that carries a message's id; nothing without a header."""
    return f"{header}: {ident}@crm{CRLF}" if header else ""
