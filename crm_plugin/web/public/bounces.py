"""Events that a mail provider posts to ``/c/bounce``: signed, each read by itself and taken once."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from crm_plugin.campaigns.feedback import bounces
from crm_plugin.campaigns.feedback.bounce_effects import Taken
from crm_plugin.channels.email.feedback import webhook
from crm_plugin.channels.email.feedback.posted import Batch
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.web.public.http import Environ, Response, body_of, headers_of

log = logging.getLogger(__name__)

NAME = "bounce"
LONGEST = 1_000_000
"""Bytes of a request; a thousand events have a quarter of it."""

_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}


def answer(crm: Crm, environ: Environ) -> Response:
    """Take the events of one request.

    400 and 403 are for ever; after 503 the same request may be sent again, whatever of it was taken.
    """
    if environ["REQUEST_METHOD"] != "POST":
        return Response(405, headers={"Allow": "POST"})
    body = body_of(environ, LONGEST)
    if body is None:
        return Response(413)
    if not webhook.is_genuine(crm.settings.bounce_secret, headers_of(environ), body, crm.clock()):
        log.warning("a request to /c/bounce was not genuine")
        return said(403, {"error": "not signed, not lately, or with another secret"})
    try:
        batch = webhook.read(body)
    except BadInput as error:
        return said(400, {"error": str(error)})
    if batch.bad and not batch.events:
        return said(400, {"error": str(batch.bad[0][1]), **named_bad(batch)})
    try:
        taken = bounces.post(crm, batch.events)
    except Exception:
        log.exception("events of e-mail could not be kept")
        return Response(503, headers={"Retry-After": "60"})
    return said(200, {**counts(taken), **named_bad(batch)})


def counts(taken: Sequence[Taken]) -> dict[str, int]:
    """Return how many events were taken, belong to somebody, and stopped an address."""
    matched, stopped = sum(one.matched for one in taken), sum(one.stopped for one in taken)
    return {"taken": len(taken), "matched": matched, "stopped": stopped}


def named_bad(batch: Batch) -> dict[str, Any]:
    """Return which events cannot be read, and why; nothing where all can."""
    found = [{"event": place, "error": str(error)} for place, error in batch.bad]
    return {"bad": found} if found else {}


def said(status: int, document: dict[str, Any], headers: Mapping[str, str] = _JSON) -> Response:
    """Return an answer in JSON."""
    return Response(status, json.dumps(document).encode(), {**_JSON, **headers})
