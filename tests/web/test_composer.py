"""The composer's forms: where the audience comes from, saving by itself, two writers, pre-flight, launch."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from crm_plugin.boards.stages.stage_trees import AUDIENCES, STAGES, people_of
from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.document.goals import goal_of
from crm_plugin.host import records as r
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links import draft_link_check
from crm_plugin.profiles.sync.service import sync
from crm_plugin.web.segments.presets import PRESETS
from tests.fakes.crm import NOW
from tests.fakes.host import staff
from tests.web.fixtures import PEOPLE, School
from tests.web.forms import posted

EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
BY_ITSELF = {"HX-Request": "true"}


def draft(school: School, **changes: Any) -> int:
    document = {"name": "Autumn", "channel": "message", "text": "Hello", "audience": EVERYBODY, **changes}
    return drafts.create(school.crm, staff("boss"), document)


def form_of(school: School, ident: int, step: str) -> dict[str, str]:
    return dict(posted(school.get(f"/campaigns/{ident}/{step}").text, f"{step}/save"))


def saved(school: School, ident: int, step: str, **changes: str) -> str:
    """Save a step by its button; return where it leads."""
    answer = school.post(f"/campaigns/{ident}/{step}/save", {**form_of(school, ident, step), **changes})
    assert answer.status_code == 302, answer.text
    return str(answer.location)


def audience(school: School, ident: int) -> Any:
    return queries.get(school.crm, ident).audience


@on_sqlite
def test_the_audience_comes_from_where_it_is_said(school: School) -> None:
    ident = draft(school)
    for preset in PRESETS:
        saved(school, ident, "audience", source="preset", preset=preset.key)
        assert audience(school, ident) == preset.tree
        assert form_of(school, ident, "audience")["preset"] == preset.key
    for stage in (*STAGES, *AUDIENCES):
        saved(school, ident, "audience", source="course", stage=stage, course="c1")
        assert audience(school, ident) == people_of(stage, "c1")
        form = form_of(school, ident, "audience")
        assert (form["source"], form["stage"], form["course"]) == ("course", stage, "c1")
    saved(school, ident, "audience", source="person", person="p3")
    assert audience(school, ident)["rules"] == [{"field": "id", "operator": "=", "value": "p3"}]
    assert "Person 03" in school.get(f"/campaigns/{ident}/audience").text
    # Nothing chosen yet is no change.
    saved(school, ident, "audience", source="course", course="")
    assert form_of(school, ident, "audience")["source"] == "person"


@on_sqlite
def test_a_search_is_built_for_the_draft_and_comes_back_to_it(school: School) -> None:
    ident = draft(school)
    page = school.get(f"/campaigns/{ident}/audience").text
    link = re.findall(r'href="([^"]*/people\?[^"]*)"', page)[0].replace("&amp;", "&")
    builder = posted(school.client.get(link).text, "c-builder")
    assert builder["draft"] == str(ident)
    rule = {"r:n": "1", "r.0:f": "paid_count", "r.0:p": "paid_count", "r.0:o": ">=", "r.0:v": "2"}
    answer = school.post("/people/build", {**builder, **rule, "do": "reach"})
    assert answer.location.endswith(f"/campaigns/{ident}/audience")
    assert audience(school, ident)["rules"][0]["field"] == "paid_count"
    assert form_of(school, ident, "audience")["source"] == "search"


@on_sqlite
def test_the_reach_stands_beside_the_audience(school: School) -> None:
    ident = draft(school)
    text = school.get(f"/campaigns/{ident}/reach").text
    numbers = re.findall(r"<dt>(.*?)</dt><dd class=\"c-num\">(\d+)", text)
    assert dict(numbers)["In the audience"] == str(PEOPLE)
    assert {name for name, _ in numbers} >= {
        "can get it by SMS",
        "can get it by E-mail",
        "can get it by Private message",
    }
    assert f">{PEOPLE}<" in school.get(f"/campaigns/{ident}/audience?count=1").text


@on_sqlite
def test_a_form_saves_itself_and_says_when(school: School) -> None:
    ident = draft(school)
    form = form_of(school, ident, "content")
    answer = school.post(
        f"/campaigns/{ident}/content/save", {**form, "text": "Hi {{ display_name }}"}, headers=BY_ITSELF
    )
    assert answer.status_code == 200
    assert "Saved 20:00:00" in answer.text  # by the clocks of the school, in Shanghai
    assert "Hi " in answer.text.partition("c-preview")[2]
    assert queries.get(school.crm, ident).content["text"] == "Hi {{ display_name }}"
    # What cannot be kept yet is told, and does no harm.
    bad = school.post(f"/campaigns/{ident}/content/save", {**form, "link": "https:/"}, headers=BY_ITSELF)
    assert "Not saved yet" in bad.text
    assert "link" not in queries.get(school.crm, ident).content


@on_sqlite
def test_two_tabs_do_not_overwrite_each_other_silently(school: School) -> None:
    ident = draft(school)
    address = f"/campaigns/{ident}/content/save"
    first, second = (form_of(school, ident, "content") for _ in range(2))
    school.post(address, {**first, "text": "From the first tab"}, headers=BY_ITSELF)
    # The same form again, before it knows the new revision: nobody else wrote.
    again = school.post(address, {**first, "text": "From the first tab!"}, headers=BY_ITSELF)
    assert "Saved" in again.text
    told = school.post(address, {**second, "text": "From the second tab"}, headers=BY_ITSELF)
    assert "changed in another window" in told.text
    page = school.post(address, {**second, "text": "From the second tab"})
    assert page.status_code == 409
    assert "From the second tab" in page.text
    assert queries.get(school.crm, ident).content["text"] == "From the first tab!"
    assert school.post(address, {**second, "text": "From the second tab", "over": "1"}).status_code == 302
    assert queries.get(school.crm, ident).content["text"] == "From the second tab"


@on_sqlite
def test_a_course_fills_in_its_name_and_its_page(school: School) -> None:
    school.host.put(r.Course("c2", "Violin"))
    sync(school.crm, full=True)
    ident = draft(school, text="{{ course_title }}: {{ link }}")
    saved(school, ident, "content", course="c1", link_to="course")
    content = queries.get(school.crm, ident).content
    assert content["variables"] == {"course_title": "Piano <b>one</b>"}
    assert content["link"] == school.host.host_url("course", "c1")
    saved(school, ident, "content", course="c2", link_to="course")
    assert queries.get(school.crm, ident).content["variables"] == {"course_title": "Violin"}
    page = school.get(f"/campaigns/{ident}/content").text
    assert "/r/k7WQp2mXv9RtLe" in page
    assert posted(page, "content/save")["link_to"] == "course"
    # Words of one's own stay.
    saved(school, ident, "content", **{"var:course_title": "our violin course"})
    assert queries.get(school.crm, ident).content["variables"] == {"course_title": "our violin course"}


@on_sqlite
def test_the_preview_is_of_the_person_that_is_chosen(school: School) -> None:
    ident = draft(school, text="Dear {{ display_name }}")
    text = school.get(f"/campaigns/{ident}/content?as=p5").text
    assert "Dear Person 05" in text
    school.sign_in(scope=frozenset({"c1"}))
    mine = int(re.findall(r"/(\d+)/", school.post("/campaigns/new").location)[-1])
    saved(school, mine, "audience", channel="message")
    saved(school, mine, "content", text="Dear {{ display_name }}")
    assert "Person 05" not in school.get(f"/campaigns/{mine}/content?as=p5").text


@on_sqlite
def test_the_pickers_offer_only_whom_the_reader_sees(school: School) -> None:
    def offered(what: str, text: str) -> list[str]:
        return [one["id"] for one in school.get(f"/campaigns/pick/{what}?q={text}").get_json()["items"]]

    assert offered("person", "person 0") == [f"p{number}" for number in range(1, 10)]
    assert offered("person", "p7") == ["p7"]
    assert offered("course", "PIA") == ["c1"]
    assert offered("class", "") == []
    assert school.get("/campaigns/pick/secrets").status_code == 404
    school.sign_in(scope=frozenset({"c1"}))
    assert offered("person", "person 0") == ["p2", "p4", "p6", "p8"]
    school.sign_in(scope=frozenset({"c9"}))
    assert (offered("person", "person"), offered("course", "")) == ([], [])


@on_sqlite
def test_the_regions_usual_rules_are_proposed(school: School) -> None:
    ident = draft(school, policy={"leave_out_days": 90, "rate": {"n": 5, "per_seconds": 60}})
    page = school.get(f"/campaigns/{ident}/policy").text
    assert "Use the usual rules for China" in page
    assert saved(school, ident, "policy", propose="1").endswith("/policy")
    assert queries.get(school.crm, ident).policy == {
        "leave_out_days": 7,
        "cap": {"n": 3, "days": 30},
        "quiet_hours": {"from": "21:00", "to": "09:00"},
        "rate": {"n": 5, "per_seconds": 60},
    }


@on_sqlite
def test_goals_about_the_course_can_be_chosen(school: School) -> None:
    ident = draft(school, course="c1")
    for name in ("bought", "seated", "settled", "finished"):
        saved(school, ident, "policy", goal=f"{name}:c1")
        assert queries.get(school.crm, ident).policy["goal"] == goal_of(name, "c1")
        assert form_of(school, ident, "policy")["goal"] == f"{name}:c1"
    other = {"combinator": "and", "rules": [{"field": "is_member", "operator": "=", "value": True}]}
    kept = draft(school, policy={"goal": other})
    saved(school, kept, "policy", leave_out_days="5")
    assert queries.get(school.crm, kept).policy == {"leave_out_days": 5, "goal": other}
    saved(school, kept, "policy", goal="")
    assert "goal" not in queries.get(school.crm, kept).policy


@on_sqlite
def test_a_time_is_in_the_zone_that_stands_beside_it(school: School) -> None:
    ident = draft(school)
    saved(school, ident, "policy", when="later", at="2026-12-24T09:00", zone="Asia/Kathmandu")
    row = queries.get(school.crm, ident)
    assert row.planned_at is not None
    assert row.planned_at.isoformat() == "2026-12-24T03:15:00+00:00"
    form = form_of(school, ident, "policy")
    assert (form["at"], form["zone"]) == ("2026-12-24T09:00", "Asia/Kathmandu")
    check = school.get(f"/campaigns/{ident}/check").text
    assert "24 Dec 2026, 09:00 Asia/Kathmandu (GMT+05:45)" in check
    gap = {"when": "later", "at": "2026-03-29T02:30", "zone": "Europe/Berlin"}
    answer = school.post(f"/campaigns/{ident}/policy/save", {**form_of(school, ident, "policy"), **gap})
    assert (answer.status_code, "never show" in answer.text) == (400, True)
    saved(school, ident, "policy", when="now")
    assert queries.get(school.crm, ident).planned_at is None


def _shut(school: School) -> None:
    school.host.put(r.Course("c1", "Piano", status="closed"))


def _full(school: School) -> None:
    school.host.put(r.Course("c1", "Piano", capacity=6))


def _over(school: School) -> None:
    school.host.put(r.Course("c1", "Piano", ends_at=NOW - timedelta(days=1)))


@on_sqlite
@pytest.mark.parametrize(
    ("change", "words"),
    [(_shut, "is not open to learners"), (_full, "is full: 6 of 6"), (_over, "has ended by then")],
)
def test_a_course_that_nobody_can_enter_is_told(
    school: School, change: Callable[[School], None], words: str
) -> None:
    ident = draft(school, course="c1")
    assert (
        "Piano" not in school.get(f"/campaigns/{ident}/check").text.partition("c-found")[2].split("</div>")[0]
    )
    change(school)
    sync(school.crm, full=True)
    assert words in school.get(f"/campaigns/{ident}/check").text


@on_sqlite
def test_times_that_cannot_be_right_block_the_launch(school: School) -> None:
    past = draft(school, at=(NOW - timedelta(days=1)).isoformat())
    assert "the planned time has passed" in school.get(f"/campaigns/{past}/check").text
    ends = {"expires_at": (NOW + timedelta(hours=1)).isoformat()}
    late = draft(school, at=(NOW + timedelta(hours=2)).isoformat(), policy=ends)
    assert "the end time is before the start" in school.get(f"/campaigns/{late}/check").text
    slow = draft(school, policy={**ends, "rate": {"n": 1, "per_seconds": 3600}})
    page = school.get(f"/campaigns/{slow}/check").text
    assert "at this rate sending does not finish" in page
    assert "12 hours" in page
    for ident, blocked in ((past, True), (late, True), (slow, False)):
        assert ("disabled" in school.get(f"/campaigns/{ident}/check").text) is blocked


@on_sqlite
def test_links_are_looked_at_in_the_background(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    link = {"text": "{{ link }}", "link": "https://school.example/gone"}
    ident = draft(school, **link)
    asked: list[str] = []

    def answer(_settings: Any, url: str) -> tuple[bool, str]:
        asked.append(url)
        return False, "404"

    monkeypatch.setattr(draft_link_check, "_answer", answer)
    assert "The link is being checked" in school.get(f"/campaigns/{ident}/check").text
    assert asked == []
    draft_link_check.look(school.crm)
    text = school.get(f"/campaigns/{ident}/check/found").text
    assert "does not answer properly: 404" in text
    assert "is being checked" not in text
    assert asked == [link["link"]]


@on_sqlite
def test_a_link_to_another_port_is_sent_unchecked_and_marked_so(school: School) -> None:
    link = {"link": "https://school.example:8443/page", "text": "{{ link }}", "purpose": "service"}
    ident = draft(school, **link)
    school.get(f"/campaigns/{ident}/check")
    draft_link_check.look(school.crm)
    text = school.get(f"/campaigns/{ident}/check/found").text
    assert "https://school.example:8443/page is sent unchecked: we open ports 80 and 443 only" in text
    school.post(f"/campaigns/{ident}/launch", {"confirm": str(PEOPLE)})
    assert queries.get(school.crm, ident).state == "freezing"


@on_sqlite
def test_people_with_one_address_are_told_before(school: School) -> None:
    school.host.put(r.Person("p99", display_name="Twin", email="p1@example.com"))
    sync(school.crm, full=True)
    ident = draft(school, channel="email", subject="Hello", html="<p>Hello</p>")
    assert "1 left out: somebody else" in school.get(f"/campaigns/{ident}/check").text


@on_sqlite
def test_what_sms_cost_is_told_before(school: School) -> None:
    school.crm.settings.sms_price = "0.05 CNY"
    told = {"template": "promotion-en", "link": "https://school.example/"}
    ident = draft(school, channel="sms", text=None, **told, variables={"course_title": "Piano"})
    page = school.get(f"/campaigns/{ident}/check").text
    assert re.search(r"SMS parts together</dt><dd[^>]*>(12|24) · ¥(0.60|1.20)<", page)
    assert "total if all were as long" in page


@on_sqlite
def test_many_people_are_confirmed_by_their_typed_number(school: School) -> None:
    school.crm.settings.confirm_above = PEOPLE - 1
    ident = draft(school)
    page = school.get(f"/campaigns/{ident}/check").text
    assert 'inputmode="numeric"' in page
    for typed in ("", "1", str(PEOPLE + 1)):
        school.post(f"/campaigns/{ident}/launch", {"confirm": typed})
        assert queries.get(school.crm, ident).state == "draft"
    school.post(f"/campaigns/{ident}/launch", {"confirm": str(PEOPLE)})
    assert queries.get(school.crm, ident).state == "freezing"


@on_sqlite
def test_a_launch_posted_again_changes_nothing(school: School) -> None:
    ident = draft(school)
    for words in ("Sending.", "Already sent. Nothing was changed."):
        answer = school.post(f"/campaigns/{ident}/launch", {"confirm": str(PEOPLE)}, follow_redirects=True)
        assert (answer.status_code, words in answer.text) == (200, True)
    service.pause(school.crm, staff("ann"), ident)
    school.post(f"/campaigns/{ident}/launch", {"confirm": str(PEOPLE)})
    assert queries.get(school.crm, ident).state == "paused"


def test_eight_launches_at_once_launch_once(school: School, database: Database) -> None:
    ident = draft(school)
    token = posted(school.get("/campaigns").text)["csrf_token"]
    cookie = school.client.get_cookie("session")
    assert cookie is not None

    def launch(_: int) -> str:
        client = school.app.test_client()
        client.set_cookie("session", cookie.value)
        form = {"csrf_token": token, "confirm": str(PEOPLE)}
        return str(client.post(f"/admin/crm/campaigns/{ident}/launch", data=form).location)

    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(launch, range(8)))
    assert all(place.endswith(f"/campaigns/{ident}") for place in places)
    with database.read() as session:
        launches = session.query(AuditRow).filter_by(action="campaign.launch").count()
    assert launches == 1
    assert queries.get(school.crm, ident).state == "freezing"


@on_sqlite
def test_a_discarded_draft_is_taken_back_from_the_list(school: School) -> None:
    ident = draft(school, name="Christmas")
    assert school.post(f"/campaigns/{ident}/discard").status_code == 302
    assert school.get(f"/campaigns/{ident}").status_code == 404
    page = school.get("/campaigns").text
    assert "Deleted drafts" in page
    assert "Christmas" in page
    assert school.post(f"/campaigns/{ident}/restore").location.endswith(f"/campaigns/{ident}/audience")
    assert "Deleted drafts" not in school.get("/campaigns").text
    # Who is limited to some courses sees and takes back nothing of others.
    school.post(f"/campaigns/{ident}/discard")
    school.sign_in(scope=frozenset({"c1"}))
    assert "Christmas" not in school.get("/campaigns").text
    assert school.post(f"/campaigns/{ident}/restore").status_code == 404


@on_sqlite
def test_a_copy_opens_in_the_composer(school: School) -> None:
    ident = draft(school)
    school.post(f"/campaigns/{ident}/launch", {"confirm": str(PEOPLE)})
    answer = school.post(f"/campaigns/{ident}/copy")
    copied = int(re.findall(r"/campaigns/(\d+)/audience", answer.location)[0])
    row = queries.get(school.crm, copied)
    assert (row.name, row.state, row.content["text"]) == ("Copy of Autumn", "draft", "Hello")
