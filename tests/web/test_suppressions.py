"""The page of stopped addresses, and what the health page tells of e-mail that came back."""

import pytest
import sqlalchemy as sa

from crm_plugin.channels import suppressions
from crm_plugin.channels.email.feedback import bounces
from crm_plugin.channels.email.feedback.bounces import Event
from crm_plugin.channels.models import Bounce
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.errors import Refused
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.school import Suppression
from tests.fakes.crm import NOW
from tests.web.fixtures import School


def suppressed(school: School) -> list[tuple[str, str, str, str]]:
    with school.crm.db.read() as session:
        rows = session.scalars(sa.select(Suppression).order_by(Suppression.id))
        return [(row.channel, row.address_key, row.scope, row.reason) for row in rows]


def ident(school: School) -> int:
    with school.crm.db.read() as session:
        return session.scalars(sa.select(Suppression.id)).one()


def came_back(school: School, address: str = "ann@a.example") -> None:
    event = Event("e-1", address, "hard", "5.1.1", "mail", NOW)
    with school.crm.db.begin() as session:
        bounces.record(session, event)
        bounces.stop(school.crm, session, event)


def test_an_address_that_came_back_is_listed_and_may_be_used_again(school: School) -> None:
    came_back(school)
    shown = school.get("/stopped")
    assert "ann@a.example" in shown.text
    assert "mail 5.1.1" in shown.text
    answer = school.post(f"/stopped/{ident(school)}/lift", follow_redirects=True)
    assert "Messages to this address are allowed again" in answer.text
    assert suppressed(school) == []
    with school.crm.db.read() as session:
        assert session.scalars(sa.select(Bounce.counts)).all() == [False]
        actions = session.scalars(sa.select(AuditRow.action).where(AuditRow.actor != "system")).all()
    assert {"bounce.forgive", "address.lift"} <= set(actions)


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("channel", "address", "key"),
    [
        ("email", " Eve@Ａ.example", "eve@a.example"),
        ("sms", "138 0013 8000", "+8613800138000"),
        ("message", "p1", "p1"),
    ],
)
def test_staff_block_an_address_for_everything(school: School, channel: str, address: str, key: str) -> None:
    school.crm.settings.host_region = "CN"
    for _ in range(2):
        assert school.post("/stopped/block", {"channel": channel, "address": address}).status_code == 302
    assert suppressed(school) == [(channel, key, "all", "manual")]
    assert key in school.get(f"/stopped?reason=manual&address={address.replace('+', '%2B')}").text
    assert key not in school.get("/stopped?reason=bounce").text
    school.post(f"/stopped/{ident(school)}/lift")
    assert suppressed(school) == []


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("channel", "address"), [("email", "no address"), ("sms", "12"), ("fax", "1"), ("message", " ")]
)
def test_what_is_no_address_comes_back_as_it_was_typed(school: School, channel: str, address: str) -> None:
    answer = school.post("/stopped/block", {"channel": channel, "address": address})
    assert answer.status_code == 400
    assert f'value="{address}"' in answer.text
    assert suppressed(school) == []


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_nobody_takes_an_opt_out_back_for_somebody_else(school: School) -> None:
    with school.crm.db.begin() as session:
        ledger.suppress(school.crm, session, "email", "ann@a.example", "marketing", "opt_out", NOW, "page")
    assert "only the person can change it" in school.get("/stopped").text
    answer = school.post(f"/stopped/{ident(school)}/lift")
    assert answer.status_code == 409
    assert len(suppressed(school)) == 1
    assert school.post("/stopped/999/lift").status_code == 404


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_the_service_itself_asks_who_it_is(school: School) -> None:
    limited = Actor("x", "X", frozenset({"crm.view", "crm.admin"}), scope=frozenset({"c1"}))
    for somebody in (limited, Actor("y", "Y", frozenset({"crm.view", "crm.edit", "crm.send"}))):
        with pytest.raises(Refused):
            suppressions.listed(school.crm, somebody)
        with pytest.raises(Refused):
            suppressions.block(school.crm, somebody, "email", "a@b.example")
        with pytest.raises(Refused):
            suppressions.lift(school.crm, somebody, 1)


def test_the_list_is_read_page_by_page(school: School) -> None:
    with school.crm.db.begin() as session:
        for number in range(60):
            ledger.suppress(
                school.crm, session, "sms", f"+86138000000{number:02}", "all", "manual", NOW, "ann"
            )
    first = school.get("/stopped").text
    assert first.count("data-label") // 3 == 50
    following = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert school.client.get(following).text.count("data-label") // 3 == 10


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_the_health_page_tells_numbers_and_thresholds(school: School) -> None:
    came_back(school)
    shown = " ".join(school.get("/health").text.split())
    assert "E-mail that came back" in shown
    assert "after 3 in a row, over 3 days or more" in shown
    assert "Came back 1" in shown
    school.crm.settings.bounce_soft = 0
    assert "after 3 in a row" not in school.get("/health").text
    school.sign_in(scope=frozenset({"c1"}))
    assert "E-mail that came back" not in school.get("/health").text
