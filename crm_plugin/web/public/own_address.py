"""The address that a client is seen with: the answer to ``/c/address``, for ``crm doctor``."""

from crm_plugin.host.context import Crm
from crm_plugin.web.public.http import Environ, Response, address_of

NAME = "address"

_TEXT = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}


def answer(crm: Crm, environ: Environ) -> Response:
    """Answer with the address alone."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return Response(405, headers={"Allow": "GET, HEAD"})
    return Response(200, address_of(environ, crm.settings).encode("utf-8", "replace"), _TEXT)
