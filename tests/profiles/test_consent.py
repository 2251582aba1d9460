"""Our opt-out always wins, among the school's records denied wins, and every answer stays on record."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import NotFound
from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.consent import eligibility
from crm_plugin.profiles.consent import ledger as consent
from crm_plugin.profiles.consent.ledger import InForce, Line, in_force
from crm_plugin.profiles.jobs import burst
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost, host_info
from tests.profiles.conftest import NOW, MakeCrm, count

EARLY, LATE = NOW - timedelta(days=9), NOW - timedelta(days=1)


def line(origin: str, state: str, at: datetime = EARLY, purpose: str = "marketing") -> Line:
    return Line(origin, purpose, state, at)


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        ([], None),
        ([line("host", "granted")], InForce("granted", "host", EARLY)),
        ([line("host", "granted"), line("host", "denied", purpose="all")], InForce("denied", "host", EARLY)),
        ([line("host", "denied"), line("host", "granted", LATE)], InForce("granted", "host", LATE)),
        ([line("host", "granted"), line("host", "unknown", LATE)], None),
        ([line("own", "denied"), line("host", "granted", LATE)], InForce("denied", "own", EARLY)),
        ([line("own", "denied"), line("own", "granted", LATE)], InForce("granted", "own", LATE)),
        ([line("host", "denied"), line("own", "granted", LATE)], InForce("granted", "own", LATE)),
        ([line("own", "granted"), line("host", "denied", LATE)], InForce("denied", "host", LATE)),
        ([line("host", "denied", purpose="newsletter")], None),
    ],
)
def test_which_consent_is_in_force(lines: list[Line], answer: InForce | None) -> None:
    assert in_force(lines) == answer


def ids(crm: Crm) -> dict[str, int]:
    with crm.db.read() as session:
        return {row.host_id: row.id for row in session.execute(sa.select(m.Person.host_id, m.Person.id))}


def matching(crm: Crm, condition: sa.ColumnElement[bool]) -> set[str]:
    with crm.db.read() as session:
        return set(session.scalars(sa.select(m.Person.host_id).where(condition)))


def ledger(crm: Crm) -> list[tuple[str, str, str]]:
    with crm.db.read() as session:
        columns = sa.select(m.ConsentRecord.channel, m.ConsentRecord.state, m.ConsentRecord.source)
        return [
            (channel, state, by)
            for channel, state, by in session.execute(columns.order_by(m.ConsentRecord.id))
        ]


def test_the_ledger_gets_a_line_only_when_the_answer_changed(make_crm: MakeCrm) -> None:
    host = FakeHost(r.Person("p", consents=(r.Consent("sms", True, source="form"),)))
    crm = make_crm(host)
    sync(crm)
    host.put(r.Person("p", display_name="New name", consents=(r.Consent("sms", True, source="form"),)))
    sync(crm)
    assert ledger(crm) == [("sms", "granted", "form")]
    host.put(r.Person("p", email_stopped=True, consents=(r.Consent("sms", False, source="call"),)))
    sync(crm)
    host.put(r.Person("p", consents=(r.Consent("sms", True), r.Consent("sms", False, "all", source="call"))))
    sync(crm)
    assert sorted(ledger(crm)[1:3]) == [("email", "denied", "email_stopped"), ("sms", "denied", "call")]
    assert ("email", "unknown", "withdrawn") in ledger(crm)[3:]
    assert matching(crm, eligibility.lacks_consent("sms", False)) == {"p"}
    assert matching(crm, eligibility.lacks_consent("email", False)) == set()
    assert matching(crm, eligibility.lacks_consent("email", True)) == {"p"}


def test_an_opt_out_binds_whoever_shares_the_address(make_crm: MakeCrm) -> None:
    host = FakeHost(
        r.Person("mother", phone="13800138000", consents=(r.Consent("sms", True),)),
        r.Person("child", phone="+86 138 0013 8000"),
        r.Person("other", phone="13800138009"),
    )
    crm = make_crm(host)
    sync(crm)
    with crm.db.begin() as session:
        consent.opt_out(crm, session, ids(crm)["mother"], "sms", NOW, "link", "v1")
    assert matching(crm, eligibility.suppressed("sms", "marketing")) == {"mother", "child"}
    assert matching(crm, eligibility.suppressed("sms", "service")) == set()
    assert matching(crm, eligibility.lacks_consent("sms", False)) == {"mother"}
    # What the school says later does not win, nor does a new number.
    host.put(r.Person("mother", phone="13900139000", consents=(r.Consent("sms", True, at=NOW),)))
    sync(crm)
    assert matching(crm, eligibility.lacks_consent("sms", False)) == {"mother"}
    with crm.db.begin() as session:
        consent.opt_in(crm, session, ids(crm)["child"], "sms", NOW, "page", "v2")
    assert matching(crm, eligibility.suppressed("sms", "marketing")) == set()
    assert ("sms", "granted", "page") in ledger(crm)


def test_a_global_opt_out_a_bounce_and_a_complaint_bind_service_messages(make_crm: MakeCrm) -> None:
    host = FakeHost(*(r.Person(f"p{n}", email=f"p{n}@x.example") for n in range(4)))
    crm = make_crm(host)
    sync(crm)
    with crm.db.begin() as session:
        consent.opt_out(crm, session, ids(crm)["p0"], "email", NOW, "page", scope="all")
        consent.suppress(crm, session, "email", "p1@x.example", "marketing", "bounce", NOW, "550")
        consent.suppress(crm, session, "email", "p1@x.example", "marketing", "bounce", NOW, "550 again")
        consent.suppress(crm, session, "email", "p2@x.example", "marketing", "manual", NOW, "staff")
    assert matching(crm, eligibility.suppressed("email", "service")) == {"p0", "p1"}
    assert matching(crm, eligibility.suppressed("email", "marketing")) == {"p0", "p1", "p2"}
    assert count(crm, m.Suppression) == 3
    with crm.db.begin() as session:
        assert consent.lift(session, "email", "p2@x.example", "marketing", "manual", NOW, "staff")
        assert not consent.lift(session, "email", "p2@x.example", "marketing", "manual", NOW, "staff")
    assert matching(crm, eligibility.suppressed("email", "marketing")) == {"p0", "p1"}


def test_nobody_can_opt_out_for_a_person_who_is_not_there(make_crm: MakeCrm) -> None:
    crm = make_crm(FakeHost())
    with pytest.raises(NotFound), crm.db.begin() as session:
        consent.opt_out(crm, session, 77, "sms", NOW, "link")


def test_unknown_consent_is_decided_by_setting_or_region() -> None:
    cn, gb = host_info(region="CN"), host_info(region="GB")
    assert not eligibility.unknown_is_no(Settings(), cn)
    assert eligibility.unknown_is_no(Settings(), gb)
    assert eligibility.unknown_is_no(Settings(), None)
    assert eligibility.unknown_is_no(Settings(host_region="GB"), cn)
    assert eligibility.unknown_is_no(Settings(consent_unknown="skip"), cn)
    assert not eligibility.unknown_is_no(Settings(consent_unknown="send"), gb)


def test_the_school_is_told_of_opt_outs_until_it_took_them(make_crm: MakeCrm) -> None:
    host = FakeHost(r.Person("p", phone="13800138000"))
    crm = make_crm(host)
    sync(crm)
    with crm.db.begin() as session:
        consent.opt_out(crm, session, ids(crm)["p"], "sms", NOW, "link")
    host.fail("host_push_consent")
    burst(crm)
    host.pushed.clear()
    host.heal()
    crm.clock.move(minutes=1)  # type: ignore[attr-defined]
    burst(crm)
    burst(crm)
    assert host.pushed == [("p", "sms", "denied", NOW, "link")]


def test_a_merge_moves_rows_and_keeps_the_strictest(make_crm: MakeCrm) -> None:
    host = FakeHost(
        r.Course("c", "C"),
        r.Person("old", phone="13800138000"),
        r.Person("new", phone="13800138001", consents=(r.Consent("sms", True), r.Consent("email", True))),
        r.Enrolment("e", "old", "c"),
    )
    crm = make_crm(host)
    sync(crm)
    with crm.db.begin() as session:
        consent.opt_out(crm, session, ids(crm)["old"], "sms", EARLY, "link")
        consent.opt_out(crm, session, ids(crm)["old"], "message", EARLY, "link")
        consent.opt_in(crm, session, ids(crm)["new"], "sms", LATE, "page")
    host.put(r.Person("old", merged_into="new"))
    sync(crm)
    assert count(crm, m.Enrolment, m.Enrolment.person_id == ids(crm)["new"]) == 1
    assert "new" in matching(crm, eligibility.lacks_consent("sms", False))
    assert "new" in matching(crm, eligibility.suppressed("message", "marketing"))
    assert "new" not in matching(crm, eligibility.lacks_consent("email", True))
    host.put(r.Signal("s", "old", "learn", NOW))
    sync(crm)
    assert count(crm, m.Signal, m.Signal.person_id == ids(crm)["new"]) == 1
    # The school takes the merge back: the next round sorts the rows out.
    host.put(r.Person("old", phone="13800138000"))
    sync(crm)
    sync(crm)
    assert count(crm, m.Enrolment, m.Enrolment.person_id == ids(crm)["old"]) == 1


def test_a_merge_into_somebody_who_comes_later(make_crm: MakeCrm) -> None:
    host = FakeHost(r.Course("c", "C"), r.Person("old", email="a@x.example"), r.Enrolment("e", "old", "c"))
    crm = make_crm(host)
    sync(crm)
    host.put(r.Person("old", merged_into="new"))
    sync(crm)
    assert matching(crm, m.Person.email_key.is_not(None)) == set()
    host.put(r.Person("new"))
    sync(crm)
    assert count(crm, m.Enrolment, m.Enrolment.person_id == ids(crm)["new"]) == 1
