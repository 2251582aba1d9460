"""Automations by the JSON API: the life of one, from what is shipped to its end."""

import pytest

from crm_plugin.automations import jobs
from crm_plugin.host.context import installed
from tests.web.fixtures import PEOPLE, School
from tests.web.test_api import BUYERS, Program

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
MESSAGE = {"send": {"channel": "message", "text": "Hello {{ display_name }}"}}
FILE = {"name": "Buyers", "trigger": {"on": "segment", "segment": BUYERS}, "steps": [MESSAGE]}


def test_an_automation_lives_by_the_api(school: School) -> None:
    program = Program(school)
    ident = program.post("/automations", FILE, 201)["id"]
    assert program.get(f"/automations/{ident}/check") == {"would_reach": PEOPLE / 2, "problems": []}
    refused = program.call("POST", f"/automations/{ident}/on", {"older": True, "count": 1})
    assert (refused.status_code, refused.get_json()["error"]) == (400, "campaign.not_confirmed")
    program.post(f"/automations/{ident}/on", {"older": True, "count": PEOPLE // 2}, 204)
    with installed(school.crm):
        jobs.carry_on()
    found = program.get(f"/automations/{ident}")
    assert (found["automation"]["state"], found["people"]["done"]) == ("on", PEOPLE / 2)
    assert found["people"]["steps"][0]["campaigns"] == 1
    assert found["automation"]["document"]["trigger"] == FILE["trigger"]
    program.post(f"/automations/{ident}", {**FILE, "name": "Better"}, 204, method="PUT")
    for verb, answer in (("pause", 204), ("resume", 204), ("end", 200)):
        program.post(f"/automations/{ident}/{verb}", {} if verb == "resume" else None, answer)
    assert [one["automation"]["name"] for one in program.get("/automations")["items"]] == ["Better"]
    program.post(f"/automations/{ident}", None, 204, method="DELETE")
    assert program.get("/automations")["items"] == []
    program.post(f"/automations/{ident}/restore", None, 204)
    copied = program.post(f"/automations/{ident}/copy", {"name": "Again"}, 201)["id"]
    assert program.get(f"/automations/{copied}")["automation"]["state"] == "draft"


def test_what_is_shipped_is_listed_and_made_in_a_language(school: School) -> None:
    program = Program(school)
    shipped = program.get("/automations/ready-made?language=zh")["items"]
    assert [one["key"] for one in shipped][:2] == ["unpaid_order", "win_back"]
    made = program.post("/automations/ready-made/birthday", {"language": "zh"}, 201)["id"]
    birthday = next(one["name"] for one in shipped if one["key"] == "birthday")
    assert program.get(f"/automations/{made}")["automation"]["name"] == birthday
    assert program.call("POST", "/automations/ready-made/nothing", {}).status_code == 404
