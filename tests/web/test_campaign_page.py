"""A campaign's own page: live numbers, decisions, report, people, export; and who may do what."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import jobs, queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import install
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.profiles.models.school import Order
from tests.campaigns.fixtures import status
from tests.fakes.crm import NOW
from tests.fakes.host import staff
from tests.web.fixtures import PEOPLE, School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}


def launched(school: School, **changes: Any) -> int:
    document = {"name": "Autumn", "channel": "message", "text": "Hello", "audience": EVERYBODY, **changes}
    ident = drafts.create(school.crm, staff("ann"), document)
    service.launch(school.crm, staff("ann"), ident)
    return ident


def sent(school: School, **changes: Any) -> int:
    ident = launched(school, **changes)
    install(school.crm)
    while jobs.burst(school.crm):
        pass
    return ident


def set_rows(school: School, ident: int, number: int, **values: Any) -> list[int]:
    """Change the first rows of a campaign; return them."""
    with school.crm.db.begin() as session:
        first = sa.select(Delivery.id).where(Delivery.campaign_id == ident).order_by(Delivery.id)
        ids = list(session.scalars(first.limit(number)))
        session.execute(sa.update(Delivery).where(Delivery.id.in_(ids)).values(**values))
    return ids


def set_campaign(school: School, ident: int, **values: Any) -> None:
    with school.crm.db.begin() as session:
        session.execute(sa.update(Campaign).where(Campaign.id == ident).values(**values))


def states(school: School, ident: int) -> dict[str, int]:
    books = status(school.crm, ident)["books"]
    return {name: count for name, count in books.items() if isinstance(count, int) and count}


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        ("campaign.unknown_template", "Its SMS template is gone", "所用的短信模板已不存在"),
        ("segment.missing_query", "Its audience or goal uses a quick query", "人群或目标引用的快捷查询"),
        ("content.unknown_variable", "Its text cannot be sent as it is", "现有内容无法发送"),
        ("settings.bad_value", "A setting of the carrier is wrong", "服务商的设置有误"),
        ("settle_failed", "answers could not be saved", "未能写入数据库"),
    ],
)
def test_what_stopped_a_campaign_is_told_in_words(
    school: School, reason: str, english: str, chinese: str
) -> None:
    ident = launched(school)
    set_campaign(school, ident, state="paused", reason=reason)
    for language, words in (("en", english), ("zh", chinese)):
        school.sign_in(locale=language)
        text = school.get(f"/campaigns/{ident}").text
        assert words in text
        assert reason not in text
        assert "c-note--warn" in text, "what to do about it"


@pytest.mark.parametrize("reason", ["late", "copied", "stale_data", "carrier_failing"])
def test_why_it_stands_still_is_explained(school: School, reason: str) -> None:
    ident = launched(school)
    set_campaign(school, ident, state="held", reason=reason)
    page = school.get(f"/campaigns/{ident}").text
    assert "Confirm and send" in page
    assert re.search(r'<div class="c-note c-note--warn c-section"><p>[A-Z]', page)
    assert f">{reason}<" not in page
    school.post(f"/campaigns/{ident}/resume")
    assert queries.get(school.crm, ident).state in ("freezing", "sending")


def test_messages_in_doubt_are_decided_one_by_one_or_all(school: School) -> None:
    ident = sent(school)
    ids = set_rows(school, ident, 4, state="unknown", reason="lapsed")
    page = school.get(f"/campaigns/{ident}/people?what=unknown").text
    assert page.count('name="row"') == 4
    school.post(f"/campaigns/{ident}/resolve", {"some": "1", "decision": "sent"})
    assert states(school, ident)["unknown"] == 4  # nobody was ticked
    school.post(f"/campaigns/{ident}/resolve", {"some": "1", "decision": "sent", "row": str(ids[0])})
    assert states(school, ident) == {"considered": PEOPLE, "sent": PEOPLE - 3, "unknown": 3}
    school.post(f"/campaigns/{ident}/resolve", {"some": "1", "decision": "again", "row": str(ids[1])})
    assert states(school, ident) == {"considered": PEOPLE, "sent": PEOPLE - 3, "unknown": 2, "pending": 1}
    school.post(f"/campaigns/{ident}/resolve", {"decision": "sent"})
    assert "unknown" not in states(school, ident)


def test_each_reason_opens_its_people(school: School) -> None:
    ident = sent(school)
    set_rows(school, ident, 3, state="failed_permanent", reason="bounced")
    page = school.get(f"/campaigns/{ident}").text
    link = re.findall(
        r'href="([^"]*what=failed_permanent:bounced|[^"]*failed_permanent%3Abounced)">(\d+)', page
    )
    assert link[0][1] == "3"
    people = school.client.get(link[0][0].replace("&amp;", "&")).text
    assert people.count('scope="row"') == 3
    assert "3 people" in people


def test_failed_ones_are_tried_again_after_a_question(school: School) -> None:
    ident = sent(school)
    set_rows(school, ident, 2, state="failed_transient", reason="unavailable")
    assert "2 messages that failed for now" in school.get(f"/campaigns/{ident}").text
    school.post(f"/campaigns/{ident}/retry")
    assert states(school, ident)["pending"] == 2


def test_the_pace_is_that_of_the_last_seconds(school: School) -> None:
    ident = sent(school)
    set_rows(school, ident, 4, state="pending")
    set_campaign(school, ident, state="sending", finished_at=None, launched_at=NOW - timedelta(hours=1))
    before = f"{(NOW - timedelta(seconds=4)).timestamp()} 0"
    text = school.get(f"/campaigns/{ident}/live", query_string={"sample": before}).text
    assert "2 a second" in text
    assert "2 seconds left" in text
    for odd in ("nonsense", "1e999 4", "nan 1", "5 x"):
        assert school.get(f"/campaigns/{ident}/live", query_string={"sample": odd}).status_code == 200


def test_the_live_part_asks_again_only_while_something_moves(school: School) -> None:
    ident = launched(school)
    assert "every 2s" in school.get(f"/campaigns/{ident}").text
    service.pause(school.crm, staff("ann"), ident)
    assert "hx-trigger" not in school.get(f"/campaigns/{ident}/live").text


def test_the_report_names_its_window_and_opens_its_buyers(school: School) -> None:
    ident = sent(school)
    paid = {"state": "paid", "amount": Decimal(50), "refunded": Decimal(0), "currency": "CNY", "row_hash": ""}
    with school.crm.db.begin() as session:
        rows = [
            {**paid, "host_id": f"x{number}", "person_id": number, "paid_at": NOW + timedelta(days=days)}
            for number, days in ((1, 2), (2, 6))
        ]
        session.execute(sa.insert(Order), rows)
    week = school.get(f"/campaigns/{ident}/report").text
    assert "Bought within 7 days of their message" in week
    assert "2 people · 2 orders" in week
    assert "¥100" in week
    assert "1 person · 1 order<" in school.get(f"/campaigns/{ident}/report?days=3").text
    assert school.get(f"/campaigns/{ident}/report?days=4").status_code == 400
    people = school.get(f"/campaigns/{ident}/people?what=bought:3").text
    assert people.count('scope="row"') == 1
    school.sign_in("crm.view")
    assert "¥" not in school.get(f"/campaigns/{ident}/report").text


def test_who_is_limited_learns_nothing_of_purchases(school: School) -> None:
    school.sign_in(scope=frozenset({"c1"}))
    answer = school.post("/campaigns/new")
    ident = int(re.findall(r"/(\d+)/", answer.location)[-1])
    document = {**queries.get(school.crm, ident).document(), "channel": "message", "text": "Hello"}
    drafts.update(school.crm, staff("ann"), ident, {**document, "policy": {}})
    service.launch(school.crm, staff("ann"), ident)
    install(school.crm)
    while jobs.burst(school.crm):
        pass
    text = school.get(f"/campaigns/{ident}/report").text
    assert ">Sent<" in text
    assert "Bought" not in text


def test_an_export_is_the_list_word_for_word_and_audited(school: School) -> None:
    ident = sent(school)
    answer = school.post(f"/campaigns/{ident}/export", {"what": "sent"})
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert rows[0][:3] == ["Number", "Person", "State"]
    assert len(rows) == PEOPLE + 1
    assert ["p2", "Person 02", "Sent"] in [row[:3] for row in rows]
    with school.crm.db.read() as session:
        row = session.scalars(sa.select(AuditRow).where(AuditRow.action == "campaign.export")).one()
    assert (row.actor, row.object_id, row.count, row.details) == (
        "admin",
        str(ident),
        PEOPLE,
        {"what": "sent"},
    )
    assert school.post(f"/campaigns/{ident}/export", {"what": "secrets"}).status_code == 400
    school.sign_in("crm.view", "crm.send")
    assert school.post(f"/campaigns/{ident}/export").status_code == 403


def test_no_cell_of_an_export_is_a_formula(school: School) -> None:
    with school.crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_person SET display_name = '=HYPERLINK(1)' WHERE id = 1"))
    ident = sent(school)
    text = school.post(f"/campaigns/{ident}/export").get_data().decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in text


def test_who_may_not_send_sees_why(school: School) -> None:
    ident = launched(school)
    draft = drafts.create(
        school.crm, staff("ann"), {"name": "Later", "channel": "message", "text": "x", "audience": EVERYBODY}
    )
    school.sign_in("crm.view")
    assert "needs the permission crm.send" in school.get("/campaigns").text
    page = school.get(f"/campaigns/{ident}").text
    assert "needs the permission crm.send" in page
    assert "/pause" not in page
    assert school.get(f"/campaigns/{draft}").status_code == 200
    for path in ("pause", "cancel", "launch", "copy", "discard", "resolve", "retry", "test"):
        assert school.post(f"/campaigns/{ident}/{path}").status_code == 403, path
    assert school.get(f"/campaigns/{draft}/content").status_code == 403
