"""The page of choices: channel by channel, everything, undo; and what the ledger of consents keeps of it."""

import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from werkzeug.test import Client

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links.service import signer
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.school import ConsentRecord, Suppression
from crm_plugin.profiles.store import host_info_cache
from crm_plugin.web.public import PublicApp
from crm_plugin.web.public.words import VERSION, WORDS, words_of
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost
from tests.web.test_public import SQLITE, add_person, kept, page
from tests.web.test_public import school as host_app

TICKED = {"scope": "choices", "shown:email": "1", "shown:sms": "1", "shown:message": "1"}


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return make_crm(
        database,
        FakeHost(),
        instance=str(tmp_path),
        public_url="https://s.example",
        host_base_url="https://h.example/",
    )


@pytest.fixture
def client(crm: Crm) -> Client:
    return Client(PublicApp(crm, host_app))


@pytest.fixture
def path(crm: Crm) -> str:
    ann = add_person(crm, "ann", email_key="ann@a.example", phone_key="+8613800138000")
    return page(crm, ann)


def lines(crm: Crm) -> list[tuple[str, str, str, str]]:
    """The ledger of consents, in its order."""
    with crm.db.read() as session:
        rows = session.scalars(sa.select(ConsentRecord).order_by(ConsentRecord.id))
        return [(row.channel, row.state, row.source, row.text_version) for row in rows]


def test_choices_write_down_what_changed_and_nothing_else(crm: Crm, client: Client, path: str) -> None:
    shown = client.get(path)
    assert shown.text.count('type="checkbox"') == shown.text.count(" checked>") - 1 == 3
    client.post(path, data={**TICKED, "on:email": "on", "on:message": "on"})
    assert lines(crm) == [("sms", "denied", "choices", f"{VERSION}-en")]
    answer = client.post(
        path + "?lang=zh", data={**TICKED, "on:email": "on", "on:message": "on", "on:sms": "on"}
    )
    assert words_of("zh")["saved_title"] in answer.text
    assert lines(crm)[1:] == [("sms", "granted", "choices", f"{VERSION}-zh")]
    assert kept(crm)[1] == set()


def test_a_tick_that_was_there_is_no_consent(crm: Crm, client: Client, path: str) -> None:
    client.post(path, data={**TICKED, "on:email": "on", "on:message": "on", "on:sms": "on"})
    assert kept(crm) == (set(), set(), 0)


@SQLITE
def test_a_channel_that_was_not_shown_stays(crm: Crm, client: Client, path: str) -> None:
    client.post(path, data={"scope": "choices", "shown:email": "1"})
    assert kept(crm)[0] == {("email", "denied")}


def test_undo_gives_back_what_was_stopped_by_mistake(crm: Crm, client: Client, path: str) -> None:
    client.post(path, data={**TICKED, "on:email": "on", "on:message": "on"})
    done = client.post(path, data={"scope": "everything"})
    assert 'name="on:email"' in done.text
    assert 'name="on:sms"' not in done.text, "it was off before"
    assert {scope for _, _, scope in kept(crm)[1]} == {"marketing", "all"}
    back = client.post(path, data={"scope": "undo", "on:email": "1", "on:message": "1"})
    assert WORDS["undone_title"] in back.text
    assert kept(crm)[0] == {("email", "granted"), ("message", "granted"), ("sms", "denied")}
    assert kept(crm)[1] == {
        ("sms", "+8613800138000", "marketing"),
        ("sms", "+8613800138000", "all"),
    }
    assert lines(crm)[-1][2:] == ("undo", f"{VERSION}-en")


@SQLITE
@pytest.mark.parametrize("junk", [{}, {"on:nosuch": "1"}, {"on:": "1"}, {"on:email;sms": "1"}])
def test_an_undo_of_nothing_changes_nothing(
    crm: Crm, client: Client, path: str, junk: dict[str, str]
) -> None:
    client.post(path, data={"scope": "all"})
    before = kept(crm)
    assert client.post(path, data={"scope": "undo", **junk}).status_code == 200
    assert kept(crm) == before


@SQLITE
def test_the_second_time_there_is_nothing_to_undo(crm: Crm, client: Client, path: str) -> None:
    assert "undo" in client.post(path, data={"scope": "channel"}).text
    assert 'value="undo"' not in client.post(path, data={"scope": "channel"}).text


@SQLITE
def test_one_click_shows_no_words_and_keeps_none(crm: Crm, client: Client, path: str) -> None:
    client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert lines(crm) == [("email", "denied", "one-click", "")]


def test_what_came_back_or_was_called_spam_is_not_lifted_here(crm: Crm, client: Client, path: str) -> None:
    with crm.db.begin() as session:
        ledger.suppress(crm, session, "email", "ann@a.example", "marketing", "complaint", NOW, "mail")
    shown = client.get(path)
    assert WORDS["blocked"] in shown.text
    for scope in ({"scope": "undo", "on:email": "1"}, {**TICKED, "on:email": "on"}):
        client.post(path, data=scope)
    with crm.db.read() as session:
        reasons = session.scalars(sa.select(Suppression.reason).where(Suppression.channel == "email")).all()
    assert reasons == ["complaint"]


@SQLITE
def test_addresses_are_shown_masked_with_the_schools_name(crm: Crm, client: Client, path: str) -> None:
    host_info_cache.store(crm)
    shown = client.get(path).text
    assert "a***@a.example" in shown
    assert "ann@a.example" not in shown
    assert "+8613800138000" not in shown
    assert crm.host.info.site_name in shown


@SQLITE
def test_a_forged_address_gets_help(crm: Crm, client: Client, path: str) -> None:
    answer = client.get(path[:-2])
    assert answer.status_code == 404
    assert WORDS["bad_other"] in answer.text
    assert "https://h.example/" in answer.text


def test_the_version_of_the_words_is_theirs() -> None:
    """Whoever changes a word raises VERSION, so that the ledger tells which words a person saw."""
    words = {locale: {key: text.of(locale) for key, text in WORDS.items()} for locale in ("en", "zh")}
    digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:12]
    assert {VERSION: digest} == {"2026-12.3": "12f6f13fa097"}


def test_tokens_of_every_channel_lead_to_the_page(crm: Crm, client: Client) -> None:
    ann = add_person(crm, "bea", email_key="b@a.example", phone_key="+8613800138001")
    for channel in ("sms", "email", "message"):
        token = signer(crm).opt_out_token(ann, channel, 3)
        shown = client.get(f"/u/{token}")
        assert words_of("en")[f"channel_{channel}"] in shown.text
