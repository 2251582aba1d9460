"""Append-only files for what must not wait for a database: clicks, events of the school.

Each process appends to a file of its own, one ``write`` a record: the record survives a SIGKILL of
its writer as soon as :meth:`Spool.append` has returned. :func:`drain` hands the records on in bulk.
A record is named by (spool, offset), and no such pair is ever used again, so that a handler which
inserts by that key doubles nothing when a crash makes a batch come twice.

A writer holds a lock on its file while it lives. Files are never cut while somebody may write to
them: the place reached stands beside the file, and a file goes when it has been read to its end and
its writer is gone (a writer changes to a new file from time to time).
"""

import fcntl
import os
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crm_plugin.kernel.jobs.failed_items import Round
from crm_plugin.kernel.private_files import make_file, make_folder, opened

SUFFIX = ".spool"
FULL = 8 * 1024 * 1024
"""Bytes after which a writer changes to a new file, so that the old one can go."""
READ = 1024 * 1024
"""Bytes that are read and handed on at once; also the longest record."""

Records = list[tuple[int, bytes]]
"""(offset, record) pairs."""
Ends = dict[Path, int]
"""Spool files, each with a place in it."""
Handler = Callable[[str, Records], None]
"""Takes the id of a spool and records of it; it has committed them when it returns."""


class Spool:
    """The file that this process appends to; made at the first record.

    :param folder: of all files of one kind; one drain reads them all.
    :param name: begins the file's name; at most 30 letters.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._fd = -1
        self._size = 0
        self._torn = False
        self._forked()
        _spools.add(self)

    def append(self, record: bytes) -> None:
        """Write one record; on return it survives the death of this process.

        :param record: without line feeds, at most :data:`READ` bytes with its end.
        :raises OSError: when the disk refuses it.
        :raises ValueError: when it has a line feed or is too long.
        """
        if b"\n" in record or len(record) >= READ:
            raise ValueError("a spooled record is one line of less than a mebibyte")
        with self._lock:
            if self._fd < 0 or os.fstat(self._fd).st_nlink == 0:
                self._open()
            self._write(record + b"\n")
            if self._size >= FULL:
                self._close()

    def close(self) -> None:
        """Give the file up; the next drain reads it to its end and removes it."""
        with self._lock:
            self._close()

    def _write(self, line: bytes) -> None:
        # After a write that was cut short (disk full), the rest of its line is closed first.
        data = b"\n" + line if self._torn else line
        written = os.write(self._fd, data)
        self._size += written
        self._torn = written < len(data)
        if self._torn:
            raise OSError(f"only {written} of {len(data)} bytes could be spooled")

    def _open(self) -> None:
        self._close()
        make_folder(self.folder)
        ident = f"{self.name}-{uuid.uuid4().hex}"
        hidden = self.folder / f".{ident}"
        self._fd = opened(hidden, os.O_WRONLY | os.O_APPEND)
        # Locked before it is seen: a drain takes a file without a lock for an orphan.
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        hidden.rename(self.folder / f"{ident}{SUFFIX}")

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._size, self._torn = -1, 0, False

    def _forked(self) -> None:
        # A child writes to a file of its own, and must not inherit a lock that a lost thread holds.
        self._lock = threading.Lock()
        self._close()


_spools: "weakref.WeakSet[Spool]" = weakref.WeakSet()


def _after_fork() -> None:
    for spool in list(_spools):
        spool._forked()


os.register_at_fork(after_in_child=_after_fork)


def drain(folder: Path, handler: Handler, round_: Round) -> int:
    """Hand on what all processes have spooled, and remove the files that are done.

    A batch that was handed on but not noted (a crash, an error of the handler) comes again with the
    same names. When another process is draining the folder, nothing is done.

    :param handler: called with batches of one spool, in order; an error of it ends that spool.
    :param round_: takes the fault of one spool for its own, so that the others are drained.
    :return: how many records were handed on.
    """
    if not folder.is_dir():
        return 0
    with _alone(folder) as alone:
        if not alone:
            return 0
        found = sorted(folder.glob(f"*{SUFFIX}"))
        count = sum(round_.each(found, lambda path: _drain_file(path, handler), lambda path: path.stem))
        for place in folder.glob("*.pos"):
            if not place.with_suffix(SUFFIX).exists():
                place.unlink(missing_ok=True)
        return count


def unread(folder: Path) -> Ends:
    """Return the files with records that were not handed on yet, and where the last of them ends."""
    ends = {path: _end(path) for path in folder.glob(f"*{SUFFIX}")}
    return {path: end for path, end in ends.items() if end}


def is_handed_on(ends: Ends) -> bool:
    """Return whether all has been handed on that :func:`unread` found."""
    return all(not path.exists() or _place(path) >= end for path, end in ends.items())


def _end(path: Path) -> int:
    """Return where the last record ends that was not handed on; 0 = there is none."""
    try:
        place = _place(path)
        if path.stat().st_size <= place:
            return 0
        with path.open("rb") as file:
            file.seek(place)
            whole = file.read().rfind(b"\n") + 1  # what follows is still being written, or torn
            return place + whole if whole else 0
    except FileNotFoundError:  # a drain has just read it to its end
        return 0


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    fd = opened(folder / ".drain", os.O_RDWR)
    try:
        yield _locked(fd)
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _drain_file(path: Path, handler: Handler) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        # Asked before reading: a writer that dies meanwhile is found at the next drain.
        orphan = _locked(fd)
        count = 0
        place = _place(path)
        while records := _records(fd, place):
            handler(path.stem, [(offset, record) for offset, record in records if record])
            count += sum(1 for _offset, record in records if record)
            place = records[-1][0] + len(records[-1][1]) + 1
            _note(path, place)
        if orphan:
            path.unlink()
        return count
    finally:
        os.close(fd)


def _records(fd: int, place: int) -> Records:
    """Return the whole lines of the next piece; a line without its end is still being written."""
    piece = os.pread(fd, READ, place)
    whole = piece[: piece.rfind(b"\n") + 1]
    records = []
    for record in whole.split(b"\n")[:-1]:
        records.append((place, record))
        place += len(record) + 1
    return records


def _place(path: Path) -> int:
    try:
        return int(path.with_suffix(".pos").read_text())
    except (FileNotFoundError, ValueError):
        return 0  # after a power cut it may be there and empty: what comes twice is inserted once


def _note(path: Path, place: int) -> None:
    hidden = path.with_suffix(".place")
    make_file(hidden).write_text(str(place))
    hidden.replace(path.with_suffix(".pos"))
