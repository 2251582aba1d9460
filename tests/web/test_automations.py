"""Automations on their pages: sentences, the builder, switching on, the people in one."""

import re
from typing import Any

import pytest

from crm_plugin.automations import jobs, queries, service
from crm_plugin.automations.ready_made import READY_MADE
from crm_plugin.segments.saved import quick_queries
from tests.fakes.host import staff
from tests.web.fixtures import School
from tests.web.forms import posted

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
BOSS = staff("boss")
BOUGHT = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}
MATCHING = {"on": "segment", "segment": BOUGHT}
CHASE: dict[str, Any] = {
    "name": "Chase",
    "trigger": {"on": "date", "date": "order_created", "n": 0, "unit": "day", "side": "after"},
    "steps": [
        {"wait": {"n": 1, "unit": "hour"}},
        {"if": BOUGHT, "else": "stop"},
        {"send": {"channel": "message", "text": "Your order for {{ course_title }}", "link": "@course"}},
    ],
}


def made(school: School, **changes: Any) -> int:
    return service.create(school.crm, BOSS, {**CHASE, **changes})


def document(school: School, ident: int) -> dict[str, Any]:
    return queries.get(school.crm, BOSS, ident).file()


def newest(school: School) -> int:
    return queries.list_for(school.crm, BOSS)[0][0].id


def build(school: School, ident: int | None, form: dict[str, Any], do: str = "save", **options: Any) -> Any:
    path = "/automations/build" if ident is None else f"/automations/{ident}/build"
    return school.post(path, {**form, "do": do}, **options)


def form_of(school: School, path: str = "/automations/new") -> dict[str, Any]:
    return dict(posted(school.get(path).text, "c-automation"))


def test_an_empty_list_offers_what_is_shipped_and_uses_it_switched_off(school: School) -> None:
    page = school.get("/automations").text
    assert "No automation yet" in page
    assert page.count("/automations/ready-made/") == len(READY_MADE)
    (card,) = re.findall(r"<h3>Unpaid orders</h3>.*?</details>", page, re.DOTALL)
    card = " ".join(card.split())
    assert "From the moment of" in card
    assert "Sends up to 3 messages." in card
    assert "These people stop at once: People enrolled in the course." in card
    assert page.count("Ends after the last message.") == len(
        [1 for one in READY_MADE.values() if not one.goal]
    )
    answer = school.post("/automations/ready-made/unpaid_order", {"channel": "email"})
    assert queries.get(school.crm, BOSS, newest(school)).state == "draft"
    page = school.client.get(answer.location).text
    assert "Wait 1 hour" in page
    assert "These people stop at once: People enrolled in the course." in page
    assert "@course" not in page
    assert school.get("/automations").text.count("/automations/ready-made/") == len(READY_MADE) - 1


def test_each_shipped_one_is_shown_built_and_saved_without_a_change(school: School) -> None:
    for key, shipped in READY_MADE.items():
        ident = service.create_from_ready_made(school.crm, BOSS, key, shipped.channels[-1])
        before = document(school, ident)
        page = school.get(f"/automations/{ident}").text
        for machine in ("@course", "@until", "@order", "order_created"):
            assert machine not in page, key
        answer = build(school, ident, form_of(school, f"/automations/{ident}/edit"))
        assert answer.status_code == 302, answer.text
        assert document(school, ident) == before, key


def test_one_is_built_step_by_step_without_scripts(school: School) -> None:
    query = quick_queries.save(school.crm, BOSS, "Buyers", BOUGHT, shared=True)
    form = form_of(school) | {"name": "My own", "on": "stage", "stage": "pending", "stage_course": "c1"}
    form |= {"s1:channel": "message", "s1:text": "Hello", "s1:link": "course"}
    form = dict(posted(build(school, None, form, "add:if").text, "c-automation"))
    form |= {"s2:query": str(query), "s2:else": "skip"}
    form = dict(posted(build(school, None, form, "up:2").text, "c-automation"))
    assert (form["s1:kind"], form["s2:kind"], form["s2:text"].strip()) == ("if", "send", "Hello")
    assert queries.list_for(school.crm, BOSS) == []  # nothing is kept before it is saved
    answer = build(school, None, form | {"goal": "seated", "again": "30"})
    assert answer.status_code == 302, answer.text
    found = document(school, newest(school))
    assert found["trigger"] == {"on": "stage", "stage": "pending", "course": "c1", "where": None}
    assert [next(iter(step)) for step in found["steps"]] == ["wait", "if", "send"]
    assert found["steps"][2]["send"] == {"channel": "message", "text": "Hello", "link": "@course"}
    assert (found["again"], found["goal"] is not None, found["purpose"]) == (30, True, "marketing")
    page = school.client.get(answer.location).text
    assert "When somebody enters “With an unpaid order” of “Piano &lt;b&gt;one&lt;/b&gt;”" in page
    assert "Leave the next step out for people who do not match: " in page


MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": ""}, "expected a text"),
    ({"on": "segment", "query": ""}, "choose a quick query"),
    ({"s0:n": "soon"}, "expected a whole number"),
    ({"goal": "query"}, "choose a quick query"),
    ({"on": "date", "date": "birthday", "open_course": "1"}, "what starts it has no course"),
    ({"s0:kind": "wait", "s0:before": "1", "date": "birthday"}, "what starts it has no deadline"),
)


def test_a_mistake_stands_at_its_field_and_nothing_typed_is_lost(school: School) -> None:
    form = form_of(school) | {"name": "Kept name", "s1:channel": "message", "s1:text": "Kept text"}
    for typed, said in MISTAKES:
        answer = build(school, None, form | typed)
        assert answer.status_code == 400, answer.location
        assert said in answer.text
        assert answer.text.count('role="alert"') == 1
        assert "Kept text" in answer.text
    assert queries.list_for(school.crm, BOSS) == []


def test_switching_on_says_whom_it_would_reach_and_takes_older_ones_only_with_their_number(
    school: School,
) -> None:
    steps = [{"send": {"channel": "message", "text": "Hi"}}]
    first, second = (made(school, trigger=MATCHING, steps=steps) for _ in range(2))
    page = school.get(f"/automations/{first}/switch-on").text
    assert "Nobody with an older cause is reached." in page
    assert "Also take in 6 people with an older cause" in page
    assert school.post(f"/automations/{first}/on").status_code == 302
    assert queries.get(school.crm, BOSS, first).state == "on"
    answer = school.post(f"/automations/{second}/on", {"older": "1", "confirm": "5"})
    assert answer.status_code == 400
    assert "type 6 to confirm the number of people" in answer.text
    assert queries.get(school.crm, BOSS, second).state == "draft"
    assert school.post(f"/automations/{second}/on", {"older": "1", "confirm": "6"}).status_code == 302


def test_a_text_that_cannot_be_sent_is_named_with_its_step(school: School) -> None:
    steps = [
        {"wait": {"n": 1, "unit": "hour"}},
        {"send": {"channel": "message", "text": "Hi {{ nonsense }}"}},
    ]
    ident = made(school, steps=steps)
    page = school.get(f"/automations/{ident}/switch-on").text
    assert "Step 2:" in page
    assert " disabled" in page
    assert school.post(f"/automations/{ident}/on").status_code == 400
    assert queries.get(school.crm, BOSS, ident).state == "draft"


def test_it_is_paused_continued_copied_ended_deleted_and_restored(school: School) -> None:
    ident = made(school)
    school.post(f"/automations/{ident}/on")
    school.post(f"/automations/{ident}/pause")
    assert queries.get(school.crm, BOSS, ident).state == "paused"
    assert "Continue it" in school.get(f"/automations/{ident}/switch-on").text
    school.post(f"/automations/{ident}/on")
    assert queries.get(school.crm, BOSS, ident).state == "on"
    copied = school.post(f"/automations/{ident}/copy").location
    assert copied.endswith(f"/automations/{newest(school)}/edit")
    assert school.post(f"/automations/{ident}/delete").status_code == 409  # it is on
    school.post(f"/automations/{ident}/end")
    assert queries.get(school.crm, BOSS, ident).state == "ended"
    school.post(f"/automations/{ident}/delete")
    assert school.get(f"/automations/{ident}").status_code == 404
    assert f"/automations/{ident}/restore" in school.get("/automations").text
    assert school.post(f"/automations/{ident}/restore").location.endswith(f"/automations/{ident}")


def test_the_people_in_it_open_their_pages(school: School) -> None:
    steps = [{"wait": {"n": 1, "unit": "day"}}, {"send": {"channel": "message", "text": "Hi"}}]
    ident = made(school, trigger=MATCHING, steps=steps)
    assert "Nobody is in it now" in school.get(f"/automations/{ident}/people").text
    school.post(f"/automations/{ident}/on", {"older": "1", "confirm": "6"})
    jobs.burst(school.crm)
    assert queries.counts(school.crm, BOSS, ident).active == 6
    page = school.get(f"/automations/{ident}/people").text
    assert page.count("Send the Private message “Hi”") + page.count("Wait 1 day") == 6
    assert "/people/" in page
    assert ">6</a>" in school.get(f"/automations/{ident}").text.replace("\n", "")


def test_who_may_only_look_has_no_buttons(school: School) -> None:
    ident = made(school)
    school.sign_in("crm.view", "crm.edit")
    assert "/pause" not in school.get(f"/automations/{ident}").text
    for path in ("/automations/new", f"/automations/{ident}/edit", f"/automations/{ident}/switch-on"):
        assert school.get(path).status_code == 403


def test_another_window_is_not_written_over(school: School) -> None:
    ident = made(school)
    form = form_of(school, f"/automations/{ident}/edit")
    service.update(school.crm, BOSS, ident, {**CHASE, "name": "Theirs"})
    answer = build(school, ident, form | {"name": "Mine"})
    assert answer.status_code == 409
    assert "changed in the meantime" in answer.text
    assert document(school, ident)["name"] == "Theirs"
