"""A person's page: what it shows to whom, the timeline, follow-ups."""

from datetime import timedelta

import pytest

from crm_plugin.campaigns import jobs, queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.host import records as r
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.people.archive import archive
from crm_plugin.profiles.people.queries import person_id_of
from crm_plugin.segments.saved import quick_queries
from tests.campaigns.fixtures import status
from tests.fakes.crm import NOW
from tests.fakes.host import ALL, staff
from tests.web.filled import fill
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def path_of(school: School, host_id: str = "p2") -> str:
    with school.crm.db.read() as session:
        return f"/people/{person_id_of(session, host_id)}"


def test_contacts_are_masked_everywhere_on_the_page(school: School) -> None:
    path = path_of(school)
    assert "13800130002" in school.get(path).text
    school.sign_in("crm.view", "crm.edit", "crm.send", "crm.money")
    text = school.get(path).text
    assert "13800130002" not in text
    assert "p2@example.com" not in text
    assert "p***@example.com" in text


def test_who_is_outside_the_actors_courses_is_not_found(school: School) -> None:
    inside, outside = path_of(school, "p2"), path_of(school, "p1")
    school.sign_in("crm.view", "crm.edit", "crm.send", scope=frozenset({"c1"}))
    assert school.get(inside).status_code == 200
    answers = [school.get(outside), school.get("/people/999999")]
    answers += [
        school.post(f"{outside}{verb}", {"text": "hello", "kind": "call"})
        for verb in ("/notes", "/notes/1", "/notes/1/done")
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert all("Person 01" not in answer.text for answer in answers)
    school.sign_in("crm.view", scope=frozenset({"c9"}))
    assert school.get(inside).status_code == 404


def test_the_timeline_is_filtered_and_paged(school: School) -> None:
    path = path_of(school)
    assert "Paid for" in school.get(f"{path}?show=purchases").text
    assert "Paid for" not in school.get(f"{path}?show=signals").text
    for number in range(35):
        school.post(f"{path}/notes", {"kind": "note", "text": f"note number {number:02}!"})
    first = school.get(f"{path}?show=notes").text
    timeline = first[first.index('id="timeline"') : first.index('id="why"')]
    assert ("number 34!" in timeline, "number 04!" in timeline) == (True, False)
    older = timeline[timeline.index('rel="next" href="') :].split('"')[3].replace("&amp;", "&")
    second = school.client.get(older).text
    timeline = second[second.index('id="timeline"') : second.index('id="why"')]
    assert ("number 34!" in timeline, "number 04!" in timeline) == (False, True)
    assert school.get(f"{path}?after=nonsense").status_code == 400


def test_a_follow_up_from_its_writing_to_its_end(school: School) -> None:
    path, today = path_of(school), NOW.date()
    assert school.post(
        f"{path}/notes", {"kind": "call", "text": "<b>wants</b> a lesson", "due_on": today}
    ).location
    page = school.get(path).text
    assert "&lt;b&gt;wants&lt;/b&gt; a lesson" in page
    assert "a lesson" in school.get("/").text
    assert (
        school.post(f"{path}/notes/1", {"kind": "visit", "text": "came by", "due_on": today}).status_code
        == 302
    )
    assert "came by" in school.get("/").text
    later = {"kind": "visit", "text": "came by", "due_on": today + timedelta(days=8)}
    school.post(f"{path}/notes/1", later)
    assert "came by" not in school.get("/").text
    school.post(f"{path}/notes/1/done", {"done": "1"})
    assert "Open again" in school.get(path).text
    answer = school.post(f"{path}/notes/1/done", {"done": "", "from": "home"})
    assert answer.location == "/admin/crm/"


def test_a_follow_up_that_is_refused_keeps_what_was_typed(school: School) -> None:
    path = path_of(school)
    answer = school.post(f"{path}/notes", {"kind": "visit", "text": "came by", "due_on": "soon"})
    assert answer.status_code == 400
    assert "expected a day" in answer.text
    assert "came by</textarea>" in answer.text
    assert "write what was said" in school.post(f"{path}/notes", {"kind": "call", "text": " "}).text


def test_writing_needs_the_permission(school: School) -> None:
    path = path_of(school)
    school.sign_in("crm.view")
    assert school.post(f"{path}/notes", {"kind": "call", "text": "hello"}).status_code == 403
    assert "Save note" not in school.get(path).text


def test_an_intention_is_suggested_and_set_by_hand(school: School) -> None:
    path = path_of(school, "p1")
    assert "No interest in a course so far." in school.get(path).text
    answer = school.post(f"{path}/intention", {"course": "c1", "level": "high"})
    assert answer.location.endswith("#intentions")
    page = school.get(path).text
    card = page[page.index('id="intentions"') : page.index("</section>", page.index('id="intentions"'))]
    assert "High" in card
    assert "Suggested: None" in card
    assert school.post(f"{path}/intention", {"course": "c1", "level": "huge"}).status_code == 400
    school.sign_in("crm.view", locale="zh")
    assert "已成交" in school.get(path_of(school)).text
    assert school.post(f"{path}/intention", {"course": "c1", "level": "low"}).status_code == 403


def test_a_message_to_one_person_goes_through_the_ledger(school: School) -> None:
    path = path_of(school)
    answer = school.post(f"{path}/message", {"channel": "message", "purpose": "service"})
    assert answer.location.endswith("/campaigns/1/content")
    school.post("/campaigns/1/content/save", {"text": "Hello {{ display_name }}"})
    # Another audience does not make a bulk message of it.
    everybody = {"combinator": "and", "rules": []}
    drafts.update(
        school.crm, staff("ann"), 1, {**queries.get(school.crm, 1).document(), "audience": everybody}
    )
    check = school.get("/campaigns/1/check").text
    assert "Hello Person 02" in check
    assert school.post("/campaigns/1/launch", {"confirm": "1"}).location.endswith("/campaigns/1")
    status(school.crm, 1)
    assert jobs.burst(school.crm)
    while jobs.burst(school.crm):
        pass
    assert status(school.crm, 1)["books"]["sent"] == 1
    assert "Got a message" in school.get(f"{path}?show=campaigns").text
    assert "To Person 02" not in school.get("/campaigns").text


def test_a_message_that_policy_forbids_is_refused_with_the_reason(school: School) -> None:
    path = path_of(school)
    with school.crm.db.begin() as session:
        ledger.opt_out(school.crm, session, person_id_of(session, "p2"), "message", NOW, "page")
    school.post(f"{path}/message", {"channel": "message", "purpose": "marketing"})
    school.post("/campaigns/1/content/save", {"text": "Buy!"})
    assert "would not get it: opted out or address blocked" in school.get("/campaigns/1/check").text
    school.post("/campaigns/1/launch", {"confirm": "0"})
    assert status(school.crm, 1)["state"] == "draft"


def test_sending_to_one_needs_the_permission_and_the_scope(school: School) -> None:
    inside, outside = path_of(school), path_of(school, "p1")
    assert school.post(f"{inside}/message", {"channel": "pigeon"}).status_code == 400
    school.sign_in("crm.view", "crm.send", scope=frozenset({"c1"}))
    assert school.post(f"{outside}/message", {"channel": "sms"}).status_code == 404
    school.sign_in("crm.view")
    assert school.post(f"{inside}/message", {"channel": "sms"}).status_code == 403
    assert "Write a message" not in school.get(inside).text


def test_why_is_told_in_words_of_both_languages(school: School) -> None:
    path = path_of(school)
    paid = {"combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "paid"}]}
    orders = {"field": "orders", "match": {"mode": "atLeast", "threshold": 2}, "value": paid}
    tree = {"combinator": "or", "rules": [orders, {"field": "city", "operator": "=", "value": "Rome"}]}
    outer = {"combinator": "and", "rules": [tree, {"field": "paid_count", "operator": ">=", "value": 1}]}
    school.sign_in()
    ident = quick_queries.save(school.crm, r.Actor("ann", "Ann", ALL), "Twice", outer)
    page = school.get(f"{path}?why=q{ident}").text
    assert "The conditions do not match" in page
    for words in ("any of these:", "has at least 2 orders", "1 of 1 rows match", "city is “Rome”"):
        assert words in page, words
    assert "number of purchases is at least 1" in page
    school.sign_in(locale="zh")
    assert "满足以下任一：" in school.get(f"{path}?why=q{ident}").text
    assert school.get(f"{path}?why=q99").status_code == 404
    assert school.get(f"{path}?why=nonsense").status_code == 200


def test_why_of_a_campaign_tells_what_its_books_say(school: School) -> None:
    path, other = path_of(school), path_of(school, "p1")
    bought = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}
    document = {"name": "Hello", "channel": "message", "purpose": "service", "audience": bought, "text": "Hi"}
    ident = drafts.create(school.crm, staff("ann"), document)
    service.launch(school.crm, staff("ann"), ident)
    while jobs.burst(school.crm):
        pass
    page = school.get(f"{path}?why=c{ident}").text
    assert "The conditions match" in page
    assert "In the campaign:" in page
    page = school.get(f"{other}?why=c{ident}").text
    assert "The conditions do not match" in page
    assert "In the campaign:" not in page


def test_what_a_person_told_staff_is_written_down(school: School) -> None:
    def answered(answer: str) -> tuple[str, list[str]]:
        school.post("/people/1/consent", {"channel": "sms", "answer": answer})
        with school.crm.db.read() as session:
            sms = next(one for one in archive(session, 1, NOW).channels if one.channel == "sms")
        return sms.consent, sorted(scope for scope, _reason, _at in sms.suppressions)

    assert answered("denied") == ("denied", ["marketing"])
    assert "opted out" in school.get("/people/1").text
    assert answered("nothing") == ("denied", ["all", "marketing"])
    assert answered("granted") == ("granted", [])
    assert school.post("/people/1/consent", {"channel": "sms", "answer": "maybe"}).status_code == 400
    school.sign_in("crm.view")
    assert school.post("/people/1/consent", {"channel": "sms", "answer": "denied"}).status_code == 403
    assert "/people/1/consent" not in school.get("/people/1").text
    school.sign_in(scope=frozenset({"c1"}))
    assert school.post("/people/2/consent", {"channel": "sms", "answer": "denied"}).status_code == 404


def test_what_can_be_explained_is_listed_when_it_is_asked_for(school: School) -> None:
    filled = fill(school)
    offered = {"id": f"q{filled.query}", "label": "Bought once", "optgroup": "Quick queries"}
    sent = {"id": f"c{filled.campaign}", "label": "Hello", "optgroup": "Campaigns"}
    assert school.get("/people/why").get_json() == {"items": [offered, sent]}
    assert school.get("/people/why?q=ought").get_json() == {"items": [offered]}
    school.sign_in("crm.view", scope=frozenset({"c1"}), locale="zh")
    assert school.get("/people/why").get_json() == {"items": [{**offered, "optgroup": "快捷查询"}]}


def test_without_javascript_a_name_is_typed(school: School) -> None:
    filled = fill(school)
    path = f"/people/{filled.person}"
    page = school.get(f"{path}?why=Bought+once").text
    assert "The conditions match" in page
    assert 'value="Bought once"' in page
    assert f'data-crm-value="q{filled.query}"' in page
    assert "In the campaign:" in school.get(f"{path}?why=Hello").text
    assert "The conditions" not in school.get(f"{path}?why=hell").text
    assert '<input id="i-course" name="course"' in page
