"""A campaign that repeats, in the composer and on its pages."""

from datetime import timedelta
from typing import Any

import pytest

from crm_plugin.automations.recurring import jobs, queries, service
from crm_plugin.campaigns import jobs as campaigns
from crm_plugin.campaigns.composing import drafts
from tests.fakes.crm import NOW
from tests.fakes.host import staff
from tests.web.fixtures import PEOPLE, School
from tests.web.forms import posted

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
BOSS = staff("boss")
API = "/api/v1/recurring"


def draft(school: School, **changes: Any) -> int:
    document = {"name": "Digest", "channel": "message", "text": "Hello", "audience": EVERYBODY, **changes}
    return drafts.create(school.crm, BOSS, {**document, "purpose": "service"})


def repeat(school: School, ident: int, **changes: Any) -> Any:
    form = dict(posted(school.get(f"/campaigns/{ident}/check").text, f"/{ident}/repeat"))
    return school.post(f"/campaigns/{ident}/repeat", {**form, "confirm": str(PEOPLE), **changes})


def one(school: School, ident: int) -> queries.Recurring:
    return queries.get(school.crm, BOSS, ident)


def pass_a_period(school: School, ident: int) -> None:
    school.crm.clock.at = one(school, ident).next_at  # type: ignore[attr-defined]
    jobs.burst(school.crm)
    while campaigns.burst(school.crm):
        pass


def test_it_is_started_at_the_last_step_and_its_page_shows_each_period(school: School) -> None:
    ident = draft(school)
    answer = repeat(school, ident, every="week", weekday=["0", "3"], clock="10:00", once="1")
    assert answer.location.endswith(f"/recurring/{ident}")
    found = one(school, ident)
    assert (found.rhythm.every, found.rhythm.days, found.rhythm.at) == ("week", (0, 3), "10:00")
    assert found.campaign.policy["once"] is True
    page = school.client.get(answer.location).text
    assert "Every week on Mon and Thu at 10:00" in page
    assert "No period has begun yet" in page
    pass_a_period(school, ident)
    page = school.get(f"/recurring/{ident}").text
    child = queries.history(school.crm, BOSS, ident)[0].child_id
    assert f"/campaigns/{child}" in page
    assert "Digest" not in school.get("/campaigns").text  # the list of bulk messages has neither
    assert "Digest" in school.get("/recurring").text
    assert school.get(f"/campaigns/{ident}").location.endswith(f"/recurring/{ident}")
    assert f"/campaigns/{ident}" in school.get(f"/campaigns/{child}").text  # the way back


MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"every": "week", "weekday": []}, "choose at least one day of the week"),
    ({"every": "month", "month_day": "32"}, "expected a day of the month from 1 to 31"),
    ({"every": "year"}, "expected one of"),
    ({"clock": "noon"}, "expected a time of day such as 09:00"),
    ({"confirm": "3"}, f"type {PEOPLE} to confirm the number of people"),
)


def test_a_mistake_stands_in_the_form_and_nothing_is_lost(school: School) -> None:
    ident = draft(school)
    for typed, said in MISTAKES:
        answer = repeat(school, ident, **{"every": "day", "clock": "07:45", **typed})
        assert answer.status_code == 400
        assert said in answer.text
        if "clock" not in typed:
            assert 'value="07:45"' in answer.text
    assert queries.listing(school.crm, BOSS) == []


def test_it_is_paused_continued_changed_and_ended_by_buttons(school: School) -> None:
    ident = draft(school)
    repeat(school, ident, every="day")
    for verb, state in (("pause", "paused"), ("resume", "on"), ("edit", "off")):
        assert school.post(f"/recurring/{ident}/{verb}").status_code == 302
        assert one(school, ident).state == state
        assert school.get(f"/recurring/{ident}").status_code == 200
    page = school.get(f"/campaigns/{ident}/check").text
    assert "Start repeating" in page
    assert "Send now" not in page  # what repeats is not sent by hand
    assert school.post(f"/campaigns/{ident}/launch", {"confirm": str(PEOPLE)}).location.endswith("/check")
    repeat(school, ident, every="month", month_day="31")
    school.post(f"/recurring/{ident}/end")
    assert one(school, ident).state == "ended"
    assert "Ended" in school.get("/recurring").text
    assert school.post(f"/recurring/{ident}/resume").status_code == 409


def test_why_it_stopped_by_itself_stands_on_its_page(school: School) -> None:
    ident = draft(school)
    repeat(school, ident, every="day")
    school.crm.settings.public_url = "https://copy.example"
    pass_a_period(school, ident)
    page = school.get(f"/recurring/{ident}").text
    assert "It has stopped by itself." in page
    assert "Copied or moved installation" in page
    assert "Copied or moved installation" in school.get("/recurring").text


def test_an_empty_list_says_how_to_begin(school: School) -> None:
    assert "No campaign repeats yet" in school.get("/recurring").text


def test_who_may_only_look_has_no_buttons(school: School) -> None:
    ident = draft(school)
    repeat(school, ident, every="day")
    school.sign_in("crm.view", "crm.edit")
    page = school.get(f"/recurring/{ident}").text
    assert "/pause" not in page
    assert school.post(f"/recurring/{ident}/pause").status_code in (400, 403)
    assert one(school, ident).state == "on"


def test_programs_do_the_same(school: School) -> None:
    headers = {"X-CSRFToken": school.csrf()}

    def post(path: str, body: Any = None) -> Any:
        return school.client.post(f"/admin/crm{API}{path}", json=body or {}, headers=headers)

    ident = draft(school)
    body = {"campaign": ident, "every": "month", "days": [16], "at": "09:00", "zone": "Europe/London"}
    assert post("", {**body, "days": [1, 2]}).status_code == 400
    assert post("", body).get_json() == {"next_at": "2026-11-16T09:00:00+00:00"}
    assert post("", body).status_code == 409
    listed = school.get(API).get_json()["items"]
    assert [(row["id"], row["state"], row["rhythm"]["days"]) for row in listed] == [(ident, "on", [16])]
    pass_a_period(school, ident)
    (period,) = school.get(f"{API}/{ident}/periods").get_json()["items"]
    assert (period["day"], period["reason"], period["missed"]) == ("2026-11-16", None, 0)
    assert school.get(f"{API}/{ident}").get_json()["sums"]["sent"] == PEOPLE
    for verb, state in (("pause", "paused"), ("resume", "on"), ("end", "ended")):
        assert post(f"/{ident}/{verb}").status_code in (200, 204)
        assert one(school, ident).state == state
    assert post(f"/{ident}/edit").status_code == 409


def test_a_start_time_and_an_end_bound_it(school: School) -> None:
    later = (NOW + timedelta(days=10)).isoformat()
    ident = draft(school, at=later)
    service.start(school.crm, BOSS, ident, {"every": "day", "at": "00:00"})
    assert one(school, ident).next_at is not None
    assert (one(school, ident).next_at or NOW) > NOW + timedelta(days=10)
