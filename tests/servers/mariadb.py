"""A private MariaDB on a unix socket, from the server that the machine has (no package index has one)."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.servers.child import own, run, spawn

_PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"])

# Tests need no durability: a crash of the machine ends the run anyway.
_RELAXED = [
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
    "--innodb-buffer-pool-size=256M",
    "--innodb-log-file-size=64M",
    "--max-connections=200",
    "--skip-log-bin",
    "--performance-schema=off",
]


def find() -> str | None:
    """Why there is no MariaDB here, or None when one can be started."""
    if _program("mariadbd", "mysqld") is None or _program("mariadb-install-db", "mysql_install_db") is None:
        return "no MariaDB server (Debian: apt-get install mariadb-server)"
    return None


def start(folder: Path) -> "tuple[subprocess.Popen[bytes], str]":
    """Start a server whose files all lie in `folder`; gives the process and its administrator's URL."""
    data, socket = folder / "data", folder / "data" / "server.sock"
    own(data)
    install = _program("mariadb-install-db", "mysql_install_db") or ""
    # Benchmarks want a server as a school has it: they name options that win.
    wanted = os.environ.get("CRM_TEST_MARIADB_OPTIONS", "").split()
    options = ["--no-defaults", f"--datadir={data}", *_RELAXED, *wanted]
    run([install, *options, "--auth-root-authentication-method=normal", "--skip-test-db"])
    listening = [f"--socket={socket}", "--skip-networking", "--character-set-server=utf8mb4"]
    process = spawn([_program("mariadbd", "mysqld") or "", *options, *listening], folder / "server.log")
    return process, f"mariadb+pymysql://root@localhost/mysql?unix_socket={socket}"


def _program(*names: str) -> str | None:
    """The first of these programs found; servers lie in folders that are not in everybody's PATH."""
    return next((found for name in names if (found := shutil.which(name, path=_PLACES))), None)
