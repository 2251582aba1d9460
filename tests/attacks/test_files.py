"""Others on the machine: what an installation keeps is for its account, or for one group that it names."""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.cli.doctor.checks import examine
from crm_plugin.host.context import Crm
from crm_plugin.host.records import HostEvent
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.private_files import make_folder
from crm_plugin.kernel.queue import embedded_valkey
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.settings import Settings
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import signer
from crm_plugin.plugin import open_crm, prepare
from crm_plugin.profiles.sync.events import Sink
from crm_plugin.segments.bulk import exports
from crm_plugin.segments.listing.subsets import Part
from tests.fakes.crm import make_crm
from tests.project.tree import ROOT
from tests.web.limits import ADMIN, EVERYBODY

PACKAGE = ROOT / "crm_plugin"


@pytest.fixture(params=[0o000, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask of the school's process: one lets everybody read and write, one nobody else."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def work(crm: Crm) -> None:
    """Do what leaves files: tables, an event, a click, an export, a queue."""
    prepare(crm)
    Sink(crm).emit(HostEvent("persons", ["p1"]))
    redirector = Redirector(crm)
    redirector.answer(signer(crm).code(1, 1), "GET", {}, "192.0.2.1")
    redirector.close()
    exports.queue(crm, ADMIN, exports.Wanted(Part(EVERYBODY), ["display_name"], "csv"))
    exports.queue(crm, ADMIN, exports.Wanted(Part(EVERYBODY), ["display_name"], "xlsx"))
    exports.make_due(crm)
    if (queue := embedded_valkey.start(crm.instance)) is not None:
        Queue(queue.url, crm.instance / "warned").warn(RuntimeError("x"))
        queue.close()


def modes(folder: Path) -> dict[str, int]:
    """Return the mode of each thing in a folder, and its own."""
    found = [folder, *folder.rglob("*")]
    return {str(one.relative_to(folder)): stat.S_IMODE(one.stat().st_mode) for one in found}


def test_nobody_else_reads_what_an_installation_keeps(tmp_path: Path, umask: int) -> None:
    crm = open_crm(Settings(instance=str(tmp_path / "deep" / "instance")))
    work(crm)
    crm.close()
    found = modes(tmp_path / "deep")
    open_to_others = {name: oct(mode) for name, mode in found.items() if mode & 0o077}
    assert open_to_others == {}
    assert {"instance/crm.db", "instance/secret_key", "instance/exports"} <= found.keys()


def test_a_database_is_never_opened_beside_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing a second descriptor would take SQLite's locks away."""
    paths: list[str] = []
    real = os.open

    def noted(path: Any, *more: Any) -> int:
        paths.append(str(path))
        return real(path, *more)

    monkeypatch.setattr(os, "open", noted)
    file = tmp_path / "crm.db"
    for _ in range(2):
        database = connect(f"sqlite:///{file}")
        database.run(lambda session: session.execute(sa.text("SELECT 1")))
        database.close()
    assert len(paths) > 2
    assert str(file) not in paths
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crm.db", "crm.db-turn"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def a_group() -> int:
    """Return a group of this account that is not its usual one, if there is one."""
    if os.getuid() == 0:
        return 65534
    return next((group for group in os.getgroups() if group != os.getgid()), os.getgid())


def test_a_group_that_is_named_shares_all_of_it(tmp_path: Path, umask: int) -> None:
    group, place = a_group(), tmp_path / "instance"
    crm = open_crm(Settings(instance=str(place), file_group=str(group)))
    work(crm)
    crm.close()
    wrong = {
        str(one): oct(one.stat().st_mode)
        for one in [place, *place.rglob("*")]
        if one.stat().st_gid != group
        or stat.S_IMODE(one.stat().st_mode) & 0o777 != (0o770 if one.is_dir() else 0o660)
    }
    assert wrong == {}


def test_a_folder_that_was_there_is_shared_when_that_is_asked_for(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755  # it may be the school's own folder
    make_folder(tmp_path, str(a_group()))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o2770
    with pytest.raises(BadInput, match="file_group"):
        make_folder(tmp_path / "other", "no-such-group")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder of somebody else's")
def test_a_socket_in_a_strangers_folder_is_no_queue_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, common = tmp_path / ("deep" * 30), tmp_path / "common"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(common))
    theirs = embedded_valkey._socket_in(folder).parent
    theirs.mkdir(parents=True)
    os.chown(theirs, 65534, 65534)
    assert embedded_valkey.start(folder) is None
    (theirs / "queue.sock").touch()
    assert embedded_valkey.find(folder) is None


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_doctor_names_what_an_earlier_version_left_open(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, instance=str(tmp_path))
    (tmp_path / "crm.db").touch(mode=0o644)
    (tmp_path / "crm.db").chmod(0o644)
    tmp_path.chmod(0o755)
    (line,) = [one for one in examine(crm) if one.name == "instance"]
    assert (line.ok, "can read crm.db: chmod -R o-rwx" in line.detail) == (False, True)
    tmp_path.chmod(0o750)
    (line,) = [one for one in examine(crm) if one.name == "instance"]
    assert line.ok


def test_there_is_one_way_to_make_a_file() -> None:
    making = re.compile(r"\.mkdir\(|O_CREAT|touch\(mode|mkstemp|mkdtemp|NamedTemporary")
    paths = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    found = {name for name, path in paths.items() if making.search(path.read_text("utf-8"))}
    assert {name for name in found if not name.startswith("_build/")} == {"kernel/private_files.py"}
