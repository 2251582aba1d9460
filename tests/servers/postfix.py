"""A private Postfix, from the server that the machine has: settings, queue, mailboxes and log in one folder.

Nothing of the machine's own Postfix is read or touched. It needs root, as its programs change their account.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.child import own, spawn

HOST = "127.0.0.1"
_PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_SECONDS = 30.0
_OWNER, _GROUP, _MAIL = "postfix", "postdrop", "nobody"

# Name, type, and the program with its options; of a file that the package brings, only what is needed here.
_SERVICES = """\
{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


def find() -> str | None:
    """Why there is no Postfix here, or None when one can be started."""
    if os.geteuid():
        return "Postfix, as only root can start one"
    if _program("postconf") is None:
        return "no Postfix (Debian: apt-get install postfix)"
    return None


class Postfix:
    """One mail server; all that is asked of it is in ``settings``, ``maps`` and ``services``.

    :param folder: its own, which other accounts can pass through.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.mailboxes, self.log = folder / "mailboxes", folder / "log" / "mail.log"
        self.services = _SERVICES.format(port=f"{HOST}:{self.port}")
        self.settings = self._usual()
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        for name in ("config", "queue", "log"):
            (folder / name).mkdir()
        own(self.mailboxes)
        self._make_queue()

    def map(self, name: str, rows: Mapping[str, str]) -> str:
        """Write a map; return how settings name it. Read by a start or reload."""
        path = self.folder / "config" / name
        _write(path, "".join(f"{key} {value}\n" for key, value in rows.items()))
        return f"texthash:{path}"

    def start(self) -> None:
        """Start it with the settings as they are, and wait until it answers."""
        self._configure()
        self._starts = self.said().count("daemon started")
        master = Path(_asked("daemon_directory")) / "master"
        command = [master, "-c", self.folder / "config", "-d"]
        self._process = spawn(command, self.folder / "log" / "master.log", as_root=True)
        _wait(self._is_up, "Postfix does not start")

    def restart(self, **settings: str) -> None:
        """Stop it and start it again, with other settings."""
        self.stop()
        self.settings |= settings
        self.start()

    def stop(self) -> None:
        """Stop it; what is in its queue stays there."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_SECONDS)
            self._process = None

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def queued(self) -> int:
        """How many messages it still has in its queue."""
        places = ("incoming", "active", "deferred", "maildrop")
        return sum(path.is_file() for place in places for path in (self.folder / "queue" / place).rglob("*"))

    def _configure(self) -> None:
        config = self.folder / "config"
        _write(config / "main.cf", "".join(f"{name} = {value}\n" for name, value in self.settings.items()))
        _write(config / "master.cf", self.services)

    def _usual(self) -> dict[str, str]:
        account = _numbers(_MAIL)
        return {
            "compatibility_level": "3.6",
            "queue_directory": f"{self.folder}/queue",
            "data_directory": f"{self.folder}/data",
            "maillog_file": f"{self.log}",
            "maillog_file_prefixes": f"{self.folder}",
            "inet_interfaces": HOST,
            "inet_protocols": "ipv4",
            "myhostname": "mail.school.example",
            "mynetworks": "127.0.0.0/8",
            "mydestination": "",
            "enable_long_queue_ids": "yes",
            "alias_maps": "",
            "alias_database": "",
            "disable_dns_lookups": "yes",
            "queue_run_delay": "5s",
            "minimal_backoff_time": "5s",
            "maximal_backoff_time": "10s",
            "smtpd_peername_lookup": "no",
            "smtpd_client_event_limit_exceptions": "",
            "virtual_mailbox_base": f"{self.mailboxes}",
            "virtual_uid_maps": f"static:{account[0]}",
            "virtual_gid_maps": f"static:{account[1]}",
        }

    def _make_queue(self) -> None:
        """Make the folders that ``postfix check`` would, each with its account and permissions."""
        queue = self.folder / "queue"
        private = "active bounce corrupt defer deferred flush hold incoming private saved trace".split()
        for name in private:
            _make(queue / name, 0o700, _OWNER)
        _make(queue / "pid", 0o755, "root")
        _make(queue / "maildrop", 0o1730, _OWNER, _GROUP)
        _make(queue / "public", 0o2710, _OWNER, _GROUP)
        _make(self.folder / "data", 0o700, _OWNER)

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said()
        return self.said().count("daemon started") > self._starts


@contextmanager
def postfix() -> Iterator[Postfix]:
    """A Postfix that is not started yet; stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="crm-tests-postfix-"))
    folder.chmod(0o711)
    server = Postfix(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    """Write a file that looks older: Postfix waits for up to two seconds before it reads a new one."""
    path.write_text(text)
    before = time.time() - 10
    os.utime(path, (before, before))


def _program(name: str) -> str | None:
    return shutil.which(name, path=_PLACES)


def _asked(setting: str) -> str:
    """What the package was built with."""
    command = [_program("postconf") or "", "-d", "-h", setting]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _make(folder: Path, mode: int, owner: str, group: str = "root") -> None:
    folder.mkdir()
    shutil.chown(folder, owner, group)
    folder.chmod(mode)


def _numbers(account: str) -> tuple[int, int]:
    found = pwd.getpwnam(account)
    return found.pw_uid, found.pw_gid


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _wait(done: Callable[[], bool], trouble: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not done():
        assert time.monotonic() < deadline, trouble
        time.sleep(0.02)
