"""A carrier that takes nothing pauses the campaign, whoever of its workers got the answers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.delivery import drain as sending
from crm_plugin.campaigns.delivery.circuit_breaker import OURS, Trouble, Watch
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.delivery.retry import retry_failed
from crm_plugin.campaigns.prepared_campaign import KeptCampaigns
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import answers, books, books_of, ready, run, state, world
from tests.fakes.carrier import receipt
from tests.fakes.host import staff


def reason(crm: Crm, campaign: int) -> str | None:
    return queries.get(crm, campaign).reason


def small_steps(crm: Crm, size: int) -> None:
    books_of(crm).in_flight = books_of(crm).batch = size


def one_call(crm: Crm, campaign: int, answer: Callable[[Message], Receipt]) -> None:
    """Let a worker of its own make one call, and be stopped."""
    called: list[str] = []

    def note(message: Message) -> Receipt:
        called.append(message.key)
        return answer(message)

    answers(crm, note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "stopping", lambda: bool(called))
        drain(crm, campaign)
    crm.state(KeptCampaigns).running.clear()


def failing(message: Message) -> Receipt:
    return receipt(message, "unavailable")


def test_failures_in_a_row_count_over_drains_and_workers(database: Database, tmp_path: Path) -> None:
    """Each drain has only a few answers, as when many workers share a campaign or restart all the time."""
    crm = world(database, tmp_path, people=60)
    small_steps(crm, 3)
    campaign = ready(crm)
    for rounds in range(1, 7):
        one_call(crm, campaign, failing)
        assert state(crm, campaign) == "sending", rounds
    answers(crm, failing)
    drain(crm, campaign)
    assert (state(crm, campaign), reason(crm, campaign)) == ("paused", "carrier_failing")
    assert books(crm, campaign) == {"considered": 60, "waiting": 21, "pending": 39}


def test_a_success_of_any_worker_ends_the_row(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=60)
    small_steps(crm, 3)
    campaign = ready(crm)
    for rounds in range(20):
        one_call(crm, campaign, receipt if rounds % 5 == 4 else failing)
    assert state(crm, campaign) == "sending"
    assert books(crm, campaign) == {"considered": 60, "sent": 12, "waiting": 48}


def test_a_share_of_failures_pauses_too(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=400, pause_failure_percent=30)
    campaign = ready(crm)
    answers(crm, lambda message: failing(message) if int(message.person[1:]) % 3 == 0 else receipt(message))
    run(crm)
    assert (state(crm, campaign), reason(crm, campaign)) == ("paused", "carrier_failing")
    assert books(crm, campaign)["pending"] > 200


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_less_than_that_share_does_not(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=600, pause_failure_percent=40)
    campaign = ready(crm)
    answers(crm, lambda message: failing(message) if int(message.person[1:]) % 3 == 0 else receipt(message))
    run(crm)
    assert books(crm, campaign) == {"considered": 600, "sent": 400, "waiting": 200}


def test_bounces_are_no_failures_and_do_not_end_a_row_of_them() -> None:
    watch = Watch()
    bounced = watch.see([Receipt("1", "rejected", reason="bad_number:x"), Receipt("2", "not_called")])
    assert bounced == Trouble(1, 1, 0, True, "bad_number:x", 1, True)
    found = watch.see([Receipt("1", "unavailable"), Receipt("2", "rejected"), Receipt("3", "unknown")])
    assert found is not None
    assert (found.answered, found.failed, found.in_row, found.only_failures) == (3, 3, 2, True)


def test_what_is_busy_or_was_never_asked_says_nothing() -> None:
    watch = Watch()
    busy = Receipt("1", "unavailable", reason="smtp_450", permanent=False, busy=True)
    ours = [Receipt("2", "rejected", reason=reason) for reason in OURS]
    assert watch.see([busy, *ours, Receipt("3", "not_called")]) is None
    assert watch.see([busy, receipt_of("4")]) is None


def receipt_of(key: str) -> Receipt:
    return Receipt(key, "accepted")


REFUSED = {
    "a mailbox": ("rejected", "smtp_550_5.1.1", "550 5.1.1 no such user"),
    "nothing": ("rejected", "smtp_550", "550 no"),
    "a number": ("rejected", "bad_number:isv.MOBILE_NUMBER_ILLEGAL", ""),
}


@pytest.mark.parametrize("about", REFUSED)
def test_refusals_that_are_all_alike_pause_it_whatever_they_say(
    database: Database, tmp_path: Path, about: str
) -> None:
    """Over drains and workers; the rows may be sent again, and all arrive once it was repaired."""
    crm = world(database, tmp_path, people=60)
    small_steps(crm, 3)
    campaign = ready(crm)
    status, why, words = REFUSED[about]

    def refusing(message: Message) -> Receipt:
        return Receipt(message.key, status, reason=why, words=words)  # type: ignore[arg-type]

    for _ in range(2):
        one_call(crm, campaign, refusing)
    answers(crm, refusing)
    drain(crm, campaign)
    assert (state(crm, campaign), reason(crm, campaign)) == ("paused", "refused_alike")
    assert books(crm, campaign) == {"considered": 60, "failed_transient": 21, "pending": 39}
    assert queries.get(crm, campaign).last_words == (words or None)
    answers(crm, receipt)
    service.resume(crm, staff("ann"), campaign)
    retry_failed(crm, staff("ann"), campaign)
    run(crm)
    assert books(crm, campaign) == {"considered": 60, "sent": 60}


def test_a_server_that_asks_to_come_later_does_not_refuse_all_alike(
    database: Database, tmp_path: Path
) -> None:
    """It greylists: nobody is taken at first, but who is unknown there is refused at once."""
    crm = world(database, tmp_path, people=120)
    small_steps(crm, 12)
    campaign = ready(crm)

    def greylisting(message: Message) -> Receipt:
        if int(message.key.rpartition("-")[2]) % 4:
            return Receipt(message.key, "unavailable", reason="smtp_450", busy=True, retry_after=60.0)
        return Receipt(message.key, "rejected", reason="smtp_550_5.1.1")

    answers(crm, greylisting)
    drain(crm, campaign)
    found = books(crm, campaign)
    assert (state(crm, campaign), found["failed_permanent"], found["waiting"]) == ("sending", 30, 90)


def test_refusals_between_successes_are_the_addresses_own(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=90)
    small_steps(crm, 5)
    campaign = ready(crm)

    def third(message: Message) -> Receipt:
        bad = int(message.person[1:]) % 3 == 0
        return Receipt(message.key, "rejected", reason="smtp_550_5.1.1") if bad else receipt(message)

    answers(crm, third)
    run(crm)
    assert books(crm, campaign) == {"considered": 90, "sent": 60, "failed_permanent": 30}


def test_a_share_of_refusals_pauses_too(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=400)
    campaign = ready(crm)

    def most(message: Message) -> Receipt:
        number = int(message.person[1:])
        why = f"smtp_55{number % 2}"
        return receipt(message) if number % 3 == 0 else Receipt(message.key, "rejected", reason=why)

    answers(crm, most)
    run(crm)
    assert (state(crm, campaign), reason(crm, campaign)) == ("paused", "carrier_failing")
    assert books(crm, campaign)["pending"] > 200


def test_who_goes_on_begins_anew(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=50)
    campaign = ready(crm)
    answers(crm, failing)
    run(crm)
    assert state(crm, campaign) == "paused"
    answers(crm, receipt)
    service.resume(crm, staff("ann"), campaign)
    run(crm)
    assert state(crm, campaign) == "sending"
    assert books(crm, campaign) == {"considered": 50, "sent": 30, "waiting": 20}
