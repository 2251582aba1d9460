"""The pages of SMS templates: list, editor, approval; as plain forms, in both languages."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.channels.sms.templates import load_stock, stock
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links import shared_links
from crm_plugin.links.service import signer
from tests.fakes.crm import NOW
from tests.fakes.sms import FakeAliyun, serve
from tests.web.fixtures import School, open_school
from tests.web.forms import posted

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", re.IGNORECASE)
FORM = {"name": "Autumn", "locale": "en", "purpose": "marketing", "text": "Hello ${display_name}"}


@pytest.fixture
def gateway() -> Iterator[FakeAliyun]:
    with serve(FakeAliyun({}, ("ali-id", "ali-secret"), "网校")) as found:
        assert isinstance(found, FakeAliyun)
        yield found


@pytest.fixture
def aliyun(database: Database, tmp_path: Path, gateway: FakeAliyun) -> School:
    """A school whose SMS go by a carrier that approves texts."""
    keys: dict[str, Any] = {
        "sms_aliyun_url": gateway.url,
        "sms_aliyun_key_id": "ali-id",
        "sms_aliyun_key_secret": "ali-secret",
        "sms_signature": "网校",
    }
    return open_school(database, tmp_path / "instance", sms_carrier="aliyun", **keys)


def make(school: School, **changes: str) -> str:
    answer = school.post("/sms-templates/new/save", {**FORM, **changes})
    assert answer.status_code == 302, answer.text
    return str(answer.location.rsplit("/", 1)[1])


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_every_page_of_them_is_shown(school: School, locale: str) -> None:
    school.crm.db.run(lambda session: load_stock(session, NOW))
    own = make(school, text="${coupon} at <b>us</b>", **{"ex:coupon": "A-1"})
    school.sign_in(locale=locale)
    paths = ["/sms-templates", "/sms-templates?archived=1", "/sms-templates?state=approved&language=zh"]
    paths += ["/sms-templates/new", "/sms-templates/new?from=win-back-zh", f"/sms-templates/{own}/edit"]
    paths += [f"/sms-templates/{own}", "/sms-templates/win-back-en", "/sms-templates/win-back-en/edit"]
    for path in paths:
        answer = school.get(path)
        assert answer.status_code == 200, path
        assert not INLINE.search(answer.text), path
        assert "<b>us</b>" not in answer.text, path
    assert school.get("/sms-templates/nosuch").status_code == 404


def test_the_list_shows_language_state_and_reason(school: School) -> None:
    key = make(school)
    page = school.get("/sms-templates?language=en").text
    assert stock()["win-back-en"].text in page.replace("&#39;", "'").replace("&#34;", '"')
    assert "Win back" in page
    assert "召回老学员" not in page
    drafts = school.get("/sms-templates?language=en&state=draft").text
    assert key in drafts
    assert "Win back" not in drafts


def test_the_editor_works_as_a_plain_form(school: School) -> None:
    page = school.get("/sms-templates/new").text
    form = {**posted(page, "c-template"), **FORM}
    page = school.post("/sms-templates/new/save", {**form, "do": "put:course_title"}).text
    form = dict(posted(page, "c-template"))
    assert form["text"].strip() == "Hello ${display_name} {{ course_title }}"
    page = school.post("/sms-templates/new/save", {**form, "do": "preview"}).text
    assert "Hello Alex Calculus I Reply STOP to opt out" in page
    answer = school.post("/sms-templates/new/save", {**form, "do": "save"})
    assert answer.location.endswith("/sms-templates/autumn-en")
    assert school.post("/sms-templates/autumn-en/save", {**form, "text": "Shorter"}).status_code == 302
    page = school.get("/sms-templates/autumn-en").text
    assert "Shorter" in page
    assert "Version 1" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "needs a name"),
        ({"text": "${Bad}"}, "is not a valid field name"),
        ({"text": "${x"}, "without its }"),
        ({"signature": "【x】"}, "no brackets"),
        ({"locale": "xx"}, "expected one of"),
        ({"do": "link", "target": "ftp://x"}, "is not a web address"),
    ],
)
def test_what_is_wrong_is_said_beside_what_was_written(
    school: School, changes: dict[str, str], said: str
) -> None:
    answer = school.post("/sms-templates/new/save", {**FORM, **changes})
    assert (answer.status_code, said in answer.text) == (400, True)
    assert (changes.get("name", "Autumn") in answer.text) is True


def test_the_preview_follows_and_asks_for_new_variables(database: Database, tmp_path: Path) -> None:
    school = open_school(database, tmp_path / "instance", host_region="DE")
    answer = school.post("/sms-templates/preview", {**FORM, "text": "${coupon} €"}).text
    assert "(coupon) €" in answer
    assert 'name="ex:coupon"' in answer
    assert "GSM-7" in answer
    assert "count twice" in answer
    again = school.post("/sms-templates/preview", {**FORM, "text": "${coupon} 课", "ex:coupon": "A-1"}).text
    assert "A-1 课" in again
    assert "UCS-2" in again
    assert "ex:coupon" not in again, "the field is there already"
    assert "without its }" in school.post("/sms-templates/preview", {**FORM, "text": "${x"}).text


def test_one_is_approved_by_hand_put_away_and_deleted(school: School) -> None:
    key = make(school)
    assert "Approve by hand" in school.get(f"/sms-templates/{key}").text
    school.post(f"/sms-templates/{key}/sign-off")
    assert "Campaigns may send it." in school.get(f"/sms-templates/{key}").text
    school.post(f"/sms-templates/{key}/take-back")
    assert "Approve by hand" in school.get(f"/sms-templates/{key}").text
    school.post(f"/sms-templates/{key}/archive", {"away": "1"})
    assert key not in school.get("/sms-templates?language=en").text
    assert key in school.get("/sms-templates?language=en&archived=1").text
    school.post(f"/sms-templates/{key}/archive", {"away": ""})
    assert school.post(f"/sms-templates/{key}/delete").location.endswith("/sms-templates")
    assert school.get(f"/sms-templates/{key}").status_code == 404


def test_the_stock_is_put_away_and_not_deleted(school: School) -> None:
    school.crm.db.run(lambda session: load_stock(session, NOW))
    page = school.post("/sms-templates/win-back-en/delete", follow_redirects=True).text
    assert "archive it" in page
    copy = school.get("/sms-templates/new?from=win-back-en").text
    form = posted(copy, "c-template")
    assert form["name"] == "Copy of Win back"
    assert form["text"].strip() == stock()["win-back-en"].text


def test_the_carrier_approves_and_rejects(aliyun: School, gateway: FakeAliyun) -> None:
    key = make(aliyun)
    assert "Submit to aliyun" in aliyun.get(f"/sms-templates/{key}").text
    aliyun.post(f"/sms-templates/{key}/submit", {"remark": "For our learners"})
    (code,) = gateway.filed
    assert gateway.filed[code]["TemplateContent"] == "Hello ${display_name} Reply STOP to opt out"
    page = aliyun.post(f"/sms-templates/{key}/ask", follow_redirects=True).text
    assert "The carrier has not decided yet." in page
    gateway.verdicts[code] = ("2", "no marketing <b>")
    page = aliyun.post(f"/sms-templates/{key}/ask", follow_redirects=True).text
    assert "no marketing &lt;b&gt;" in page
    aliyun.post(f"/sms-templates/{key}/submit")
    second = list(gateway.filed)[1]
    gateway.verdicts[second] = ("1", "")
    page = aliyun.post(f"/sms-templates/{key}/ask", follow_redirects=True).text
    assert "Campaigns may send it." in page
    assert second in page
    editor = aliyun.get(f"/sms-templates/{key}/edit").text
    assert "next version" in editor


def test_a_refusal_of_the_review_is_put_into_words(aliyun: School, gateway: FakeAliyun) -> None:
    key = make(aliyun)
    gateway.next = (200, {"Code": "isv.SMS_SIGNATURE_SCENE_ILLEGAL", "Message": "x"})
    page = aliyun.post(f"/sms-templates/{key}/submit", follow_redirects=True).text
    assert "the carrier does not know this signature (isv.SMS_SIGNATURE_SCENE_ILLEGAL)" in page
    page = aliyun.post(f"/sms-templates/{key}/sign-off", {"code": ""}, follow_redirects=True).text
    assert "fills in texts by a template code" in page
    assert (
        "SMS_77"
        in aliyun.post(f"/sms-templates/{key}/sign-off", {"code": "SMS_77"}, follow_redirects=True).text
    )


def test_a_short_link_stands_in_the_text_where_placeholders_may_not(aliyun: School) -> None:
    page = aliyun.post(
        "/sms-templates/new/save", {**FORM, "do": "link", "target": "https://school.example/c1"}
    ).text
    text = posted(page, "c-template")["text"].strip()
    (link,) = shared_links.shared_in(aliyun.crm.settings, signer(aliyun.crm), text)
    assert link
    key = make(aliyun, text=text)
    page = aliyun.get(f"/sms-templates/{key}").text
    assert "https://school.example/c1" in page
    assert "0 requests" in page
    page = aliyun.post("/sms-templates/preview", {**FORM, "text": "${link}"}).text
    assert "allows no personal links" in page


@pytest.mark.parametrize(
    "path", ["new/save", "x/save", "preview", "x/submit", "x/ask", "x/take-back", "x/archive", "x/delete"]
)
def test_changes_need_the_right_to_edit(school: School, path: str) -> None:
    school.sign_in("crm.view", "crm.send")
    assert school.post(f"/sms-templates/{path}", FORM).status_code == 403


def test_signing_off_needs_an_administrator(school: School) -> None:
    key = make(school)
    school.sign_in("crm.view", "crm.edit", "crm.send")
    assert school.post(f"/sms-templates/{key}/sign-off").status_code == 403
    assert "an administrator approves" in school.get(f"/sms-templates/{key}").text
    school.sign_in("crm.view")
    page = school.get(f"/sms-templates/{key}").text
    assert "Approve" not in page
    assert "New template" not in school.get("/sms-templates").text


def test_a_segment_may_cost_a_part_of_a_cent(database: Database, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"sms_carrier": "outbox", "sms_price": "0.045 EUR", "host_region": "DE"}
    school = open_school(database, tmp_path / "instance", **settings)
    page = school.post("/sms-templates/preview", {**FORM, "text": "x" * 100 + "${course_title}"}).text
    assert "€0.045 – €0.09" in page
    one = school.post("/sms-templates/preview", {**FORM, "text": "x"}).text
    assert "€0.045" in one
    assert "–" not in one.split("Price per person")[1].split("</dd>")[0]
