"""The carrier SMTP: one mail server, over as many connections as its distance makes worthwhile."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from crm_plugin.channels.base import Message, Receipt, not_called
from crm_plugin.channels.email.headers import ascii_address, split_mailbox
from crm_plugin.channels.email.smtp.connection import SECONDS, SmtpConnection
from crm_plugin.channels.email.smtp.offers import Offer
from crm_plugin.channels.email.smtp.patience import Patience
from crm_plugin.channels.email.smtp.server import server_of
from crm_plugin.channels.email.smtp.trial import Trial
from crm_plugin.channels.lanes import Lanes
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.rare_warnings import RareWarnings

log = logging.getLogger(__name__)


class SmtpCarrier:
    """Hands e-mail to one SMTP server, message by message."""

    name = "smtp"
    in_flight = 20
    batch = 1
    idempotent = False
    call_seconds = SECONDS

    def __init__(
        self,
        crm: Any,
        heard: Callable[[Offer], None] = lambda _offer: None,
        remembered: Path | None = None,
    ) -> None:
        """Take the settings.

        :param heard: is given, with each connection, what the server offers.
        :param remembered: folder in which workers note what they have warned of; None: each for itself.
        """
        self.server = server_of(crm.settings.smtp_url, crm.settings.smtp_plain_login)
        self._sender = _envelope(crm.settings)
        self._bounce_domain = crm.settings.bounce_domain
        _check_domain(self._bounce_domain)
        self._heard = heard
        self._warnings = RareWarnings(log, remembered)
        self._patience = Patience()
        most = crm.settings.connections_to(self.name)
        self.lanes = Lanes(self._connection, most, SmtpConnection.close)

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Send each message; after a failure to connect the rest is not tried.

        A server that did not answer is left alone for a while, so that a restart of it costs one attempt.
        """

        over = threading.Event()

        def deliver(connection: SmtpConnection, message: Message) -> Receipt:
            if over.is_set() or not self._patience.is_over() or not may_call():
                over.set()
                return not_called([message])[0]
            return connection.deliver(message)

        return self.lanes.run(messages, deliver)

    def try_out(self, others: Sequence[str]) -> Trial:
        """Do everything up to the text of a message to ourselves, then take it back: nothing is sent.

        :param others: further recipients to name; one of another domain shows whether the server relays.
        :raises smtplib.SMTPException: and OSError, as they come while connecting and signing in.
        """
        sender = f"bounce+test@{self._bounce_domain}" if self._bounce_domain else self._sender
        return self._connection().try_out(sender, dict.fromkeys((self._sender, *others)))

    def close(self) -> None:
        """Say goodbye to the server."""
        for connection in self.lanes.lanes:
            connection.close()
        self.lanes.close()

    def _connection(self) -> SmtpConnection:
        places = (self.server, self._sender, self._patience, self._heard, self._warnings)
        return SmtpConnection(*places, self._fewer)

    def _fewer(self) -> None:
        self.lanes.fewer()


def _envelope(settings: Any) -> str:
    host = urlsplit(settings.public_url).hostname or "localhost"
    return ascii_address(split_mailbox(settings.mail_from)[1] or f"no-reply@{host}")


def _check_domain(domain: str) -> None:
    """Refuse a domain that cannot stand in the envelope of every message.

    :raises BadInput: ``settings.bad_value``.
    """
    try:
        good = not domain or ascii_address(f"bounce@{domain}").endswith(f"@{domain}")
    except BadInput:
        good = False
    if not good:
        expected = "a domain such as bounces.school.example"
        raise BadInput("settings.bad_value", name="bounce_domain", value=domain, expected=expected)
