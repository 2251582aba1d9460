"""One connection to a mail server: kept, reopened when it drops, an outcome of its own for each message.

What a failure means depends on where it strikes. Before the text of a message is under way, the server cannot
have it: *unavailable*. Once it is under way, only the server's answer counts: without one the outcome is
*unknown* (RFC 5321 4.5.3.2.6 names this very case), and nothing is sent again by itself.
"""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence

from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.email.headers import written_address
from crm_plugin.channels.email.smtp.connect_faults import fault_of
from crm_plugin.channels.email.smtp.links import Line, PlainLink, SafeLink
from crm_plugin.channels.email.smtp.offers import Offer, offer_of
from crm_plugin.channels.email.smtp.patience import Patience
from crm_plugin.channels.email.smtp.replies import LONGEST, cause_of, said
from crm_plugin.channels.email.smtp.reply_phrases import Cause
from crm_plugin.channels.email.smtp.server import NotSafe, Server
from crm_plugin.channels.email.smtp.trial import Refused, Trial
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.network.cut_off import CUT_OFF
from crm_plugin.kernel.rare_warnings import RareWarnings

SECONDS = 30.0
"""Time-out of one message, with a new connection if it needs one."""
GOODBYE_SECONDS = 3.0
"""The same of the goodbye, which nothing depends on."""
RETRY_AFTER = 60.0
"""Seconds to wait after a temporary refusal."""
PER_CONNECTION = 500
"""Messages after which the connection is made again; many servers close it somewhere beyond."""
REFUSALS = 5
"""Refusals after which the connection is made again: servers answer ever slower, and hang up after some 20
(Postfix: ``smtpd_soft_error_limit`` 10, ``smtpd_hard_error_limit`` 20)."""

_TEXT = ("DATA", "TEXT")
"""Commands whose refusal is one of the text."""
_COARSE = 1.0
"""Seconds that a socket's time-out may be away from what is left."""
FAILURES = (smtplib.SMTPException, OSError, UnicodeError)
"""What goes wrong with a connection."""


class Lost(Exception):
    """The connection broke.

    :param after_text: the text of the message was under way already.
    """

    def __init__(self, after_text: bool) -> None:
        super().__init__()
        self.after_text = after_text


class SmtpConnection:
    """Hands over one message after the other.

    :param sender: of the envelope, where a message has no return path of its own.
    :param heard: is given, with each new connection, what the server offers.
    :param warnings: take what the server refuses, once for each kind of answer.
    :param crowded: is called when the server says that there are too many connections.
    """

    def __init__(
        self,
        server: Server,
        sender: str,
        patience: Patience,
        heard: Callable[[Offer], None],
        warnings: RareWarnings,
        crowded: Callable[[], None] = lambda: None,
    ) -> None:
        self._server = server
        self._sender = sender
        self._patience = patience
        self._heard = heard
        self._warnings = warnings
        self._crowded = crowded
        self.link: smtplib.SMTP | None = None
        self._sent = self._refusals = 0
        self._deadline = 0.0
        self._given = 0.0
        self._line = Line()

    def deliver(self, message: Message) -> Receipt:
        """Hand a message over; return what became of it."""
        self._deadline = time.monotonic() + SECONDS
        with CUT_OFF.at(self._deadline, self):
            return self._one(message)

    @property
    def sock(self) -> socket.socket | None:
        """What it says is said on this."""
        return self.link.sock if self.link is not None else self._line.sock

    def try_out(self, sender: str, recipients: Iterable[str]) -> Trial:
        """Do everything up to the text of a message, then take it back: nothing is sent.

        :raises smtplib.SMTPException: and OSError, as they come while connecting and signing in.
        """
        self._deadline = time.monotonic() + SECONDS
        with CUT_OFF.at(self._deadline, self):
            return self._try_out(sender, recipients)

    def _try_out(self, sender: str, recipients: Iterable[str]) -> Trial:
        link = self.link = self._connect()
        try:
            refused, unknown = self._envelope(link, sender, recipients)
            self._reset()
            user = self._server.user
            return Trial(self._how(link), bool(user), link.has_extn("auth"), refused, unknown)
        finally:
            self.close()

    def _envelope(
        self, link: smtplib.SMTP, sender: str, recipients: Iterable[str]
    ) -> tuple[Refused | None, tuple[str, ...]]:
        """Name sender and recipients; return the first refusal, and the mailboxes that are not there."""
        unknown: list[str] = []
        for command in (f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in recipients)):
            try:
                code, answer = self._command(link, command)
            except Lost as lost:
                raise smtplib.SMTPServerDisconnected(f"at {command.split(':')[0]}") from lost
            if code < 400:
                continue
            found = Refused(command, code, answer, _cause(command.split(" ")[0], code, answer))
            if found.cause not in ("mailbox", "full"):
                return found, tuple(unknown)
            unknown.append(found.address)
        return None, tuple(unknown)

    def _how(self, link: smtplib.SMTP) -> str:
        safe = "TLS" if isinstance(link.sock, ssl.SSLSocket) else "without TLS"
        user = f", signed in as {self._server.user}" if self._server.user else ""
        size = offer_of(link).size
        limit = f", takes messages of up to {size // 1000:,} kB" if size else ""
        return f"{self._server.host}:{self._server.port} answers, {safe}{user}{limit}"

    def close(self) -> None:
        """Say goodbye to the server."""
        link, self.link, self._sent, self._refusals = self.link, None, 0, 0
        if link is not None:
            try:
                with CUT_OFF.at(time.monotonic() + GOODBYE_SECONDS, link):
                    link.quit()
            except FAILURES:
                link.close()

    def _one(self, message: Message) -> Receipt:
        fresh = self.link is None
        if self._sent >= PER_CONNECTION or self._refusals >= REFUSALS:
            self.close()
        try:
            return self._send(message)
        except smtplib.SMTPResponseException as error:
            return self._not_greeted(message.key, error)
        except Lost as lost:
            if lost.after_text:
                self._drop()
                return Receipt(message.key, "unknown", reason="smtp_connection_lost")
            self._drop()
            # A kept connection may have been closed while it was idle: the message is untouched.
            return self._dropped(message.key, "smtp_connection_lost") if fresh else self._one(message)
        except FAILURES as error:
            self._patience.failed()
            fault = fault_of(error, self._server)
            self._warn("unreachable", fault)
            return self._dropped(message.key, "smtp_unreachable", fault)

    def _not_greeted(self, key: str, error: smtplib.SMTPResponseException) -> Receipt:
        """Return what a refusal of the connection or of the login means."""
        self._patience.failed()
        answer = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
        if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500:
            self._drop()
            self._warn("login", fault_of(error, self._server))
            return Receipt(
                key, "unavailable", reason="smtp_login", permanent=False,
                retry_after=RETRY_AFTER, words=said(error.smtp_code, answer),
            )  # fmt: skip
        return self._refused(key, "CONNECT", error.smtp_code, answer)

    def _dropped(self, key: str, reason: str, words: str = "") -> Receipt:
        self._drop()
        return _unavailable(key, reason, words)

    def _warn(self, kind: str, words: str) -> None:
        host = self._server.host
        self._warnings.warn(f"{host} {kind}", f"SMTP server {host}: {words}")

    def _drop(self) -> None:
        link, self.link, self._sent, self._refusals = self.link, None, 0, 0
        if link is not None:
            link.close()

    def _send(self, message: Message) -> Receipt:
        link = self.link or self._connect()
        self.link = link
        self._patience.worked()
        try:
            address = written_address(message.address)
        except BadInput:
            return Receipt(message.key, "rejected", reason="bad_address")
        if not address.isascii() and not link.has_extn("smtputf8"):
            # It offered this when the address was taken for one that can be written to.
            return Receipt(message.key, "rejected", reason="bad_address")
        eight_bit = link.has_extn("8bitmime")
        if message.mime is None:
            return Receipt(message.key, "rejected", reason="no_email")
        data = message.mime(eight_bit)
        options = " BODY=8BITMIME" if eight_bit and not data.isascii() else ""
        options += "" if address.isascii() else " SMTPUTF8"
        sender = message.return_path or self._sender
        envelope = (f"MAIL FROM:<{sender}>{options}", f"RCPT TO:<{address}>")
        # Behind a refused recipient DATA would be a second error: after a refusal it waits for the answers.
        rounds = ((*envelope, "DATA"),) if not self._refusals else (envelope, ("DATA",))
        for commands in rounds:
            for command, (code, text) in zip(commands, self._answers(link, commands), strict=False):
                if code >= 400:
                    return self._refused(message.key, command, code, text)
        return self._text(link, message.key, data)

    def _answers(self, link: smtplib.SMTP, commands: Sequence[str]) -> Sequence[tuple[int, bytes]]:
        """Give the commands up to DATA; return the answers, up to the first that refuses."""
        if link.has_extn("pipelining"):
            return self._at_once(link, commands)
        answers: list[tuple[int, bytes]] = []
        for command in commands:
            answers.append(self._command(link, command))
            if answers[-1][0] >= 400:
                break
        return answers

    def _at_once(self, link: smtplib.SMTP, commands: Sequence[str]) -> Sequence[tuple[int, bytes]]:
        """Give all commands before reading any answer (RFC 2920): two waits instead of four."""
        answers: list[tuple[int, bytes]] = []
        try:
            self._time(link)
            link.send("".join(f"{command}\r\n" for command in commands))
            while len(answers) < len(commands):
                self._time(link)
                answers.append(link.getreply())
                if answers[-1][0] == 421:
                    return answers  # it hangs up now
        except FAILURES as error:
            raise Lost(after_text=False) from error
        *before, (granted, _) = answers
        if granted < 400 and any(code >= 400 for code, _ in before):
            # It waits for a text that nobody may get: only hanging up surely sends none.
            self._drop()
        return answers

    def _text(self, link: smtplib.SMTP, key: str, data: bytes) -> Receipt:
        dotted = data.replace(b"\n.", b"\n..")  # the first line is a header and begins with a letter
        self._sent += 1
        try:
            self._time(link)
            link.send(dotted + b".\r\n")
            self._time(link)
            code, text = link.getreply()
        except FAILURES as error:
            raise Lost(after_text=True) from error
        if code >= 400:
            return self._refused(key, "TEXT", code, text)
        return Receipt(key, "accepted", ref=_ref(text))

    def _command(self, link: smtplib.SMTP, command: str) -> tuple[int, bytes]:
        try:
            self._time(link)
            return link.docmd(command)
        except FAILURES as error:
            raise Lost(after_text=False) from error

    def _refused(self, key: str, command: str, code: int, text: bytes) -> Receipt:
        """Return what a refusal means; the connection is made ready for the next message."""
        verb = command.split(" ")[0]
        if code == 421 or verb == "CONNECT":
            self._drop()
        else:
            self._refusals += 1
            self._reset()
        cause = _cause(verb, code, text)
        if code == 421 or _CROWD.search(text):
            self._crowded()
        words = said(code, text, after_text=verb in _TEXT)
        found = Receipt(key, "rejected", reason=f"smtp_{code}{_enhanced(text)}", words=words)
        self._warn(f"{verb} {found.reason} {cause}", f"answers {verb} by {said(code, text)}")
        if code >= 500 and cause in ("mailbox", "full", "unclear"):
            return found
        # What was refused for us, for the text or for the moment must not use the address up.
        found.status, found.permanent, found.retry_after = "unavailable", False, RETRY_AFTER
        found.busy = cause == "later"
        return found

    def _reset(self) -> None:
        try:
            if self.link is not None:
                self._time(self.link)
                self.link.rset()
        except FAILURES:
            self._drop()

    def _connect(self) -> smtplib.SMTP:
        """Open a connection; the caller's deadline holds for it too."""
        server, left = self._server, self._left()
        self._given = left
        line = self._line = Line(self._deadline)
        if server.tls:
            context = ssl.create_default_context()
            link: smtplib.SMTP = SafeLink(line, server.host, server.port, timeout=left, context=context)
        else:
            link = PlainLink(line, server.host, server.port, timeout=left)
        try:
            self._greet(link)
        except BaseException:
            link.close()
            raise
        return link

    def _greet(self, link: smtplib.SMTP) -> None:
        link.ehlo_or_helo_if_needed()
        if not self._server.tls and link.has_extn("starttls"):
            self._time(link)
            link.starttls(context=ssl.create_default_context())
            link.ehlo_or_helo_if_needed()
        if self._server.user:
            if not (self._server.plain_login or isinstance(link.sock, ssl.SSLSocket)):
                raise NotSafe
            self._time(link)
            link.login(self._server.user, self._server.password)
        link.command_encoding = "utf-8"
        self._heard(offer_of(link))

    def _left(self) -> float:
        return max(0.1, self._deadline - time.monotonic())

    def _time(self, link: smtplib.SMTP) -> None:
        # Each change is a call to the system; a second more or less changes nothing.
        left = self._left()
        if link.sock is not None and abs(self._given - left) > _COARSE:
            link.sock.settimeout(left)
            self._given = left


def _unavailable(key: str, reason: str, words: str) -> Receipt:
    return Receipt(
        key, "unavailable", reason=reason, permanent=False, retry_after=RETRY_AFTER, words=words[:LONGEST]
    )


_CROWD = re.compile(rb"too many (concurrent )?(connections|sessions)", re.I)


def _cause(verb: str, code: int, text: bytes) -> Cause:
    """Return what a refusal of a command is about; before the recipient was named it is never theirs."""
    cause = cause_of(said(code, text), code=code, after_text=verb in _TEXT)
    if verb in ("CONNECT", "MAIL"):
        return "later" if code < 500 and cause != "sender" else "sender"
    return cause


def _enhanced(text: bytes) -> str:
    """Return the enhanced status code (RFC 3463) of an answer, as ``_5.1.1``."""
    match = re.match(rb"([245]\.\d{1,3}\.\d{1,3})\b", text)
    return f"_{match.group(1).decode('ascii')}" if match else ""


def _ref(text: bytes) -> str | None:
    """Return the server's queue id, when its answer names one as Postfix and Exim do."""
    match = re.search(rb"(?:queued as|id=)\s*([A-Za-z0-9-]{4,64})", text)
    return match.group(1).decode("ascii") if match else None
