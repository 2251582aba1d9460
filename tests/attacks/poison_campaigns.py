"""Bad items in the jobs of campaigns and of SMS templates."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery import drain, notifications, resubmit
from crm_plugin.campaigns.feedback import bounces, delivery_reports, refusals
from crm_plugin.campaigns.launch import freezing, lifecycle
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.channels.sms.carriers.receipt_codes import REFUSING
from crm_plugin.channels.sms.carriers.template_submission import Verdict
from crm_plugin.channels.sms_templates import approval, editing
from crm_plugin.host.context import Crm
from tests.attacks.poison import Bad, failing, in_job, kept
from tests.campaigns.fixtures import EVERYBODY, answers, books, books_of, launched, ready, run, state, world
from tests.channels.sms.test_template_approval import EDITOR, KEYS, TEXT, TextReview
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import staff
from tests.jobs.effects import Here, do, move, one

MAIL = {"name": "x", "channel": "email", "audience": EVERYBODY, "subject": "x", "text": "x"}


@in_job("campaigns.jobs.freeze")
@in_job("campaigns.jobs.attend")
def a_campaign_that_cannot_be_frozen(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    bad, good = launched(crm), launched(crm)
    failing(here, freezing, "_freeze", lambda _crm, campaign, _token: campaign.id == bad)
    do(crm, "crm_plugin.campaigns.jobs.freeze", bad)
    for _ in range(2):
        do(crm, "crm_plugin.campaigns.jobs.attend")
    assert (state(crm, bad), state(crm, good)) == ("freezing", "finished")
    assert kept(crm) == {"campaigns.send": [(str(bad), "Bad")]}


@in_job("campaigns.jobs.drain")
def a_campaign_that_cannot_be_sent(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    bad, good = ready(crm), ready(crm)
    failing(here, drain, "_lease", lambda work: work.running.id == bad)
    do(crm, "crm_plugin.campaigns.jobs.drain", bad)
    run(crm)
    assert (state(crm, bad), state(crm, good)) == ("sending", "finished")
    assert kept(crm) == {"campaigns.send": [(str(bad), "Bad")]}
    move(crm, seconds=61)
    here.monkeypatch.undo()
    run(crm)
    assert (state(crm, bad), kept(crm)) == ("finished", {}), "it is tried again, and forgotten when it works"


@in_job("campaigns.jobs.drain")
def a_carrier_that_raises(here: Here) -> None:
    crm = world(here.database, here.folder, people=60, pause_after_failures=20)
    ident = ready(crm)

    def answer(_message: Message) -> Receipt:
        raise Bad

    answers(crm, answer)
    run(crm)
    assert books(crm, ident) == {"considered": 60, "unknown": 20, "pending": 40}, (
        "one micro-batch, and a pause"
    )
    assert state(crm, ident) == "paused"


@in_job("campaigns.jobs.sweep")
def campaigns_that_cannot_begin_or_end(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    at = (NOW + timedelta(hours=1)).isoformat()
    bad, good = launched(crm, at=at), launched(crm, at=at)
    ended, open_ = ready(crm), ready(crm)
    failing(here, lifecycle, "_start_one", lambda _crm, id, *_: id == bad)
    failing(here, lifecycle, "finish", lambda _crm, id: id == ended)
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).values(state="sent"))
    move(crm, hours=1)
    do(crm, "crm_plugin.campaigns.jobs.sweep")
    assert [state(crm, id) for id in (bad, good)] == ["scheduled", "freezing"]
    assert [state(crm, id) for id in (ended, open_)] == ["sending", "finished"]
    assert kept(crm) == {"campaigns.start": [(str(bad), "Bad")], "campaigns.finish": [(str(ended), "Bad")]}


@in_job("campaigns.jobs.sweep")
def a_notice_that_cannot_be_written(here: Here) -> None:
    crm = world(here.database, here.folder, people=3, notify_email="boss@school.example")
    notifications.notify(crm)
    bad, good = ready(crm), ready(crm)
    for ident in (bad, good):
        lifecycle.pause_itself(crm, ident, "carrier_failing")
    failing(here, notifications, "_rendered", lambda _crm, news: news.campaign_id == bad)
    assert notifications.notify(crm) == 2
    assert list(kept(crm)) == ["campaigns.notices"]


@in_job("campaigns.jobs.sweep")
def doubts_and_reports_that_cannot_be_settled(here: Here) -> None:
    crm = world(here.database, here.folder, people=3, sms_carrier="outbox")
    bad, good = ready(crm), ready(crm)
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).values(state="unknown", handed_at=NOW))
    failing(here, resubmit, "load", lambda _crm, id: id == bad)
    for ref in ("bad", "good"):
        delivery_reports.receive(crm, "books", ref, "delivered")
    with crm.db.begin() as session:
        refs = {row.id: name for row, name in zip(_of(session, good), ("bad", "good"), strict=False)}
        for ident, ref in refs.items():
            values = {"state": "sent", "carrier": "books", "carrier_ref": ref}
            session.execute(sa.update(Delivery).where(Delivery.id == ident).values(values))
    failing(here, delivery_reports, "match_early", lambda _session, _by, refs: refs == ["bad"])
    do(crm, "crm_plugin.campaigns.jobs.sweep")
    assert books(crm, good) == {"considered": 3, "sent": 2, "delivered": 1}
    assert kept(crm) == {
        "campaigns.doubt": [(str(bad), "Bad")],
        "campaigns.early_reports": [("books bad", "Bad")],
    }


def _of(session: Session, campaign: int) -> list[Delivery]:
    return list(session.scalars(sa.select(Delivery).where(Delivery.campaign_id == campaign)))


@in_job("campaigns.jobs.look_at_bounces")
def refused_addresses_that_cannot_be_noted(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    launched(crm, MAIL)
    run(crm)
    _refuse(crm, "smtp_550_5.1.1")
    bad, *_others = rows = _ids(crm)
    failing(here, bounces, "_note_refused", lambda _crm, id, _session: id == bad)
    do(crm, "crm_plugin.campaigns.jobs.look_at_bounces")
    assert len(rows) == 3
    assert kept(crm) == {"campaigns.bounces": [(str(bad), "Bad")]}


def _refuse(crm: Crm, reason: str) -> None:
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).values(state="failed_permanent", reason=reason))


def _ids(crm: Crm) -> list[int]:
    with crm.db.read() as session:
        return list(session.scalars(sa.select(Delivery.id).order_by(Delivery.id)))


@in_job("campaigns.jobs.look_at_refusals")
def opt_outs_that_cannot_be_noted(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    launched(crm)
    run(crm)
    _refuse(crm, f"{REFUSING[0]}:21610")
    bad = _ids(crm)[0]
    here.monkeypatch.setattr(refusals, "_BATCH", 1)
    failing(here, refusals, "_take", lambda _crm, id, _session: id == bad)
    taken = [refusals.sweep(crm) for _ in range(4)]
    assert taken == [0, 1, 1, 0], "the first of the queue is not met for ever"
    assert kept(crm) == {"campaigns.refusals": [(str(bad), "Bad")]}


@in_job("campaigns.jobs.ask")
def a_message_that_the_carrier_answers_badly_about(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    ident = launched(crm)
    run(crm)
    bad = _ids(crm)[0]

    def ask(ref: str, _sent_at: Any) -> Report:
        if ref.endswith(f"-{bad}"):
            raise Bad
        return Report(ref, "delivered")

    here.monkeypatch.setattr(books_of(crm), "ask", ask, raising=False)
    move(crm, hours=1)
    do(crm, "crm_plugin.campaigns.jobs.ask")
    assert books(crm, ident) == {"considered": 3, "sent": 1, "delivered": 2}
    assert kept(crm) == {"campaigns.reports": [(str(bad), "Bad")]}


@in_job("campaigns.jobs.tidy")
def a_draft_that_cannot_be_forgotten(here: Here) -> None:
    crm = world(here.database, here.folder, people=1)
    bad, good = (drafts.create(crm, staff("ann"), {**MAIL, "name": name}) for name in ("bad", "good"))
    with crm.db.begin() as session:
        session.execute(sa.update(Campaign).values(removed_at=NOW))
        session.execute(sa.text(f"CREATE TRIGGER bad BEFORE DELETE ON crm_campaign WHEN OLD.id = {bad} "
                                "BEGIN SELECT RAISE(ABORT, 'bad'); END"))  # fmt: skip
    move(crm, days=31)
    try:
        do(crm, "crm_plugin.campaigns.jobs.tidy")
        assert one(crm, sa.select(Campaign.id)) == bad != good
        assert kept(crm) == {"campaigns.drafts": [(str(bad), "IntegrityError")]}
    finally:
        with crm.db.begin() as session:
            session.execute(sa.text("DROP TRIGGER bad"))


@in_job("channels.jobs.ask_templates")
def an_answer_about_a_template_that_cannot_be_kept(here: Here) -> None:
    crm = make_crm(here.database, sms_carrier="aliyun", **KEYS)
    verdicts = [Verdict("SMS_1", "approved"), Verdict("SMS_2", "approved")]
    text_review = TextReview("SMS_1", "SMS_2", verdicts)
    here.monkeypatch.setattr(approval, "text_review_of", lambda crm: text_review)
    for name in ("bad", "good"):
        approval.submit(crm, EDITOR, editing.create(crm, EDITOR, TEXT.__class__(name, *_rest(TEXT))))
    failing(here, approval, "_take", lambda _crm, _carrier, verdict, _session: verdict.code == "SMS_1")
    do(crm, "crm_plugin.channels.jobs.ask_templates")
    assert kept(crm) == {"channels.templates": [("SMS_1", "Bad")]}


def _rest(text: Any) -> tuple[Any, ...]:
    return text.locale, text.purpose, text.text, text.signature, text.examples
