"""How a request of a provider is proven: by what it signs, beside the secret in the address.

Elliptic curves and RSA need the package ``cryptography`` (the extra ``webhooks``). Without it, and without
the provider's key in the settings, its requests are refused with a line that says so.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm_plugin.channels.email.feedback.providers.form import value
from crm_plugin.kernel.settings import Settings

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key
    from cryptography.x509 import load_pem_x509_certificate

    AVAILABLE = True
except ImportError:
    AVAILABLE = False

MISSING = "the package cryptography is missing: install crm-plugin[webhooks]"
SHORTEST_SECRET = 16
RETRIED = timedelta(hours=26)
"""SendGrid tries for a day; Mailgun for eight hours."""


class Forged(Exception):
    """Not signed by the provider, not lately, or not for us."""


class Unready(Exception):
    """It cannot be checked: a key is not set, or a package is missing. Its words are for the operator."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a provider sent."""

    settings: Settings
    url: str
    """Our address, as it was given to the provider."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    now: datetime
    certificate: Callable[[str], bytes]
    """Fetches a certificate (PEM) by its address; raises :class:`Unready`."""


def by_address(settings: Settings, given: str) -> bool:
    """Return whether the last part of an address is the secret; all providers need it."""
    secret = settings.bounce_path_secret
    return len(secret) >= SHORTEST_SECRET and hmac.compare_digest(
        secret.encode(), given.encode("utf-8", "replace")
    )


def unsigned(_request: Request, _document: Any) -> None:
    """Postmark, Brevo and Tencent SES sign nothing: the secret is all the proof that there is."""


def sendgrid(request: Request, _document: Any) -> None:
    """ECDSA P-256 over the time and the raw body, with the key of the console."""
    need_package()
    key = _set(request.settings.bounce_sendgrid_key, "bounce_sendgrid_key")
    stamp = request.headers.get("x-twilio-email-event-webhook-timestamp", "")
    fresh(request, _seconds(stamp), RETRIED)
    given = unbase64(request.headers.get("x-twilio-email-event-webhook-signature", ""))
    try:
        public = load_der_public_key(base64.b64decode(key))
    except ValueError as error:
        raise Unready("bounce_sendgrid_key is no public key") from error
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise Unready("bounce_sendgrid_key is no key of an elliptic curve")
    try:
        public.verify(given, stamp.encode() + request.body, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Forged from None


def mailgun(request: Request, document: Any) -> None:
    """HMAC-SHA256 over time and token, which does not cover the event: hence the secret in the address."""
    key = _set(request.settings.bounce_mailgun_key, "bounce_mailgun_key")
    stamp, token, given = (str(value(document, f"signature.{name}") or "") for name in _MAILGUN)
    expected = hmac.new(
        key.encode(), f"{stamp}{token}".encode("utf-8", "replace"), hashlib.sha256
    ).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise Forged
    fresh(request, _seconds(stamp), RETRIED)


_MAILGUN = ("timestamp", "token", "signature")


def need_package() -> None:
    """Refuse to go on without the package that checks elliptic curves and RSA."""
    if not AVAILABLE:
        raise Unready(MISSING)


def rsa_signed(certificate: bytes, given: str, text: bytes, algorithm: str) -> None:
    """Check a PKCS#1 v1.5 signature by the key of a certificate (PEM).

    :param algorithm: ``sha1`` or ``sha256``.
    """
    hashed = hashes.SHA1() if algorithm == "sha1" else hashes.SHA256()
    try:
        key = load_pem_x509_certificate(certificate).public_key()
    except ValueError as error:
        raise Unready("the provider's certificate cannot be read") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise Unready("the provider's certificate holds no RSA key")
    try:
        key.verify(unbase64(given), text, padding.PKCS1v15(), hashed)
    except InvalidSignature:
        raise Forged from None


def fresh(request: Request, seconds: float, most: timedelta) -> None:
    """Refuse what was signed too long ago, or lies ahead."""
    if abs(request.now.timestamp() - seconds) > most.total_seconds():
        raise Forged


def _seconds(stamp: str) -> float:
    if not re.fullmatch(r"[0-9]{1,12}", stamp):
        raise Forged
    return float(stamp)


def _set(key: str, name: str) -> str:
    if not key:
        raise Unready(f"the setting {name} is empty: enter the key of the provider's console")
    return key


def unbase64(text: str) -> bytes:
    """Return the bytes of a signature."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Forged from None
