"""A little of HTTP, as much as the public routes need."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from crm_plugin.kernel.network import client_address
from crm_plugin.kernel.settings import Settings

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

LONGEST_BODY = 4096
"""Bytes of a form that are read; an opt-out has some thirty, the longest list of choices some 600."""
MOST_FIELDS = 40

_PHRASES = {
    200: "OK",
    302: "Found",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    413: "Content Too Large",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Response:
    """A response, before it is sent."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Send it; a HEAD gets the same headers and no body."""
        headers = [*self.headers.items(), ("Content-Length", str(len(self.body)))]
        start_response(f"{self.status} {_PHRASES[self.status]}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]


def headers_of(environ: Environ) -> dict[str, str]:
    """Return the request's headers, names in lower case."""
    return {
        name[5:].replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }


def address_of(environ: Environ, settings: Settings) -> str:
    """Return the visitor's address, as far as the proxies of the settings name it."""
    peer, forwarded = str(environ.get("REMOTE_ADDR", "")), str(environ.get("HTTP_X_FORWARDED_FOR", ""))
    found = client_address.seen(peer, forwarded, settings.trusted_proxies)
    return found[:64]


def form_of(environ: Environ) -> dict[str, str]:
    """Return the fields of an urlencoded form; of any other or too long body, nothing."""
    kind = str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return {}
    if kind != "application/x-www-form-urlencoded" or not 0 < length <= LONGEST_BODY:
        return {}
    try:
        text = environ["wsgi.input"].read(length).decode("utf-8", "replace")
        fields = parse_qs(text, max_num_fields=MOST_FIELDS)
    except ValueError:  # too many fields
        return {}
    return {name: values[0] for name, values in fields.items()}


def body_of(environ: Environ, longest: int) -> bytes | None:
    """Return the whole body; None when it is longer than ``longest`` bytes or its end is not given."""
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return None
    if environ.get("HTTP_TRANSFER_ENCODING"):
        # In chunks: only where the server itself ends the input can it be read without waiting for ever.
        length = longest + 1 if environ.get("wsgi.input_terminated") else -1
    elif length > longest:
        return None
    body: bytes = environ["wsgi.input"].read(length) if length > 0 else b""
    return body if length >= 0 and len(body) <= longest else None


def query_of(environ: Environ) -> dict[str, str]:
    """Return the fields of the query string; the first of each name."""
    try:
        fields = parse_qs(str(environ.get("QUERY_STRING", ""))[:LONGEST_BODY], max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
