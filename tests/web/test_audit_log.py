"""The audit log's page, API and file: found by who, what, whom and when, in words, for administrators."""

import csv
import re
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import crm_plugin
from crm_plugin.host import token_actors
from crm_plugin.kernel import audit
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.credentials import accounts
from crm_plugin.kernel.credentials.tokens import Grant
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.privacy.requests import forget
from crm_plugin.web.admin.audit_words import TABLES
from tests.fakes.crm import NOW
from tests.fakes.host import staff
from tests.web.fixtures import School

API = "/api/v1/audit"
pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
ROWS: tuple[tuple[str, str, tuple[str, object], dict[str, Any]], ...] = (
    ("lin", "campaign.create", ("campaign", 17), {}),
    ("lin", "campaign.launch", ("campaign", 17), {}),
    ("system", "campaign.pause", ("campaign", 17), {"reason": "carrier_failing"}),
    ("p2", "tag.put", ("tag", "=cmd|' /C calc'!A0"), {"count": 34}),
    ("visitor", "account.refuse", ("account", "lin"), {"count": 7, "client": "203.0.113.9"}),
    ("command", "query.save", ("query", 3), {"name": "<b>Dormant</b>"}),
)
"""Who, what, to what, and what is kept beside it; one a day, the first ten days ago."""


@pytest.fixture
def log(school: School) -> School:
    """A school in which something was done, about Person 03 last."""
    with school.crm.db.begin() as session:
        accounts.save(session, "lin", "a password", accounts.Grant(["crm.admin"]), "Lin Mei")
        for day, (who, what, of, more) in enumerate(ROWS):
            audit.record(session, NOW - timedelta(days=10 - day), who, what, of, **more)
        theirs = session.scalar(sa.select(Person.id).where(Person.host_id == "p3"))
        audit.record(session, NOW, "p2", "follow_up.add", ("follow_up", 1), person=theirs)
        audit.record(session, NOW, "p2", "consent.deny", ("person", theirs), channel="sms")
    school.host.actor = staff("boss")
    return school


def found(log: School, **asked: Any) -> list[str]:
    answer = log.get(API, query_string=asked)
    assert answer.status_code == 200, answer.text
    return [one["action"] for one in answer.get_json()["items"]]


ASKED: list[tuple[dict[str, Any], list[str]]] = [
    ({"actor": "lin"}, ["campaign.launch", "campaign.create"]),
    ({"action": "campaign"}, ["campaign.pause", "campaign.launch", "campaign.create"]),
    ({"action": "campaign.pause"}, ["campaign.pause"]),
    ({"action": "camp"}, []),
    ({"action": "%"}, []),
    ({"about": "17", "actor": "lin"}, ["campaign.launch", "campaign.create"]),
    ({"about": "campaign 17", "actor": "lin"}, ["campaign.launch", "campaign.create"]),
    ({"about": "query 17"}, []),
    ({"about": "p3"}, ["consent.deny", "follow_up.add"]),
    ({"about": "person 03"}, ["consent.deny", "follow_up.add"]),
    ({"about": "+86 138 0013 0003"}, ["consent.deny", "follow_up.add"]),
    ({"about": "P3@example.com"}, ["consent.deny", "follow_up.add"]),
    ({"about": "lin"}, ["account.refuse"]),
    ({"since": (NOW - timedelta(days=5)).isoformat(), "until": NOW.isoformat()}, ["query.save"]),
    ({"about": "nobody"}, []),
]


def test_each_filter_finds_what_it_says(log: School) -> None:
    for asked, actions in ASKED:
        assert found(log, **asked) == actions, asked


def test_pages_of_the_api_lead_through_all_of_it(log: School) -> None:
    seen: list[int] = []
    following: dict[str, int] = {}
    while True:
        page = log.get(API, query_string={"limit": 3, **following}).get_json()
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        following = {"after": page["next"]}
    assert len(seen) == len(ROWS) + 2
    assert seen == sorted(seen, reverse=True)


def test_a_row_names_people_by_the_schools_id(log: School) -> None:
    last = log.get(API, query_string={"limit": 1}).get_json()["items"][0]
    assert (last["object_kind"], last["object_id"], last["person"]) == ("person", "p3", "p3")
    assert (last["actor"], last["actor_name"], last["person_name"]) == ("p2", "Person 02", "Person 03")


def test_moments_outside_the_calendar_are_refused(log: School) -> None:
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        assert log.get(API, query_string={"since": moment}).status_code == 400


def test_the_page_speaks_in_words(log: School) -> None:
    text = log.get("/audit").text
    for words in ("Lin Mei", "Sent a campaign", "Too many failures of the carrier", "A visitor", "The CRM"):
        assert words in text
    assert "203.0.113.9" in text
    assert "&lt;b&gt;Dormant" in text
    assert "campaign.launch" not in re.sub(r"<select.*?</select>", "", text, flags=re.S)


def test_an_object_is_found_by_its_kind_in_the_readers_language(log: School) -> None:
    for locale, about in (("en", "Campaign 17"), ("zh-CN", "群发 17")):
        log.host.actor = replace(staff("boss"), locale=locale)
        assert log.get("/audit", query_string={"about": about}).text.count("<tr>") == 1 + 3
    log.host.actor = staff("boss")
    assert "/audit?about=p3" in log.get(f"/people/{_number(log)}").text


def _number(log: School) -> int:
    with log.crm.db.read() as session:
        return int(session.scalar(sa.select(Person.id).where(Person.host_id == "p3")) or 0)


def test_an_erased_person_is_called_so(log: School) -> None:
    forget(log.crm, _number(log))
    text = log.get("/audit").text
    assert "Erased person" in text
    assert "forgotten:" not in text
    assert "Person 03" not in text


def test_the_page_filters_and_leads_on(log: School) -> None:
    with log.crm.db.begin() as session:
        for _ in range(60):
            audit.record(session, NOW, "p2", "reply.done", ("reply", 1))
    first = log.get("/audit?actor=p2&action=reply")
    assert first.text.count("Marked a reply as read") == 50 + 1  # and once in the list to choose from
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following is not None
    second = log.client.get(following[1].replace("&amp;", "&"))
    assert second.text.count("Marked a reply as read") == 10 + 1
    assert "Back to the start" in second.text


def test_days_are_those_of_the_reader(log: School) -> None:
    day = (NOW - timedelta(days=5)).strftime("%Y-%m-%d")
    text = log.get(f"/audit?since={day}&until={day}").text
    assert "Dormant" in text
    assert "203.0.113.9" not in text
    assert "Nothing matches" in log.get("/audit?since=2030-01-01").text
    assert "expected a day" in log.get("/audit?until=yesterday").text
    for odd in ("0001-01-01", "9999-12-31"):
        assert log.get(f"/audit?since={odd}&until={odd}").status_code == 200


def test_an_empty_log_says_what_will_be_there(school: School) -> None:
    school.host.actor = staff("boss")
    assert "appears here from now on" in school.get("/audit").text


def test_the_file_holds_what_was_filtered_and_no_formula(log: School) -> None:
    answer = log.post("/audit/export", {"actor": "p2"})
    assert answer.headers["Cache-Control"] == "no-store"
    rows = list(csv.reader(StringIO(answer.get_data().decode("utf-8-sig"))))
    assert [row[3] for row in rows[1:]] == ["consent.deny", "follow_up.add", "tag.put"]
    assert rows[3][6].startswith("'=")
    with log.crm.db.read() as session:
        last = session.scalars(sa.select(AuditRow).order_by(AuditRow.id.desc())).first()
    assert last is not None
    assert (last.actor, last.action, last.details) == ("boss", "audit.export", {"who": "p2"})


def test_a_program_is_called_by_its_name(log: School) -> None:
    ident, _ = token_actors.create(log.crm, staff("boss"), Grant("Nightly export", ["crm.admin"]))
    with log.crm.db.begin() as session:
        audit.record(session, NOW, f"token:{ident}", "people.export", count=3)
    row = log.get(API, query_string={"actor": f"token:{ident}"}).get_json()["items"][0]
    assert row["actor_name"] == "Nightly export"


def test_who_may_not_everything_sees_nothing(log: School) -> None:
    for rights, scope in ((["crm.view", "crm.export", "crm.send"], None), (["crm.admin"], frozenset({"c1"}))):
        log.sign_in(*rights, scope=scope)
        assert log.get("/audit").status_code == 403
        assert log.get(API).status_code == 403
        assert "Audit log" not in log.get("/campaigns").text


AREAS = "|".join(sorted(TABLES["audit_area"]))
RECORDED = re.compile(rf'"((?:{AREAS})\.[a-z_]+)"')
NOT_ACTIONS = re.compile(r"errors\.py|/web/|/cli/|words")


def test_every_action_has_words(db_kind: str) -> None:
    """Actions stand as texts in the code that records them; what looks like one is the code of an error."""
    package = Path(crm_plugin.__file__).parent
    recording = [path for path in package.rglob("*.py") if "audit" in path.read_text()]
    texts = [path.read_text() for path in recording if not NOT_ACTIONS.search(str(path))]
    raised = re.compile(
        r'(?:BadInput|Conflict|Refused|NotFound|Unavailable|TakeBack\] = \{[^}]*)\(\s*"[^"]+"'
    )
    found = {one for text in texts for one in RECORDED.findall(raised.sub("", text))}
    assert found - set(TABLES["audit"]) == set()
    assert len(found) > 40
