"""An e-mail's HTML alone, for a sandboxed frame: it runs nothing and fetches nothing."""

from flask import Response

HTML_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""Content security policy of a shown e-mail."""


def framed_mail(html: str) -> Response:
    """Return an e-mail's HTML under a policy that lets it neither run nor fetch anything."""
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = HTML_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
