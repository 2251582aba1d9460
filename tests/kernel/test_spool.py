"""What is spooled survives its writer, comes once, and keeps its name."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crm_plugin.kernel import spool as spools
from crm_plugin.kernel.spool import Records, Spool, drain
from tests.kernel.spools import Plain, waiting

PLAIN = Plain()


class Books:
    """A handler that keeps what it was given, by name, as a database with a unique key would."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], bytes] = {}
        self.calls = 0

    def __call__(self, spool: str, records: Records) -> None:
        self.calls += 1
        for offset, record in records:
            assert self.rows.setdefault((spool, offset), record) == record

    def texts(self) -> list[bytes]:
        return sorted(self.rows.values())


def test_records_come_in_order_and_once(tmp_path: Path) -> None:
    spool, books = Spool(tmp_path, "t"), Books()
    for number in range(5):
        spool.append(b"%d \r x" % number)
    assert drain(tmp_path, books, PLAIN) == 5
    assert drain(tmp_path, books, PLAIN) == 0
    spool.append(b"5")
    assert drain(tmp_path, books, PLAIN) == 1
    assert [row.split(b" ")[0] for row in books.rows.values()] == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_a_batch_whose_handler_failed_comes_again_with_the_same_names(tmp_path: Path) -> None:
    spool, books = Spool(tmp_path, "t"), Books()
    spool.append(b"a")

    def failing(name: str, records: Records) -> None:
        books(name, records)
        raise RuntimeError("the database is away")

    with pytest.raises(RuntimeError):
        drain(tmp_path, failing, PLAIN)
    assert waiting(tmp_path) == 2
    assert drain(tmp_path, books, PLAIN) == 1
    assert books.texts() == [b"a"]
    assert waiting(tmp_path) == 0


def test_an_orphan_is_read_and_removed_and_a_live_file_stays(tmp_path: Path) -> None:
    spool, books = Spool(tmp_path, "t"), Books()
    spool.append(b"alive")
    code = (
        "import os, signal, sys; from pathlib import Path; from crm_plugin.kernel.spool import Spool;"
        "s = Spool(Path(sys.argv[1]), 'child'); s.append(b'last words'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    child = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert child.returncode == -signal.SIGKILL
    assert drain(tmp_path, books, PLAIN) == 2
    assert books.texts() == [b"alive", b"last words"]
    assert [path.stem.split("-")[0] for path in tmp_path.glob("*.spool")] == ["t"]
    spool.close()
    assert drain(tmp_path, books, PLAIN) == 0
    assert list(tmp_path.glob("*.spool")) == []
    assert list(tmp_path.glob("*.pos")) == []


def test_a_line_without_its_end_waits(tmp_path: Path) -> None:
    spool, books = Spool(tmp_path, "t"), Books()
    spool.append(b"whole")
    path = next(tmp_path.glob("*.spool"))
    with path.open("ab") as file:
        file.write(b"half")
    assert drain(tmp_path, books, PLAIN) == 1
    with path.open("ab") as file:
        file.write(b" and half\n")
    assert drain(tmp_path, books, PLAIN) == 1
    assert books.texts() == [b"half and half", b"whole"]


def test_a_full_file_is_changed_and_a_removed_one_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "FULL", 10)
    spool, books = Spool(tmp_path, "t"), Books()
    for number in range(20):
        spool.append(b"%06d" % number)
    assert len(list(tmp_path.glob("*.spool"))) == 10
    assert drain(tmp_path, books, PLAIN) == 20
    spool.append(b"x")
    next(tmp_path.glob("*.spool")).unlink()
    spool.append(b"y")
    assert drain(tmp_path, books, PLAIN) == 1
    assert books.texts()[-1] == b"y"


def test_a_forked_child_writes_to_a_file_of_its_own(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from crm_plugin.kernel.spool import Spool;"
        "s = Spool(Path(sys.argv[1]), 't'); s.append(b'parent'); child = os.fork();"
        "s.append(b'child') if child == 0 else os.waitpid(child, 0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    books = Books()
    assert len(list(tmp_path.glob("*.spool"))) == 2
    drain(tmp_path, books, PLAIN)
    assert books.texts() == [b"child", b"parent"]
    assert list(tmp_path.glob("*.spool")) == []


def test_only_one_drain_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "t")
    spool.append(b"a")
    inner: list[int] = []
    assert drain(tmp_path, lambda _name, _records: inner.append(drain(tmp_path, Books(), PLAIN)), PLAIN) == 1
    assert inner == [0]


@pytest.mark.parametrize("record", [b"two\nlines", b"x" * spools.READ])
def test_what_is_no_record_is_refused(tmp_path: Path, record: bytes) -> None:
    with pytest.raises(ValueError):
        Spool(tmp_path, "t").append(record)


def test_nothing_spooled_is_nothing_to_do(tmp_path: Path) -> None:
    assert drain(tmp_path / "absent", Books(), PLAIN) == 0


def test_no_file_stays_open_when_it_was_drained(tmp_path: Path) -> None:
    books, before = Books(), len(os.listdir("/dev/fd"))
    for number in range(20):
        spool = Spool(tmp_path, f"t{number}")
        spool.append(b"x")
        spool.close()
    assert drain(tmp_path, books, PLAIN) == 20
    assert len(os.listdir("/dev/fd")) == before
    assert list(tmp_path.glob("*.spool")) == []
