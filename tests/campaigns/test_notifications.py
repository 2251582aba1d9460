"""Somebody is told when a campaign stops by itself: once, by e-mail, and on the overview until it goes on."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery import notifications, sweeper
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.models import OutboxMessage
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import answers, document, launched, move_to, ready, run, world
from tests.fakes.carrier import receipt
from tests.fakes.host import staff


def mails(crm: Crm) -> list[tuple[str, str | None, str]]:
    with crm.db.read() as session:
        found = session.scalars(sa.select(OutboxMessage).order_by(OutboxMessage.id))
        return [(one.address, one.subject, one.text) for one in found]


def test_a_failing_carrier_is_told_once(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=30, notify_email="boss@school.example")
    sweeper.sweep(crm)
    answers(crm, lambda message: receipt(message, "unavailable"))
    campaign = ready(crm, name="Spring {{ display_name }}")
    run(crm)
    for _ in range(3):
        sweeper.sweep(crm)
    ((address, subject, text),) = mails(crm)
    assert address == "boss@school.example"
    assert subject is not None
    assert "Spring (( display_name ))" in subject, "nothing in it reads like a placeholder"
    assert "carrier_failing" in text
    assert [row.id for row in notifications.stopped(crm)] == [campaign]
    answers(crm, receipt)
    service.resume(crm, staff("ann"), campaign)
    assert notifications.stopped(crm) == []


def test_what_a_person_did_is_no_news(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1, notify_email="boss@school.example")
    sweeper.sweep(crm)
    campaign = launched(crm)
    service.pause(crm, staff("ann"), campaign)
    sweeper.sweep(crm)
    assert (mails(crm), notifications.stopped(crm)) == ([], [])


def test_what_stopped_before_the_address_was_set_is_on_the_overview_only(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=1)
    launched(crm)
    crm.settings.public_url = "https://staging.example"
    sweeper.sweep(crm)
    late = drafts.create(crm, staff("ann"), document())
    assert service.launch(crm, staff("ann"), late) == "held"
    crm.settings.notify_email = "boss@school.example"
    sweeper.sweep(crm)
    assert mails(crm) == []
    assert len(notifications.stopped(crm)) == 2


class Unwilling:
    """A mail server that does not take the notice: it may be what failed."""

    def __init__(self) -> None:
        self.asked = 0

    def submit(self, messages: list[Message], _may_call: object) -> list[Receipt]:
        """Refuse."""
        self.asked += 1
        return [Receipt(one.key, "unavailable", permanent=False) for one in messages]


def test_a_notice_is_kept_until_somebody_takes_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six campaigns stop while the mail server refuses; each is reported once it takes mail again."""
    crm = world(database, tmp_path, people=25, notify_email="boss@school.example")
    sweeper.sweep(crm)
    answers(
        crm, lambda message: Receipt(message.key, "unavailable", words="454 out of order", permanent=False)
    )
    idents = [ready(crm, name=f"No. {number}") for number in range(6)]
    for ident in idents:
        drain(crm, ident)
    server = Unwilling()
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "carrier_for", lambda _crm, _channel: server)
        assert [notifications.notify(crm) for _ in range(3)] == [0, 0, 0]
        assert server.asked == 1, "the next attempt waits a minute"
        move_to(crm, crm.clock() + notifications.RETRY_AFTER)
        notifications.notify(crm)
        assert server.asked == 2
    assert mails(crm) == []
    move_to(crm, crm.clock() + notifications.RETRY_AFTER)
    assert [notifications.notify(crm), notifications.notify(crm)] == [6, 0]
    found = mails(crm)
    assert len({subject for _, subject, _ in found}) == len(idents) == 6
    assert all("454 out of order" in text for *_, text in found)


def test_what_a_person_let_go_on_meanwhile_is_no_news(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=25, notify_email="boss@school.example")
    notifications.notify(crm)
    answers(crm, lambda message: receipt(message, "unavailable"))
    campaign = ready(crm)
    drain(crm, campaign)
    service.resume(crm, staff("ann"), campaign)
    assert (notifications.notify(crm), mails(crm)) == (0, [])
