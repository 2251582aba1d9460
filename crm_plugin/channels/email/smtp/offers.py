"""What the mail server offers when it is connected to, kept for those that do not connect to it."""

import logging
import smtplib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels.email.smtp.server import server_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.profiles.store import international_email

log = logging.getLogger(__name__)
_NAME = "channels.smtp_size"
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server says in its answer to EHLO."""

    smtputf8: bool
    """It takes addresses beyond ASCII (RFC 6531)."""
    size: int = 0
    """Bytes of the largest message that it takes (RFC 1870); 0: it names none."""


def offer_of(link: smtplib.SMTP) -> Offer:
    """Return what the server of a connection offers."""
    size = link.esmtp_features.get("size", "").strip()
    known = size.isdecimal() and size.isascii() and len(size) <= _MOST_DIGITS
    return Offer(link.has_extn("smtputf8"), int(size) if known else 0)


def note(crm: Crm, offer: Offer) -> None:
    """Keep what the server offers; the addresses that it is about follow."""
    international_email.heard(crm, offer.smtputf8)
    value = {"server": _server(crm.settings), "size": offer.size}
    try:
        with crm.db.read() as session:
            if kept(session, _NAME) == value:
                return
        crm.db.run(lambda session: keep(session, _NAME, value))
    except sa.exc.SQLAlchemyError:
        log.warning("The size that the mail server takes could not be noted", exc_info=True)


def largest(session: Session, settings: Any) -> int:
    """Return the bytes of the largest message that the server in use takes, as it said last; 0: not known."""
    value = kept(session, _NAME) if settings.smtp_url else None
    return int(value["size"]) if value and value["server"] == _server(settings) else 0


def _server(settings: Any) -> str:
    """Return which server it is: another one may take other sizes."""
    try:
        found = server_of(settings.smtp_url)
    except BadInput:
        return ""
    return f"{found.host}:{found.port}"
