"""Events that mail providers post in forms of their own: POST to ``/c/bounce/<provider>/<secret>``."""

import json
import logging
from typing import Any

from crm_plugin.campaigns.feedback import bounces
from crm_plugin.channels.email.feedback.posted import Batch
from crm_plugin.channels.email.feedback.providers.form import read
from crm_plugin.channels.email.feedback.providers.notifications import Certificates
from crm_plugin.channels.email.feedback.providers.proofs import Forged, Request, Unready, by_address
from crm_plugin.channels.email.feedback.providers.registry import PROVIDERS, Provider
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.web.public.bounces import LONGEST, counts, named_bad, said
from crm_plugin.web.public.http import Environ, Response, body_of, headers_of

log = logging.getLogger(__name__)


def answer(crm: Crm, name: str, secret: str, environ: Environ) -> Response:
    """Take the events of one request; which statuses are final differs from provider to provider."""
    provider = PROVIDERS.get(name)
    if provider is None:
        return Response(404)
    if environ["REQUEST_METHOD"] != "POST":
        return Response(405, headers={"Allow": "POST"})
    body = body_of(environ, LONGEST)
    if body is None:
        return Response(413)
    if not by_address(crm.settings, secret):
        log.warning("a request in the name of the mail provider %s had another secret", name)
        return said(provider.never, {"error": "another secret"})
    url = f"{crm.settings.public_url.rstrip('/')}/c/bounce/{name}/{secret}"
    kept = crm.state(Certificates)
    request = Request(crm.settings, url, headers_of(environ), body, crm.clock(), kept.fetch)
    return _answer(crm, name, provider, request)


def _answer(crm: Crm, name: str, provider: Provider, request: Request) -> Response:
    try:
        batch = _batch(name, provider, request)
        taken = bounces.post(crm, batch.events)
    except Forged:
        log.warning("a request in the name of the mail provider %s was not genuine", name)
        return said(provider.never, {"error": "not signed, not lately, or not for us"})
    except BadInput as error:
        log.warning("a request of the mail provider %s cannot be read: %s", name, error)
        return said(provider.never, {"error": str(error)})
    except Unready as error:
        log.error("requests of the mail provider %s cannot be checked: %s", name, error)
        return said(provider.again, {"error": str(error)}, {"Retry-After": "600"})
    except Exception:
        log.exception("events of the mail provider %s could not be kept", name)
        return said(provider.again, {"error": "not now"}, {"Retry-After": "60"})
    if batch.bad:
        log.warning("events of the mail provider %s cannot be read: %s", name, batch.bad[0][1])
    return said(200, {**counts(taken), **named_bad(batch)})


def _batch(name: str, provider: Provider, request: Request) -> Batch:
    document = _document(request.body)
    provider.prove(request, document)
    if provider.settles(document):
        return Batch()
    return read(name, provider.form, provider.unwrap(document))


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("input.not_json", reason=Clause("JSON was expected")) from None
