"""Delivery reports, replies, and answers about templates, that carriers send us: ``/c/<carrier>/<secret>``.

Reports may be forged, repeated, late and out of order: what is not proven is refused unread, and states
only move forward. A carrier that gets no 200 sends again, so a failure of ours loses nothing.
"""

import logging

from crm_plugin.campaigns.feedback import replies
from crm_plugin.campaigns.feedback.delivery_reports import receive_all
from crm_plugin.channels.registry import push_of
from crm_plugin.channels.sms.carriers.pushes import Pushed
from crm_plugin.channels.sms_templates import approval
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.web.public.http import Environ, Response, body_of, headers_of

log = logging.getLogger(__name__)

LONGEST_PUSH = 1_000_000
"""Bytes of one push; two thousand reports have half of it."""


def answer(crm: Crm, carrier: str, secret: str, environ: Environ) -> Response:
    """Take what one request brings."""
    push = push_of(carrier)
    if push is None:
        return Response(404)
    if environ["REQUEST_METHOD"] != "POST":
        return Response(405, headers={"Allow": "POST"})
    body = body_of(environ, LONGEST_PUSH)
    if body is None:
        return Response(413)
    if not push.genuine(crm.settings, Pushed(carrier, secret, headers_of(environ), body)):
        log.warning("a report in the name of the SMS carrier %s was not genuine", carrier)
        return Response(403)
    try:
        reports, inbound = push.read(body), push.inbound(body)
        verdicts = push.verdicts(body) if push.verdicts is not None else []
    except BadInput as error:
        log.warning("a report of the SMS carrier %s cannot be read: %s", carrier, error)
        return Response(400, str(error).encode(), {"Content-Type": "text/plain; charset=utf-8"})
    try:
        receive_all(crm, carrier, reports)
        replies.take_all(crm, carrier, inbound)
        approval.take(crm, carrier, verdicts)
    except Exception:
        log.exception("reports of the SMS carrier %s could not be kept", carrier)
        return Response(503, headers={"Retry-After": "60"})
    return Response(200, push.answer, {"Content-Type": push.media_type, "Cache-Control": "no-store"})
