"""Topics on the page of choices: only the topic of the message, a tick for each, undo; in both languages."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from werkzeug.datastructures import MultiDict
from werkzeug.test import Client

from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.links.service import signer
from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.models.school import ConsentRecord, Suppression
from crm_plugin.profiles.models.topics import TopicOptOut
from crm_plugin.web.public import PublicApp
from crm_plugin.web.public.words import VERSION
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost
from tests.web.forms import posted
from tests.web.test_public import SQLITE, add_person
from tests.web.test_public import school as host_app

ADMIN = Actor("ann", "Ann", frozenset(PERMISSIONS))
HOSTILE = "<b>Sales</b> {0} %(x)s"


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    made = make_crm(database, FakeHost(), instance=str(tmp_path), public_url="https://s.example")
    topics.begin(made, ADMIN)
    return made


@pytest.fixture
def client(crm: Crm) -> Client:
    return Client(PublicApp(crm, host_app))


def address(crm: Crm, topic: int | None, channel: str = "email") -> str:
    """Write down a message about a topic; return the page of choices that it leads to."""
    ann = add_person(crm, "ann", email_key="ann@a.example", phone_key="+8613800138000")
    values = {"channel": channel, "audience": {}, "content": {}, "created_by": "ann"}
    with crm.db.begin() as session:
        campaign = Campaign(name="x", topic_id=topic, created_at=NOW, updated_at=NOW, **values)
        session.add(campaign)
        session.flush()
        row = Delivery(campaign_id=campaign.id, person_id=ann, channel=channel, state="sent")
        session.add(row)
        session.flush()
        delivery = row.id
    return f"/u/{signer(crm).opt_out_token(ann, channel, delivery)}"


def choices(client: Client, path: str) -> MultiDict[str, str]:
    """Return what the second form of the page would post as it stands."""
    form = posted(client.get(path).text)
    form["scope"] = "choices"
    return form


def kept(crm: Crm) -> tuple[set[int], list[tuple[str, str, str]], int]:
    """Return the topics that are off, the ledger, and how many addresses are suppressed."""
    with crm.db.read() as session:
        off = set(session.scalars(sa.select(TopicOptOut.topic_id)))
        lines = session.scalars(sa.select(ConsentRecord).order_by(ConsentRecord.id))
        ledger = [(line.purpose, line.state, f"{line.source} {line.text_version}") for line in lines]
        return off, ledger, session.scalar(sa.select(sa.func.count()).select_from(Suppression)) or 0


def test_only_the_topic_of_the_message_is_one_choice_and_can_be_undone(crm: Crm, client: Client) -> None:
    with crm.db.read() as session:
        offers = next(one.id for one in topics.offered(session) if one.name == "Offers and discounts")
    path = address(crm, offers)
    shown = client.get(path).text
    assert "Only messages about “Offers and discounts”" in shown
    assert shown.index("Marketing by") < shown.index("Only messages about") < shown.index("All marketing")
    answer = client.post(path, data={"scope": "topic"}).text
    assert "no more marketing about “Offers and discounts”" in answer
    assert kept(crm) == ({offers}, [(f"topic:{offers}", "denied", f"page {VERSION}-en")], 0)
    assert "Only messages about" not in client.get(path).text
    undo = posted(answer)
    assert dict(undo.items()) == {"scope": "undo", f"topic:{offers}": "1"}
    assert "about this again: Offers and discounts" in client.post(path, data=undo).text
    assert kept(crm)[0] == set()
    assert kept(crm)[1][1:] == [(f"topic:{offers}", "granted", f"undo {VERSION}-en")]


@SQLITE
def test_ticks_write_down_what_changed_and_nothing_else(crm: Crm, client: Client) -> None:
    path = address(crm, None)
    form = choices(client, path)
    client.post(path, data=form)
    assert kept(crm) == (set(), [], 0), "a tick that was there is no act of consent"
    del form["topic:1"], form["topic:4"]
    answer = client.post(path + "?lang=zh", data=form).text
    assert "以下内容不再发送：新课上线、活动与公开课。" in answer
    off, ledger, stopped = kept(crm)
    assert (off, stopped) == ({1, 4}, 0)
    assert [line[2] for line in ledger] == [f"choices {VERSION}-zh"] * 2
    form["topic:1"] = "on"
    client.post(path, data=form)
    assert kept(crm)[0] == {4}
    assert [line[:2] for line in kept(crm)[1][2:]] == [("topic:1", "granted")]
    # A page that was opened before a topic was put on the list says nothing about it.
    topics.create(crm, ADMIN, "Later")
    client.post(path, data=form)
    assert kept(crm)[0] == {4}


@SQLITE
def test_one_click_is_about_the_channel_and_a_topic_that_is_gone_too(crm: Crm, client: Client) -> None:
    path = address(crm, 2)
    client.post(path, data={"List-Unsubscribe": "One-Click"})
    off, ledger, stopped = kept(crm)
    assert (off, stopped, ledger[0][:2]) == (set(), 1, ("marketing", "denied"))
    with crm.db.begin() as session:
        session.execute(sa.update(Campaign).values(state="finished"))
    topics.archive(crm, ADMIN, 2)
    shown = client.get(path).text
    assert "Offers and discounts" not in shown
    client.post(path, data={"scope": "topic"})
    assert kept(crm)[2] == 1, "who asks is never sent away empty: their channel is off"
    assert kept(crm)[1][-1][0] == "marketing"


@SQLITE
def test_a_name_is_text_and_a_forged_form_does_nothing(crm: Crm, client: Client) -> None:
    topics.rename(crm, ADMIN, 2, HOSTILE)
    path = address(crm, 2)
    assert "<b>Sales" not in client.get(path).text
    assert "&lt;b&gt;Sales&lt;/b&gt; {0} %(x)s" in client.post(path, data={"scope": "topic"}).text
    before = kept(crm)
    for text in ("99", "x", "9" * 30, "²", "-1"):
        assert client.post(path, data={"scope": "choices", "topics": text}).status_code == 200
        assert client.post(path, data={"scope": "undo", f"topic:{text}": "1"}).status_code == 200
    assert kept(crm) == before


@SQLITE
def test_without_a_database_the_one_button_is_there(crm: Crm, client: Client) -> None:
    path = address(crm, 2)
    client.get(path)
    crm.db = connect("sqlite:////nosuch/folder/x.db")
    assert "Unsubscribe</button>" in client.get(path).text
    assert client.post(path, data={"scope": "topic"}).status_code == 503


@SQLITE
def test_the_longest_list_fits_into_a_form(crm: Crm, client: Client) -> None:
    for number in range(topics.MOST - len(topics.PROPOSED)):
        topics.create(crm, ADMIN, f"Topic {number}")
    path = address(crm, None)
    form = choices(client, path)
    last = f"topic:{topics.MOST}"
    del form[last]
    client.post(path, data=form)
    assert kept(crm)[0] == {topics.MOST}
