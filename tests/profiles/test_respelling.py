"""An upgraded installation follows changed rules of spelling by itself; the school is not read again."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.key_value import Kept
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.staff import CrmTag
from crm_plugin.profiles.sync import respelling
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import NOW, MakeCrm

LONG = "x" * 300


def school() -> FakeHost:
    return FakeHost(
        r.Course("c1", title=f"İstanbul {LONG}", tags=("istanbul", "İstanbul")),
        r.Person(
            "p1",
            display_name="Işık",
            email="a@x.example; b@y.example",
            phone="400-820-8820",
            gender="",
            company=LONG,
            tags=("İzmir", "ızmir"),
            attributes={"motto": LONG, "empty": "", "town": "İzmir"},
        ),
        r.Person("p2", display_name="Bo", email="josé@x.example", phone="13800138000"),
        r.Enrolment("e1", "p1", "c1", end_reason=""),
        r.Order("o1", "p1", "pending", Decimal(1), "CNY", coupon="İNDİRİM", source=""),
    )


def stored(crm: Crm) -> list[Any]:
    """What the rules of spelling make, of every table."""
    tables = (m.Person, m.Course, m.CourseLabel, m.Enrolment, m.Order, m.PersonTag, m.PersonAttribute, CrmTag)
    with crm.db.read() as session:
        found = [[tuple(row) for row in session.execute(sa.select(*model.__table__.c))] for model in tables]
    return [sorted(rows, key=repr) for rows in found]


def of(session: Session, model: Any, host_id: str) -> int:
    """Our id of a record of the school."""
    return int(session.scalars(sa.select(model.id).where(model.host_id == host_id)).one())


def spelled_before(crm: Crm) -> None:
    """Write what an earlier version kept."""
    dotted = "i\u0307"
    with crm.db.begin() as session:
        ada = of(session, m.Person, "p1")
        one = sa.update(m.Person).where(m.Person.host_id == "p1")
        session.execute(
            one.values(
                display_name_folded="ışık",
                email="a@x.example; b@y.example",
                email_folded="a@x.example; b@y.example",
                email_key=None,
                phone_key="+864008208820",
                gender="",
                gender_folded="",
                company_folded=LONG[:255],
            )
        )
        session.execute(
            sa.update(m.Person).where(m.Person.host_id == "p2").values(email_key="josé@x.example")
        )
        session.execute(sa.update(m.Course).values(title_folded=f"{dotted}stanbul {LONG}"[:255]))
        again = {"kind": "tag", "folded": f"{dotted}stanbul", "value": "İstanbul", "position": 1}
        session.execute(sa.insert(m.CourseLabel).values(course_id=of(session, m.Course, "c1"), **again))
        session.execute(sa.update(m.Enrolment).values(end_reason="", end_reason_folded=""))
        coupon = {"coupon_folded": f"{dotted}nd{dotted}r{dotted}m", "source": "", "source_folded": ""}
        session.execute(sa.update(m.Order).values(**coupon))
        session.execute(
            sa.update(m.PersonTag).where(m.PersonTag.kind == "tag").values(folded=f"{dotted}zmir")
        )
        session.execute(
            sa.insert(m.PersonTag).values(person_id=ada, kind="tag", folded="ızmir", value="ızmir")
        )
        session.execute(sa.update(m.PersonAttribute).values(whole=None))
        town = sa.update(m.PersonAttribute).where(m.PersonAttribute.name == "town")
        session.execute(town.values(folded=f"{dotted}zmir"))
        empty = {"person_id": ada, "name": "empty", "value": "", "folded": ""}
        session.execute(sa.insert(m.PersonAttribute).values(**empty))
        session.execute(sa.update(CrmTag).values(folded=f"{dotted}yi"))
        session.execute(sa.delete(Kept).where(Kept.name == "profiles.spelling"))


def tagged(crm: Crm, at: datetime = NOW) -> None:
    with crm.db.begin() as session:
        row = {
            "person_id": of(session, m.Person, "p1"),
            "folded": "iyi",
            "value": "İyi",
            "state": "on",
            "author": "a",
            "at": at,
            "changed_at": at,
            "batch": "b",
        }
        session.execute(sa.insert(CrmTag).values(**row))


def test_what_is_stored_becomes_what_a_new_scan_would_write(make_crm: MakeCrm) -> None:
    host = school()
    crm = make_crm(host)
    sync(crm)
    tagged(crm)
    new = stored(crm)
    spelled_before(crm)
    assert stored(crm) != new
    calls = len(host.calls)
    assert respelling.proceed(crm, None) > 0
    assert stored(crm) == new
    asked = [name for name, *_ in host.calls[calls:]]
    assert "host_scan" not in asked
    assert "host_fetch" not in asked
    assert respelling.proceed(crm, None) == 0


def test_no_row_is_written_once_more_by_the_next_scan(make_crm: MakeCrm) -> None:
    crm = make_crm(school())
    sync(crm)
    spelled_before(crm)
    sync(crm)
    assert sync(crm, full=True).changed == 0


def test_it_goes_on_where_it_was_stopped(make_crm: MakeCrm) -> None:
    crm = make_crm(school())
    sync(crm)
    new = stored(crm)
    spelled_before(crm)
    assert respelling.proceed(crm, 0.0) == 0, "no time: nothing is done"
    seen = 0
    while not respelling._is_done(place(crm)):
        crm.db.run(lambda session: respelling._next(session, "CN"))
        seen += 1
    assert seen > len(respelling.STEPS)
    assert stored(crm) == new


def place(crm: Crm) -> Any:
    with crm.db.read() as session:
        return session.scalar(sa.select(Kept.value).where(Kept.name == "profiles.spelling"))
