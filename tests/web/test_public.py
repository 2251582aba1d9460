"""The public routes over WSGI: in front of the host, without login, and only a POST changes anything."""

from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.i18n import choose
from crm_plugin.links.ingest import drain_clicks
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import make_links, opt_out_url, short_url, signer
from crm_plugin.profiles.consent.channels import channels
from crm_plugin.profiles.models.school import Consent, ConsentRecord, Person, Suppression
from crm_plugin.web.public import PublicApp
from crm_plugin.web.public.words import WORDS, words_of
from tests.fakes.crm import make_crm

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def school(environ: dict[str, object], start_response: object) -> Iterable[bytes]:
    """A host that lets nobody in."""
    start_response("401 Unauthorized", [("Content-Type", "text/plain")])  # type: ignore[operator]
    return [b"sign in first"]


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return make_crm(
        database,
        instance=str(tmp_path),
        public_url="https://s.example/crm",
        host_base_url="https://school.example/",
    )


@pytest.fixture
def client(crm: Crm) -> Client:
    return Client(PublicApp(crm, school))


@pytest.fixture
def ann(crm: Crm) -> int:
    return add_person(crm, "ann", email_key="ann@a.example", phone_key="+8613800138000")


def add_person(crm: Crm, host_id: str, **values: object) -> int:
    row = {"host_id": host_id, "row_hash": "", "status": "active", "display_name": host_id}
    with crm.db.begin() as session:
        person = Person(**row, display_name_folded=host_id, **values)
        session.add(person)
        session.flush()
        return person.id


def link(crm: Crm, target: str = "https://a.example/?a=1&b=%2F#x") -> str:
    with crm.db.begin() as session:
        (ident,) = make_links(session, 1, [target], crm.clock())
    return short_url(crm.settings, signer(crm).code(ident, 7)).removeprefix("https://s.example")


def page(crm: Crm, person: int, channel: str = "email") -> str:
    token = signer(crm).opt_out_token(person, channel, 7)
    return opt_out_url(crm.settings, token).removeprefix("https://s.example")


def kept(crm: Crm) -> tuple[set[tuple[str, str]], set[tuple[str, str, str]], int]:
    """Return consents in force, suppressions, and the number of lines in the ledger."""
    with crm.db.read() as session:
        consents = session.execute(sa.select(Consent.channel, Consent.state))
        stopped = session.execute(sa.select(Suppression.channel, Suppression.address_key, Suppression.scope))
        lines = session.scalar(sa.select(sa.func.count()).select_from(ConsentRecord))
        return {(*row,) for row in consents}, {(*row,) for row in stopped}, lines or 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_short_link_redirects_before_anything_of_the_host(crm: Crm, client: Client, method: str) -> None:
    answer = client.open(link(crm), method=method)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "https://a.example/?a=1&b=%2F#x"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data == b""
    assert drain_clicks(crm) == 1


@SQLITE
def test_the_folder_of_the_public_address_may_be_stripped_by_a_proxy(crm: Crm, client: Client) -> None:
    path = link(crm)
    assert client.get(path).status_code == 302
    assert client.get(path.removeprefix("/crm")).status_code == 302
    mounted = client.get(path.removeprefix("/crm"), base_url="https://s.example/crm")
    assert mounted.status_code == 302


@SQLITE
@pytest.mark.parametrize("path", ["/", "/r/", "/r", "/r/a/b", "/u/", "/crm/r/", "/admin/crm/", "/course/r/x"])
def test_everything_else_is_the_hosts(client: Client, path: str) -> None:
    assert client.get(path).status_code == 401


STUCK = ["。", ".", "，", ",", ")", "】", "了解", "）了解/更多", "%E3%80%82", "%22", "&gt;", "*", " x", "%20"]


@SQLITE
@pytest.mark.parametrize("mark", STUCK)
def test_marks_that_got_stuck_to_a_link_are_cut(crm: Crm, client: Client, ann: int, mark: str) -> None:
    for stuck in (mark, quote(mark)):
        assert client.get(f"{link(crm)}{stuck}").location == "https://a.example/?a=1&b=%2F#x"
        assert client.get(f"{page(crm, ann)}{stuck}").status_code == 200
    assert drain_clicks(crm) == 2
    assert client.post(f"{page(crm, ann)}{quote(mark)}", data=ONE_CLICK).status_code == 200
    assert ("email", "denied") in kept(crm)[0]


@SQLITE
def test_a_page_of_the_school_below_the_same_letter_stays_the_schools(crm: Crm, client: Client) -> None:
    for path in (f"{link(crm)}/more", f"{link(crm)}/", "/crm/r/", "/crm/r/。"):
        assert client.get(path).status_code in (401, 404)
        assert client.get(path).location is None


@SQLITE
def test_forged_codes_and_tokens_are_not_found(crm: Crm, client: Client, ann: int) -> None:
    good, token = link(crm), page(crm, ann)
    assert client.get(good + "x").status_code == 404
    for method in ("GET", "HEAD", "POST"):
        assert client.open(token[:-1] + ("2" if token[-1] != "2" else "3"), method=method).status_code == 404
    assert client.post(token.replace("email-", "sms-")).status_code == 404
    assert kept(crm) == (set(), set(), 0)


def test_get_and_head_of_every_address_change_nothing(crm: Crm, client: Client, ann: int) -> None:
    for path in (link(crm), page(crm, ann), page(crm, ann) + "?scope=all&List-Unsubscribe=One-Click"):
        for method in ("GET", "HEAD", "OPTIONS"):
            assert client.open(path, method=method).status_code in (200, 302, 405)
    assert kept(crm) == (set(), set(), 0)


def test_one_click_needs_no_cookie_and_three_times_is_one_record(crm: Crm, client: Client, ann: int) -> None:
    for _ in range(3):
        answer = client.post(page(crm, ann), data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
    consents, stopped, lines = kept(crm)
    assert consents == {("email", "denied")}
    assert stopped == {("email", "ann@a.example", "marketing")}
    assert lines == 1


def test_one_click_after_another_answer_is_a_record_of_its_own(crm: Crm, client: Client, ann: int) -> None:
    one_click, path = {"List-Unsubscribe": "One-Click"}, page(crm, ann)
    for data in (one_click, {"scope": "undo", "on:email": "1"}, one_click, one_click, {"scope": "channel"}):
        client.post(path, data=data)
    with crm.db.read() as session:
        lines = session.execute(
            sa.select(ConsentRecord.state, ConsentRecord.source).order_by(ConsentRecord.id)
        ).all()
    assert [tuple(line) for line in lines] == [
        *(("denied", "one-click"), ("granted", "undo"), ("denied", "one-click"), ("denied", "page")),
    ]


def test_a_repeated_one_click_stops_an_address_that_is_new(crm: Crm, client: Client, ann: int) -> None:
    client.post(page(crm, ann), data={"List-Unsubscribe": "One-Click"})
    with crm.db.begin() as session:
        session.execute(sa.update(Person).where(Person.id == ann).values(email_key="new@a.example"))
    client.post(page(crm, ann), data={"List-Unsubscribe": "One-Click"})
    assert {address for _, address, _ in kept(crm)[1]} == {"ann@a.example", "new@a.example"}


FORM = "application/x-www-form-urlencoded"
PARTS = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--'
BODIES = [
    (b"", ""),
    (b"\xff\xfe", FORM),
    (b"&".join([b"a=1"] * 50), FORM),
    (b"x" * 9000, "text/plain"),
    (PARTS, "multipart/form-data; boundary=b"),
]


@SQLITE
@pytest.mark.parametrize(("data", "kind"), BODIES)
def test_any_post_stops_the_channel(crm: Crm, client: Client, ann: int, data: bytes, kind: str) -> None:
    assert client.post(page(crm, ann), data=data, content_type=kind).status_code == 200
    assert kept(crm)[0] == {("email", "denied")}


def test_all_marketing_is_one_choice_on_the_page(crm: Crm, client: Client, ann: int) -> None:
    shown = client.get(page(crm, ann, "sms"))
    assert 'name="scope" value="all"' in shown.text
    answer = client.post(page(crm, ann, "sms"), data={"scope": "all"})
    assert WORDS["done_all"] in answer.text
    consents, stopped, _lines = kept(crm)
    assert consents == {(channel, "denied") for channel in channels()}
    assert {(channel, key) for channel, key, _ in stopped} == {
        ("email", "ann@a.example"),
        ("sms", "+8613800138000"),
        ("message", "ann"),
    }


def test_an_old_link_speaks_for_the_account_that_remains(crm: Crm, client: Client, ann: int) -> None:
    bob = add_person(crm, "bob", email_key="bob@a.example", merged_into="ann")
    assert client.post(page(crm, bob), data={"scope": "channel"}).status_code == 200
    with crm.db.read() as session:
        assert session.scalars(sa.select(Consent.person_id)).all() == [ann]


@SQLITE
def test_a_person_who_is_gone_is_told_the_same(crm: Crm, client: Client) -> None:
    assert client.post(page(crm, 999), data=ONE_CLICK).status_code == 200
    assert kept(crm) == (set(), set(), 0)


@SQLITE
def test_without_a_database_an_opt_out_may_be_tried_again(crm: Crm, client: Client, ann: int) -> None:
    path, target = page(crm, ann), link(crm)
    assert client.get(target).status_code == 302
    with patch.object(crm, "db", connect("sqlite:////nosuch/folder/x.db")):
        assert client.get(path).status_code == 200
        answer = client.post(path, data=ONE_CLICK)
        assert client.get(target).headers["Location"].startswith("https://a.example/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert client.post(path, data=ONE_CLICK).status_code == 200


@SQLITE
def test_whatever_breaks_the_visitor_comes_to_the_school(crm: Crm, client: Client) -> None:
    path = link(crm)
    with patch.object(Redirector, "answer", side_effect=RuntimeError("broken")):
        answer = client.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://school.example/")


LANGUAGES = [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("de,en-GB", "en"), ("", "en")]


@SQLITE
@pytest.mark.parametrize(("language", "locale"), LANGUAGES)
def test_the_page_speaks_the_visitors_language(
    crm: Crm, client: Client, ann: int, language: str, locale: str
) -> None:
    shown = client.get(page(crm, ann), headers={"Accept-Language": language})
    assert f'<html lang="{locale}">' in shown.text
    assert words_of(locale)["channel_email"] in shown.text
    assert WORDS["button"].of("zh") in client.get(page(crm, ann) + "?lang=zh").text


@SQLITE
def test_the_page_loads_nothing_but_its_own_style(crm: Crm, client: Client, ann: int) -> None:
    shown = client.get(page(crm, ann))
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert "<script" not in shown.text
    assert "style=" not in shown.text
    style = client.get("/crm/u/page.css")
    assert (style.status_code, style.content_type) == (200, "text/css")
    assert b".card" in style.data


def test_both_languages_say_everything() -> None:
    english, chinese = words_of("en"), words_of("zh")
    assert english.keys() == chinese.keys()
    assert [key for key in WORDS if key not in ("and", "label_sms") and english[key] == chinese[key]] == []
    assert choose("zh", "en") == "zh"
    assert choose("xx", "zh") == "zh"


def test_answers_are_real_responses(crm: Crm, client: Client, ann: int) -> None:
    answers: list[TestResponse] = [client.get(page(crm, ann)), client.delete(page(crm, ann))]
    assert [answer.status_code for answer in answers] == [200, 405]
    assert answers[0].content_length == len(answers[0].data)
