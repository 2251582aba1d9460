"""A school that fails, lies or loses rows, a reader that is killed: nothing is lost or ended in error."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.kernel.db.engine import connect
from crm_plugin.kernel.errors import Conflict
from crm_plugin.kernel.migrate import upgrade
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models import streams as sm
from crm_plugin.profiles.sync import full_scan, lease
from crm_plugin.profiles.sync.daily import run as run_daily
from crm_plugin.profiles.sync.health import bad_rows, streams
from crm_plugin.profiles.sync.service import confirm_gone, sync
from tests.fakes.host import FakeHost, host_info
from tests.profiles.conftest import NOW, MakeCrm, clock_of, count, crm_on, health


def people(number: int) -> list[r.Person]:
    return [r.Person(f"p{n:05}", display_name=f"Person {n}") for n in range(number)]


def test_a_failing_stream_waits_and_the_others_go_on(make_crm: MakeCrm) -> None:
    host = FakeHost(r.Course("c", "C"), *people(3))
    crm = make_crm(host)
    host.fail("host_scan")
    result = sync(crm)
    assert set(result.states.values()) == {"failing"}
    assert "on fire" in result.failed["persons"]
    assert health(crm, "persons").retry_at == NOW + timedelta(seconds=5)
    host.heal()
    sync(crm)
    assert health(crm, "persons").state == "failing"
    clock_of(crm).move(seconds=6)
    assert sync(crm).complete
    assert count(crm, m.Person) == 3
    assert (health(crm, "persons").error, health(crm, "persons").retry_at) == (None, None)
    with crm.db.read() as session:
        assert {row.ok_at for row in streams(session, crm.clock())} == {clock_of(crm).at}


def test_a_school_that_says_nothing_is_written_down(make_crm: MakeCrm) -> None:
    host = FakeHost(*people(1))
    crm = make_crm(host)
    host.garbage("host_info")
    result = sync(crm)
    assert set(result.states.values()) == {"failing"}
    assert health(crm, "persons").error_code in ("host.garbage", "host.backing_off")


def test_failing_changes_are_taken_up_from_the_same_mark(make_crm: MakeCrm) -> None:
    host = FakeHost(*people(1))
    crm = make_crm(host)
    sync(crm)
    host.put(r.Person("new"))
    host.fail("host_changes")
    sync(crm)
    host.heal()
    clock_of(crm).move(minutes=1)
    assert sync(crm).complete
    assert count(crm, m.Person) == 2


def test_bad_rows_are_set_aside_and_come_in_when_mended(make_crm: MakeCrm) -> None:
    host = FakeHost(*people(5), r.Person("bad", status="nonsense"))
    crm = make_crm(host)
    assert sync(crm).complete
    assert count(crm, m.Person) == 5
    assert health(crm, "persons").quarantined == 1
    with crm.db.read() as session:
        assert [(row.host_id, row.at) for row in bad_rows(session, "persons")] == [("bad", NOW)]
    host.put(r.Person("bad"))
    sync(crm)
    assert health(crm, "persons").quarantined == 0
    assert count(crm, m.Person) == 6


def test_too_many_bad_rows_stop_the_stream_alone(make_crm: MakeCrm) -> None:
    host = FakeHost(r.Course("c", "C"), *people(5), *(r.Person(f"x{n}", status="?") for n in range(21)))
    crm = make_crm(host)
    result = sync(crm)
    assert result.states["persons"] == "stopped"
    assert result.states["courses"] == "current"
    assert health(crm, "persons").error_code == "sync.too_many_bad"
    host.remove("persons", *(f"x{n}" for n in range(21)))
    assert sync(crm).states["persons"] == "stopped"
    assert sync(crm, full=True).complete
    assert health(crm, "persons").quarantined == 0


def test_a_school_that_lost_many_rows_is_not_believed(make_crm: MakeCrm) -> None:
    host = FakeHost(*people(100))
    crm = make_crm(host)
    sync(crm)
    host.remove("persons", *(f"p{n:05}" for n in range(50)), silent=True)
    assert sync(crm, full=True).states["persons"] == "stopped"
    assert "50 of 100 persons" in (health(crm, "persons").error or "")
    assert health(crm, "persons").rows == 100
    with pytest.raises(Conflict):
        confirm_gone(crm, "courses")
    with pytest.raises(Conflict):
        confirm_gone(crm, "no stream, and a name longer than its column is")
    with crm.db.read() as session:
        assert set(session.scalars(sa.select(sm.Stream.stream))) <= set(r.STREAMS)
    confirm_gone(crm, "persons")
    assert health(crm, "persons").rows == 50
    assert sync(crm).complete


def test_the_day_finds_what_a_silent_school_lost(make_crm: MakeCrm) -> None:
    host = FakeHost(*people(10))
    crm = make_crm(host)
    sync(crm)
    assert run_daily(crm) == []
    host.remove("persons", "p00003", silent=True)
    assert run_daily(crm) == ["persons"]
    sync(crm)
    assert health(crm, "persons").rows == 9
    assert run_daily(crm) == []
    clock_of(crm).move(days=7)
    assert set(run_daily(crm)) == set(r.STREAMS)


def test_one_process_reads_a_stream(make_crm: MakeCrm) -> None:
    host = FakeHost(*people(3))
    crm = make_crm(host)
    token = lease.take(crm.db, "persons")
    assert token is not None
    assert sync(crm).states["persons"] == "busy"
    assert host.called("host_scan") == 4
    with crm.db.begin() as session:
        session.execute(sa.update(sm.Stream).values(lease_until=NOW - timedelta(days=900)))
    assert sync(crm).complete
    with pytest.raises(lease.LeaseLost), crm.db.begin() as session:
        lease.renew(crm.db, session, "persons", token)


def test_a_hint_is_fetched_and_a_missing_row_is_gone(make_crm: MakeCrm) -> None:
    host = FakeHost(*people(3))
    crm = make_crm(host)
    sync(crm)
    host.put(r.Person("p00001", display_name="Renamed"), silent=True)
    host.remove("persons", "p00002", silent=True)
    hints = [r.Touch("p00001"), r.Touch("p00002")]
    host.garbage("host_changes", r.ChangePage(list(hints), "0"))
    sync(crm)
    assert health(crm, "persons").rows == 2
    assert count(crm, m.Person, m.Person.display_name == "Renamed") == 1


def test_streams_that_were_never_read_are_new(make_crm: MakeCrm) -> None:
    crm = make_crm(FakeHost(info=host_info()))
    with crm.db.read() as session:
        assert [(row.stream, row.state, row.age) for row in streams(session, NOW)] == [
            (stream, "new", None) for stream in r.STREAMS
        ]


KILLED = """
import os, signal, sys
from pathlib import Path
from crm_plugin.kernel.db.engine import connect
from crm_plugin.profiles.sync import full_scan
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import crm_on
from tests.profiles.test_faults import people
full_scan.PAGE = 20
def show(progress):
    if progress.stream == "persons" and progress.done == 60:
        os.kill(os.getpid(), signal.SIGKILL)
sync(crm_on(connect(sys.argv[1]), FakeHost(*people(100)), Path(sys.argv[2])), progress=show)
"""


def test_a_killed_scan_goes_on_where_it_stood(
    db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = connect(db_url)
    upgrade(database)
    child = subprocess.run([sys.executable, "-c", KILLED, db_url, str(tmp_path)], check=False)
    assert child.returncode == -signal.SIGKILL
    host = FakeHost(*people(100))
    crm = crm_on(database, host, tmp_path)
    with database.begin() as session:
        # The dead process's lease runs out.
        session.execute(sa.update(sm.Stream).values(lease_until=NOW - timedelta(days=900)))
    monkeypatch.setattr(full_scan, "PAGE", 20)
    assert sync(crm).complete
    pages = [
        arguments[1] for hook, arguments in host.calls if hook == "host_scan" and arguments[0] == "persons"
    ]
    assert pages == ["p00059", "p00079"]
    assert count(crm, m.Person) == 100
    database.close()
