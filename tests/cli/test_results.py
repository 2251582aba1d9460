"""What the commands print when all is well, and when something outside is not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from crm_plugin.cli import flask_group
from tests.road import Road

ALL: dict[str, Any] = {"combinator": "and", "rules": []}
BOUGHT: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"field": "paid_count", "operator": ">=", "value": 1}],
}
LINK = "https://school.example/offers"
Beside = Callable[..., Road]


def run(road: Road, *words: str, **settings: str) -> Result:
    changed = {f"CRM_{name.upper()}": value for name, value in settings.items()}
    return CliRunner().invoke(flask_group, list(words), env=road.environment | changed)


def test_every_json_is_one_document_and_nothing_else(beside: Beside) -> None:
    road = beside()
    assert road.crm("init", "--json")["failed"] == {}
    assert road.crm("sync", "--json").keys() == {"streams", "failed"}
    assert road.crm("segment", "count", "-", "--json", document=BOUGHT)["count"] > 0
    ids = road.crm("segment", "ids", "-", "--json", document=BOUGHT)["ids"]
    assert road.crm("segment", "explain", "-", "--person", ids[0], "--json", document=BOUGHT)
    file = {"name": "x", "channel": "sms", "audience": BOUGHT, "template": "win-back-en", "link": LINK}
    ident = str(road.crm("campaign", "create", "-", "--json", document=file)["id"])
    for verb in ("launch", "pause", "resume", "cancel", "status"):
        assert road.crm("campaign", verb, ident, "--json")["id"] == int(ident)
    assert road.crm("campaign", "resolve", ident, "--as", "sent", "--json") == {"resolved": 0}
    assert road.crm("outbox", "--campaign", ident, "--json") == []
    assert isinstance(road.crm("daily", "--json")["done"], list)
    assert all(line["ok"] for line in road.crm("doctor", "--json"))


def test_rows_set_aside_are_listed_with_their_reasons(beside: Beside) -> None:
    road = beside()
    road.crm("init", "--no-progress")
    assert road.crm("bad-rows") == "no row is set aside\n"
    engine = create_engine(road.school)
    with engine.begin() as school:
        school.execute(text("UPDATE school_users SET status = 'odd' WHERE id = 9"))
    engine.dispose()
    road.crm("sync", "--full", "--no-progress")
    (row,) = road.crm("bad-rows", "--stream", "persons", "--json")
    assert (row["stream"], row["host_id"], row["reason"].split(":")[0]) == ("persons", "9", "status")
    assert road.crm("bad-rows", "--stream", "orders", "--json") == []
    assert road.crm("bad-rows", "--limit", "5").startswith("persons\t9\tstatus: ")


def test_clicks_are_judged_again_and_the_log_says_so(road: Road) -> None:
    file = {"name": "x", "channel": "sms", "audience": BOUGHT, "template": "win-back-en", "link": LINK}
    ident = str(road.send(**file))
    answer = road.crm("clicks", "reclassify", ident, "--json")
    zeros = {"hits": 0, "human_hits": 0, "people_clicked": 0}
    assert answer == {"messages": 0, "before": zeros, "after": zeros}
    assert "0 messages with clicks judged again" in road.crm("clicks", "reclassify", ident)
    assert "there is no campaign 999999" in road.crm("clicks", "reclassify", "999999", exit_code=2)
    engine = create_engine(road.environment["CRM_DATABASE_URL"])
    with engine.connect() as connection:
        query = text("SELECT actor, object_id FROM crm_audit WHERE action = 'clicks.reclassify'")
        assert connection.execute(query).all() == [("command", ident)] * 2
    engine.dispose()


def test_the_same_for_people(road: Road) -> None:
    count = road.crm("segment", "count", "-", document=BOUGHT)
    ids = road.crm("segment", "ids", "-", document=BOUGHT).splitlines()
    assert int(count) == len(ids) == len(set(ids))
    assert "paid_count" in road.crm("segment", "explain", "-", "--person", ids[0], document=BOUGHT)
    assert road.crm("doctor").count("FAIL") == 0


def test_a_burst_twice_does_nothing_twice(road: Road) -> None:
    file = {"name": "x", "channel": "sms", "audience": BOUGHT, "template": "win-back-en", "link": LINK}
    ident = road.send(**file)
    before = road.status(ident), road.outbox(ident)
    assert before[0]["state"] == "finished"
    road.crm("worker", "--burst")
    assert (road.status(ident), road.outbox(ident)) == before


def test_the_day_is_done_once(beside: Beside) -> None:
    road = beside()
    road.crm("init", "--no-progress")
    first = road.crm("daily", "--json")["done"]
    assert len(first) > 1
    assert road.crm("daily", "--json")["done"] == []
    assert "nothing was due" in road.crm("daily")


def test_before_init_every_command_says_so(beside: Beside) -> None:
    road = beside()
    words = (["daily"], ["sync"], ["worker"], ["campaign", "status", "1"], ["segment", "count", "-"])
    for one in words:
        line = road.crm(*one, exit_code=1)
        assert line == "crm: the database has no CRM tables yet: run crm init\n"


DOWN = ["sqlite:////no/such/folder/x.db", "postgresql+psycopg://u:hidden@127.0.0.1:1/x"]
DOWN += ["mariadb+pymysql://u:hidden@127.0.0.1:1/x", "nonsense", "nosuch://u:hidden@x/y"]


@pytest.mark.parametrize("url", DOWN)
def test_without_a_database_it_is_one_line(road: Road, url: str) -> None:
    for words in (["init"], ["daily"], ["campaign", "status", "1"]):
        done = run(road, *words, database_url=url)
        assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.output
        assert "the database does not answer" in done.stderr
        assert "hidden" not in done.stderr


@pytest.mark.parametrize("db_kind", ["postgresql", "mariadb"], indirect=True)
def test_a_wrong_password_is_one_line(road: Road, db_url: str) -> None:
    from sqlalchemy import make_url

    wrong = make_url(db_url).set(username="nobody", password="hidden")
    done = run(road, "daily", database_url=wrong.render_as_string(hide_password=False))
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.output
    assert "hidden" not in done.stderr


BROKEN = [
    ({"database_url": "sqlite:////no/such/folder/x.db"}, "database"),
    ({"redis_url": "redis://127.0.0.1:1"}, "queue"),
    ({"host": ""}, "school"),
    ({"host_url": "sqlite:////no/such/folder/x.db"}, "school: school database"),
]


@pytest.mark.parametrize(("settings", "name"), BROKEN)
def test_the_doctor_finds_the_part_that_is_broken(road: Road, settings: dict[str, str], name: str) -> None:
    done = run(road, "doctor", "--json", **settings)
    lines = {line["name"]: line for line in json.loads(done.stdout)}
    assert (done.exit_code, lines[name]["ok"]) == (1, False)
    assert lines["instance"]["ok"]


def test_the_doctor_before_init(beside: Beside) -> None:
    done = run(beside(), "doctor")
    assert done.exit_code == 1
    assert "run crm init" in done.stdout


def test_a_school_that_is_not_there_fails_the_init_and_is_told(beside: Beside) -> None:
    road = beside()
    done = run(road, "init", "--json", host_url="sqlite:////no/such/folder/x.db")
    assert done.exit_code == 1
    assert set(json.loads(done.stdout)["failed"]) >= {"courses", "persons", "enrolments"}
    assert run(road, "init", "--json", host="").stderr == "crm: no host is registered: set CRM_HOST\n"


def test_groups_alone_show_their_commands(road: Road) -> None:
    done = run(road, "campaign")
    assert "launch" in done.output
    assert "Traceback" not in done.output
