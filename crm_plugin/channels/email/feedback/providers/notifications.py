"""Amazon SNS and Aliyun EventBridge: notices signed by RSA, with a certificate at the provider's own address.

Such a signature proves the service, not whose topic or rule it is: anybody may point theirs at us. So the
topic, or the token of the rule, must be the one of the settings.
"""

import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from crm_plugin.channels.email.feedback.providers.proofs import (
    Forged,
    Request,
    Unready,
    fresh,
    need_package,
    rsa_signed,
)
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.network.public_fetch import NotFetched, fetch
from crm_plugin.kernel.network.web_address import parse

_HTTPS = 443
_SECONDS = 5.0
_LARGEST = 20_000
_AMAZON = re.compile(r"sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?")
_BRIDGE = re.compile(r"[a-z0-9-]+-eventbridge\.oss-accelerate\.aliyuncs\.com")
_SIGNED = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")
"""In the order of the signed text; those that are there."""
_ALGORITHMS = {"1": "sha1", "2": "sha256"}
_RETRIED = timedelta(hours=2)
"""Amazon tries for an hour at most."""
_SKEW = timedelta(minutes=5)
_BRIDGED = ("timestamp", "hash-method", "version", "url", "token")


class Certificates:
    """What was fetched from providers, kept by its address."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def fetch(self, url: str) -> bytes:
        """Return what stands at an address that was checked.

        :raises Unready: when nothing can be had.
        """
        if url not in self._kept:
            found = fetched(url)
            self._kept = {**self._kept, url: found} if len(self._kept) < _MOST else {url: found}
        return self._kept[url]


_MOST = 20


def fetched(url: str) -> bytes:
    """Get an address of a provider; redirects are not followed.

    :raises Unready: when it does not answer with 200.
    """
    address = parse(url)
    try:
        answer = fetch(address, most=_LARGEST, seconds=_SECONDS)
    except NotFetched as error:
        raise Unready(f"{address.host} does not answer: {error}") from None
    if answer.status != HTTPStatus.OK:
        raise Unready(f"{address.host} answers {answer.status}")
    return answer.body


def amazon(request: Request, document: Any) -> None:
    """Check an envelope of SNS: its topic, its signature, its time."""
    need_package()
    if not request.settings.bounce_ses_topic:
        raise Unready("the setting bounce_ses_topic is empty: enter the ARN of the topic")
    if not isinstance(document, Mapping) or document.get("TopicArn") != request.settings.bounce_ses_topic:
        raise Forged
    url, algorithm = document.get("SigningCertURL"), _ALGORITHMS.get(str(document.get("SignatureVersion")))
    if algorithm is None or not _is_amazons(url) or not parse(str(url)).target.endswith(".pem"):
        raise Forged
    lines = [(name, document[name]) for name in _SIGNED if document.get(name) is not None]
    text = "".join(f"{name}\n{said}\n" for name, said in lines).encode("utf-8", "replace")
    rsa_signed(request.certificate(str(url)), str(document.get("Signature")), text, algorithm)
    fresh(request, _moment(document.get("Timestamp")).timestamp(), _RETRIED)


def _is_amazons(url: object) -> bool:
    return _is_at(_AMAZON, url)


def _is_at(host: re.Pattern[str], url: object) -> bool:
    """Return whether an address is https at a host, without a port, a name or a password."""
    try:
        address = parse(str(url))
    except ValueError:
        return False
    ours = address.origin == ("https", address.host, _HTTPS) and not address.user
    return ours and host.fullmatch(address.host) is not None


def _moment(text: object) -> datetime:
    try:
        return parse_instant(str(text))
    except ValueError:
        raise Forged from None


def subscribe(document: Any) -> bool:
    """Confirm the subscription that a proven envelope is about; return whether it was about one.

    :raises Unready: when Amazon does not answer: it asks again.
    """
    kind = document.get("Type") if isinstance(document, Mapping) else None
    if kind == "SubscriptionConfirmation":
        if not _is_amazons(document.get("SubscribeURL")):
            raise Forged
        fetched(str(document["SubscribeURL"]))
    return kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation")


def message_of(document: Any) -> Any:
    """Return the event in an envelope of SNS; an empty object where it holds a sentence."""
    try:
        found = json.loads(str(document["Message"]) if isinstance(document, Mapping) else "")
    except (KeyError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def aliyun(request: Request, _document: Any) -> None:
    """Check what EventBridge signed (version 2): the address, its headers, the body; and our rule's token."""
    need_package()
    token = request.settings.bounce_aliyun_token
    if not token:
        raise Unready("the setting bounce_aliyun_token is empty: enter the token of the rule's target")
    head = {name: request.headers.get(f"x-eventbridge-signature-{name}", "") for name in _BRIDGED}
    head["hash-method"] = request.headers.get("x-eventbridge-hash-method", "")
    if not hmac.compare_digest(token.encode(), head["token"].encode("utf-8", "replace")):
        raise Forged
    if head["hash-method"].upper() != "SHA256" or not _is_at(_BRIDGE, head["url"]):
        raise Forged
    if not re.fullmatch(r"[0-9]{13}", head["timestamp"]):
        raise Forged
    given = request.headers.get("x-eventbridge-signature-v2", "")
    rsa_signed(request.certificate(head["url"]), given, _bridged(request, head), "sha256")
    fresh(request, int(head["timestamp"]) / 1000, _SKEW)


def _bridged(request: Request, head: Mapping[str, str]) -> bytes:
    names = {"hash-method": "x-eventbridge-hash-method"}
    lines = [f"{names.get(name, f'x-eventbridge-signature-{name}')}: {head[name]}" for name in _BRIDGED]
    return "\n".join([request.url, *lines, ""]).encode("utf-8", "replace") + request.body
