"""A mail server that refuses everything, in ten wordings: nobody is stopped, and every row may be retried."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery import notifications
from crm_plugin.campaigns.delivery.retry import retry_failed
from crm_plugin.campaigns.feedback import bounces
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.prepared_campaign import KeptCampaigns
from crm_plugin.channels.email.smtp import connection as smtp
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Suppression
from tests.campaigns.fixtures import EVERYBODY, books, move_to, run, state, world
from tests.fakes.crm import NOW
from tests.fakes.host import staff

PEOPLE = 60
WORDINGS = {
    "our client": ("RCPT", "554 5.7.1 Client host blocked"),
    "our sender's domain": ("RCPT", "550 5.1.0 Domain of sender address x@school.example does not exist"),
    "no login": ("RCPT", "554 5.7.1 <p@example.org>: Recipient address rejected: Access denied"),
    "no relay": ("RCPT", "550 Relay access denied"),
    "our quota": ("TEXT", "550 5.4.5 Daily user sending quota exceeded"),
    "DMARC": ("TEXT", "550 5.7.26 This mail has been blocked because the sender is unauthenticated"),
    "the text": ("TEXT", "554 DT:SPM 163 smtp10,DsCowAA3D"),
    "the size": ("MAIL", "552 5.3.4 Message size exceeds fixed limit"),
    "a mailbox": ("RCPT", "550 5.1.1 <p@example.org>: Recipient address rejected: User unknown"),
    "nothing": ("RCPT", "550 no"),
    "a mailbox after the text": ("TEXT", "554 delivery error: dd This user doesn't have an account"),
}
"""Stage and answer, from issues and help pages of the servers' makers (``tests/channels/email``)."""


class Refusing(socketserver.ThreadingTCPServer):
    """An SMTP server that answers one command with a refusal while ``refusal`` is set."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.refusal: tuple[str, str] | None = None
        self.taken = 0


class Talk(socketserver.StreamRequestHandler):
    """One connection."""

    server: Refusing

    def handle(self) -> None:
        """Answer commands until the client leaves."""
        self._say("220 ready")
        while line := self.rfile.readline():
            verb = line.split(b" ")[0].strip().decode().upper()
            if verb == "QUIT":
                return self._say("221 bye")
            self._answer(verb, "354 go" if verb == "DATA" else "250 ok")
            if verb == "DATA":
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self.server.taken += self._answer("TEXT", "250 ok")

    def _answer(self, verb: str, usual: str) -> bool:
        refusal = self.server.refusal
        refused = refusal is not None and refusal[0] == verb
        self._say(refusal[1] if refusal is not None and refused else usual)
        return not refused

    def _say(self, text: str) -> None:
        try:
            self.wfile.write(f"{text}\r\n".encode())
        except OSError:
            raise TimeoutError from None


@contextmanager
def refusing(wording: str) -> Iterator[Refusing]:
    server = Refusing()
    server.refusal = WORDINGS[wording]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def launched(crm: Crm) -> int:
    file: dict[str, Any] = {
        "name": "x",
        "channel": "email",
        "audience": EVERYBODY,
        "subject": "x",
        "text": "x",
    }
    ident = drafts.create(crm, staff("tester"), file)
    service.launch(crm, staff("tester"), ident)
    run(crm)
    bounces.sweep(crm)
    return ident


def hang_up(crm: Crm) -> None:
    """Close the connections of this process, as its end does."""
    for running in crm.state(KeptCampaigns).running.values():
        running.carrier.close()
    crm.state(KeptCampaigns).running.clear()


def suppressed(crm: Crm) -> int:
    with crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Suppression)) or 0


def words(crm: Crm, ident: int) -> set[str | None]:
    """Return what the carrier said of the rows that it refused."""
    with crm.db.read() as session:
        mine = sa.select(Delivery.words).where(Delivery.campaign_id == ident, Delivery.reason.is_not(None))
        return set(session.scalars(mine))


@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_nobody_is_stopped_and_all_may_be_sent_again(
    database: Database, tmp_path: Path, wording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "RETRY_AFTER", 0.0)
    with refusing(wording) as server:
        url = f"smtp://127.0.0.1:{server.server_address[1]}"
        crm = world(database, tmp_path, people=PEOPLE, smtp_url=url, mail_from="School <s@school.example>")
        notifications.notify(crm)
        idents = [launched(crm) for _ in range(3)]
        for ident in idents:
            found = books(crm, ident)
            assert state(crm, ident) == "paused"
            assert found.get("failed_permanent", 0) == 0
            assert PEOPLE - found["pending"] <= 40
            assert len(words(crm, ident)) == 1
        assert (suppressed(crm), server.taken) == (0, 0)
        server.refusal = None
        hang_up(crm)
        for ident in idents:
            service.resume(crm, staff("ann"), ident)
            retry_failed(crm, staff("ann"), ident)
        move_to(crm, NOW.replace(year=NOW.year + 1))
        run(crm)
        assert server.taken == 3 * PEOPLE
        assert [books(crm, ident) for ident in idents] == [{"considered": PEOPLE, "sent": PEOPLE}] * 3
        hang_up(crm)
