"""Two processes read one school: rows that each parks while the other writes what they wait for."""

import os
import subprocess
import sys

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.streams import Parked, Stream
from crm_plugin.profiles.sync import lease
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import MakeCrm, clock_of, count


def test_a_row_parked_while_its_person_was_written_elsewhere_is_freed(make_crm: MakeCrm) -> None:
    host = FakeHost(
        r.Person("p1", display_name="Ann"), r.Course("c1", "Piano"), r.Enrolment("e1", "p1", "c1")
    )
    crm = make_crm(host)
    other = lease.take(crm.db, "persons")
    assert other is not None
    assert sync(crm).states["persons"] == "busy"
    assert (count(crm, Parked), count(crm, m.Enrolment)) == (1, 0)
    # The other process does not see what we are about to commit: its writing frees nothing.
    with crm.db.begin() as session:
        row = session.scalars(sa.select(Parked)).one()
        session.delete(row)
    lease.release(crm.db, "persons", other)
    assert sync(crm).states["persons"] == "current"
    kept = {column.name: getattr(row, column.name) for column in Parked.__table__.columns}
    with crm.db.begin() as session:
        session.add(Parked(**kept))
    clock_of(crm).move(seconds=30)
    sync(crm)
    assert (count(crm, Parked), count(crm, m.Enrolment)) == (0, 1)


def test_the_lease_of_a_dead_process_is_free_and_that_of_a_living_one_is_not(make_crm: MakeCrm) -> None:
    crm = make_crm(FakeHost())
    mine = lease.take(crm.db, "persons")
    assert mine is not None
    assert lease.take(crm.db, "persons") is None
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = mine.replace(f"-{os.getpid()}-", f"-{child.pid}-")
    elsewhere = "0" * 8 + dead[8:]
    for token, free in ((elsewhere, False), (dead, True)):
        with crm.db.begin() as session:
            session.execute(sa.update(Stream).values(token=token))
        assert (lease.take(crm.db, "persons") is not None) == free
