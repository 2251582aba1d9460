"""Mail that comes back: the ledger moves forward, addresses are stopped by the numbers, consents stay."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.feedback import bounces
from crm_plugin.campaigns.feedback.bounce_effects import Taken
from crm_plugin.campaigns.ledger.lease import Row
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.prepared_campaign import load
from crm_plugin.channels import installation
from crm_plugin.channels.email.feedback import bounces as history
from crm_plugin.channels.email.feedback import webhook
from crm_plugin.channels.email.feedback.dsn import Returned, read
from crm_plugin.channels.email.feedback.posted import Posted
from crm_plugin.channels.models import Bounce
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links import service as links
from crm_plugin.profiles.models.school import Consent, Suppression
from crm_plugin.profiles.privacy.requests import export, forget
from tests.campaigns.fixtures import EVERYBODY, books, move_to, people_of, rows, run, set_person, world
from tests.channels.email.mails import complaint, report
from tests.fakes.crm import NOW
from tests.fakes.host import staff

DOMAIN = "bounces.school.example"
DAY = timedelta(days=1)
SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
"""For what touches no SQL of its own."""


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return world(database, tmp_path, people=3, bounce_domain=DOMAIN)


def mailed(crm: Crm, days: int = 0) -> int:
    """Send an e-mail to everybody, some days after the present of most tests."""
    move_to(crm, NOW + days * DAY)
    file: dict[str, Any] = {
        "name": "x",
        "channel": "email",
        "audience": EVERYBODY,
        "subject": "x",
        "text": "x",
    }
    campaign = drafts.create(crm, staff("tester"), file)
    service.launch(crm, staff("tester"), campaign)
    run(crm)
    return campaign


def code(crm: Crm, campaign: int, person: int = 1) -> str:
    return links.signer(crm).bounce_code(person, rows(crm, campaign)[person].id)


def path(crm: Crm, campaign: int, person: int = 1) -> str:
    return links.return_path(crm.settings, code(crm, campaign, person))


def came_back(crm: Crm, campaign: int, status: str = "5.1.1", person: int = 1) -> Taken:
    return bounces.take(crm, read(report(status=status, to=path(crm, campaign, person))))


def stopped(crm: Crm) -> set[tuple[str, str, str]]:
    with crm.db.read() as session:
        found = session.scalars(sa.select(Suppression))
        return {(row.address_key, row.scope, row.reason) for row in found}


def count(crm: Crm, model: Any) -> int:
    with crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def test_a_hard_bounce_stops_the_address_and_corrects_the_books(crm: Crm) -> None:
    campaign = mailed(crm)
    assert came_back(crm, campaign) == Taken("hard", True, True)
    assert books(crm, campaign) == {"considered": 3, "sent": 2, "failed_permanent": 1}
    assert rows(crm, campaign)[1].reason == "bounce_5.1.1"
    assert stopped(crm) == {("p1@example.org", "marketing", "bounce")}
    assert count(crm, Consent) == 0, "it is no opt-out"
    assert books(crm, mailed(crm, 1)) == {"considered": 3, "sent": 2, "excluded": {"suppressed": 1}}


@SQLITE
def test_each_message_goes_out_from_a_return_path_of_its_own(crm: Crm) -> None:
    campaign = mailed(crm)
    running = load(crm, campaign)
    assert running is not None
    row = Row(rows(crm, campaign)[2].id, 2, "p2", "p2@example.org", None, 1, {})
    again = [running.render(row) for _ in range(2)]
    assert [one.return_path for one in again] == [path(crm, campaign, 2)] * 2
    assert again[0].mime is not None
    assert f"Message-ID: <{campaign}-{row.id}.{own_mark(crm)}@".encode() in again[0].mime(True)
    crm.settings.bounce_domain = ""
    assert running.render(row).return_path == ""


@SQLITE
def test_the_servers_words_are_kept_without_the_address(crm: Crm) -> None:
    campaign = mailed(crm)
    to = path(crm, campaign)
    bounces.take(crm, read(report(status="5.0.0", words="550 <p1@example.org>: no such user", to=to)))
    with crm.db.read() as session:
        assert session.scalar(sa.select(Bounce.words)) == "550 <…>: no such user"
    (member,) = people_of(crm, campaign, "failed_permanent")
    assert member.words == "550 <…>: no such user"


@SQLITE
def test_a_providers_words_are_kept_with_the_row_too(crm: Crm) -> None:
    campaign = mailed(crm)
    words = "550 5.1.1 <…>: mailbox not found"
    bounces.post(crm, [Posted("e", "hard", "5.1.1", None, "p1@example.org", words=words)])
    assert [one.words for one in people_of(crm, campaign, "considered")] == [words, None, None]


def test_the_same_report_again_changes_nothing(crm: Crm) -> None:
    campaign = mailed(crm)
    came_back(crm, campaign)
    before = books(crm, campaign), stopped(crm), count(crm, Bounce)
    assert came_back(crm, campaign).detail == "known already"
    came_back(crm, campaign, status="5.1.2")
    assert (books(crm, campaign), stopped(crm), count(crm, Bounce)) == before


def test_a_complaint_proves_delivery_and_stops_the_address(crm: Crm) -> None:
    campaign = mailed(crm)
    found = bounces.take(crm, read(complaint(returned=f"Return-Path: <{path(crm, campaign)}>")))
    assert found == Taken("complaint", True, True)
    assert books(crm, campaign) == {"considered": 3, "sent": 2, "delivered": 1}
    assert stopped(crm) == {("p1@example.org", "marketing", "complaint")}


@SQLITE
def test_states_move_forward_only(crm: Crm) -> None:
    campaign = mailed(crm)
    bounces.take(crm, read(complaint(returned=f"Return-Path: <{path(crm, campaign)}>")))
    came_back(crm, campaign)
    assert rows(crm, campaign)[1].state == "delivered"


def test_soft_bounces_stop_it_only_in_a_row_and_over_days(crm: Crm) -> None:
    first, second, third = (mailed(crm, days) for days in (0, 1, 2))
    for campaign in (first, second):
        assert not came_back(crm, campaign, "4.2.2").stopped
    assert not came_back(crm, third, "4.2.2").stopped, "three, but within two days"
    fourth = mailed(crm, 6)
    assert came_back(crm, fourth, "4.2.2").stopped
    assert stopped(crm) == {("p1@example.org", "marketing", "bounce")}
    assert came_back(crm, first, "4.2.2", person=2) == Taken("soft", True, False)


@SQLITE
def test_a_message_that_arrived_breaks_the_row(crm: Crm) -> None:
    campaigns = [mailed(crm, days) for days in (0, 3, 6, 9)]
    for campaign in (campaigns[0], campaigns[1], campaigns[3]):
        assert not came_back(crm, campaign, "4.2.2").stopped
    assert stopped(crm) == set()
    # Its report was late: now all of them came back.
    assert came_back(crm, campaigns[2], "4.2.2").stopped


@SQLITE
def test_what_was_refused_for_its_content_says_nothing_of_the_address(crm: Crm) -> None:
    for days in range(0, 40, 10):
        assert not came_back(crm, mailed(crm, days), "5.7.1").stopped
    assert stopped(crm) == set()
    with crm.db.read() as session:
        assert history.figures(session, crm.clock()).came_back["refused"] == 4


@pytest.mark.parametrize(
    ("settings", "statuses", "ends"),
    [
        ({"bounce_hard": 2}, ["5.1.1", "5.1.1"], [False, True]),
        ({"bounce_hard": 0}, ["5.1.1", "5.1.1"], [False, False]),
        ({"bounce_soft": 1, "bounce_soft_days": 0}, ["4.2.2"], [True]),
        ({"bounce_soft": 0, "bounce_soft_days": 0}, ["4.2.2", "4.2.2"], [False, False]),
    ],
)
@SQLITE
def test_the_numbers_are_settings(
    database: Database, tmp_path: Path, settings: dict[str, int], statuses: list[str], ends: list[bool]
) -> None:
    crm = world(database, tmp_path, people=1, bounce_domain=DOMAIN, **settings)
    found = [came_back(crm, mailed(crm, day), status) for day, status in enumerate(statuses)]
    assert [one.stopped for one in found] == ends


@SQLITE
def test_unsigned_and_foreign_codes_are_of_no_message(crm: Crm) -> None:
    campaign = mailed(crm)
    good = code(crm, campaign)
    forged = good[:-1] + ("a" if good[-1] != "a" else "b")
    token = links.signer(crm).opt_out_token(1, "sms", rows(crm, campaign)[1].id)
    for returned in (
        Returned("hard", codes=(forged, good[:-1], good + "a", "", "zzzzzzzzzz")),
        Returned("hard", tokens=(token, token.replace("sms", "email"))),
        read(report(to=f"bounce+{campaign}-1@{DOMAIN}")),
    ):
        assert not bounces.take(crm, returned).matched
    assert stopped(crm) == set()
    assert rows(crm, campaign)[1].state == "sent"
    assert bounces.take(crm, Returned("hard", codes=(forged, good.upper()))).matched


@SQLITE
def test_the_opt_out_address_of_a_returned_message_will_do(crm: Crm) -> None:
    campaign = mailed(crm)
    token = links.signer(crm).opt_out_token(1, "email", rows(crm, campaign)[1].id)
    assert bounces.take(crm, Returned("complaint", tokens=(token,))).stopped


@SQLITE
def test_nobody_else_is_stopped_by_a_row_of_another_channel(crm: Crm) -> None:
    file = {"name": "x", "channel": "sms", "audience": EVERYBODY, "template": "hello"}
    campaign = drafts.create(crm, staff("tester"), file)
    service.launch(crm, staff("tester"), campaign)
    run(crm)
    assert not bounces.take(crm, Returned("hard", codes=(code(crm, campaign),))).matched


def posted(**values: Any) -> Posted:
    return Posted(**{"id": "", "kind": "hard", "status": "5.1.1", "at": None, **values})


By = Callable[[Crm, int], dict[str, Any]]


@pytest.mark.parametrize(
    "by",
    [
        lambda crm, campaign: {"code": code(crm, campaign)},
        lambda crm, campaign: {"row": (campaign, rows(crm, campaign)[1].id)},
        lambda crm, campaign: {"address": "P1@Example.org"},
    ],
    ids=["code", "message id", "address"],
)
def test_a_providers_event_finds_its_message(crm: Crm, by: By) -> None:
    mailed(crm)
    campaign = mailed(crm, 1)
    (found,) = bounces.post(crm, [posted(**by(crm, campaign))])
    assert found == Taken("hard", True, True)
    assert rows(crm, campaign)[1].state == "failed_permanent"
    assert came_back(crm, campaign).detail == "known already", "the mail server may report it too"


@SQLITE
def test_an_event_of_an_address_that_we_never_wrote_to_counts_once(crm: Crm) -> None:
    event = posted(id="e-1", address="nobody@elsewhere.example")
    assert [one.stopped for one in bounces.post(crm, [event, event])] == [True, False]
    assert stopped(crm) == {("nobody@elsewhere.example", "marketing", "bounce")}


@SQLITE
def test_events_that_contradict_themselves_go_by_the_address(crm: Crm) -> None:
    campaign = mailed(crm)
    ident = rows(crm, campaign)[1].id
    wrong = posted(row=(campaign, ident), address="p2@example.org")
    bounces.post(crm, [wrong, posted(row=(campaign + 1, ident)), posted(address="no address")])
    assert stopped(crm) == {("p2@example.org", "marketing", "bounce")}
    assert rows(crm, campaign)[1].state == "sent"


@SQLITE
@pytest.mark.parametrize("days", [-5000, 5000])
def test_a_wrong_clock_dates_nothing(crm: Crm, days: int) -> None:
    campaign = mailed(crm)
    bounces.post(crm, [posted(code=code(crm, campaign), at=NOW + days * DAY)])
    with crm.db.read() as session:
        assert session.scalars(sa.select(Bounce.at)).all() == [NOW]


def test_addresses_refused_at_once_are_noted_by_a_later_look(crm: Crm) -> None:
    campaign = mailed(crm)
    refused = {1: "smtp_550_5.1.1", 2: "smtp_554_5.7.1", 3: "bad_address"}
    with crm.db.begin() as session:
        for person, reason in refused.items():
            changed = sa.update(Delivery).where(Delivery.person_id == person)
            session.execute(changed.values(state="failed_permanent", reason=reason))
    assert bounces.sweep(crm) == 2
    assert bounces.sweep(crm) == 0
    assert stopped(crm) == {("p1@example.org", "marketing", "bounce")}
    assert rows(crm, campaign)[1].reason == "smtp_550_5.1.1"


def test_a_report_before_its_row_is_settled_is_not_lost(crm: Crm) -> None:
    campaign = mailed(crm)
    _set_state(crm, "sending")
    assert came_back(crm, campaign).stopped
    assert rows(crm, campaign)[1].state == "sending"
    _set_state(crm, "sent")
    assert bounces.sweep(crm) == 1
    assert rows(crm, campaign)[1].reason == "bounce_5.1.1"


def _set_state(crm: Crm, state: str) -> None:
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).where(Delivery.person_id == 1).values(state=state))


def test_staff_may_let_an_address_be_written_to_again(crm: Crm) -> None:
    came_back(crm, mailed(crm))
    with crm.db.begin() as session:
        assert history.forgive(session, "p1@example.org", NOW, "boss")
        assert not history.forgive(session, "p1@example.org", NOW, "boss")
    assert stopped(crm) == set()
    with crm.db.read() as session:
        actions = set(session.scalars(sa.select(AuditRow.action).where(AuditRow.actor == "boss")))
    assert actions == {"bounce.forgive"}
    assert came_back(crm, mailed(crm, 1)).stopped, "it counts from the beginning"


def test_the_erased_are_forgotten_here_too(crm: Crm) -> None:
    campaign = mailed(crm)
    came_back(crm, campaign)
    set_person(crm, 1, email_key="new@example.org")
    assert export(crm, 2)["bounces"] == []
    forget(crm, 1)
    assert count(crm, Bounce) == 0


@SQLITE
def test_a_person_is_told_what_came_back(crm: Crm) -> None:
    came_back(crm, mailed(crm))
    (told,) = export(crm, 1)["bounces"]
    assert (told["kind"], told["status"], told["source"]) == ("hard", "5.1.1", "mail")


def own_mark(crm: Crm) -> str:
    with crm.db.read() as session:
        return installation.mark(session, crm.settings)


@pytest.mark.parametrize("ending", [".MARK", ""], ids=["now", "earlier-version"])
def test_an_event_with_only_our_message_id_finds_its_message(crm: Crm, ending: str) -> None:
    campaign = mailed(crm)
    row = rows(crm, campaign)[2].id
    other = mailed(crm, days=1)

    def found(message_id: str) -> bool:
        body = json.dumps({"events": [{"kind": "hard", "message_id": message_id}]}).encode()
        (taken,) = bounces.post(crm, webhook.read(body).events)
        return taken.matched

    assert not found(f"<{other}-{row}@school.example>"), "a row of another campaign"
    assert not found(f"<{campaign}-{row}.0123456789@school.example>"), "of another installation"
    assert found(f"<{campaign}-{row}{ending}@school.example>".replace("MARK", own_mark(crm)))
    assert stopped(crm) == {("p2@example.org", "marketing", "bounce")}
    assert rows(crm, campaign)[2].state == "failed_permanent"
