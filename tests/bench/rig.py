"""What every benchmark shares: a server for the run, a CRM on an empty database, the machine in words."""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.migrate import upgrade
from tests.servers.databases import empty_database
from tests.servers.run import close_run, open_run

POSTGRESQL = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "max_wal_size": "4GB",
}
"""A school's server: durable, with a quarter of a small machine's memory; all else as it comes."""
MARIADB = {
    "innodb-flush-log-at-trx-commit": "1",
    "innodb-doublewrite": "1",
    "innodb-flush-method": "O_DIRECT",
    "innodb-buffer-pool-size": "1G",
    "innodb-log-file-size": "1G",
}
"""The same of MariaDB."""


@contextmanager
def servers() -> Iterator[None]:
    """Open a run of the test servers with the settings of :data:`POSTGRESQL` and :data:`MARIADB`."""
    os.environ["CRM_TEST_PG_SETTINGS"] = " ".join(f"{name}={value}" for name, value in POSTGRESQL.items())
    os.environ["CRM_TEST_MARIADB_OPTIONS"] = " ".join(f"--{name}={is_}" for name, is_ in MARIADB.items())
    lock = open_run()
    try:
        yield
    finally:
        close_run(lock)


@contextmanager
def tables(kind: str) -> Iterator[Database]:
    """Yield an empty database of a kind with the CRM's tables."""
    with (
        tempfile.TemporaryDirectory(prefix="crm-bench-") as folder,
        empty_database(kind, Path(folder)) as url,
    ):
        database = connect(url)
        upgrade(database)
        yield database
        database.close()


def machine(database: Database) -> str:
    """Return what the numbers were taken on, in one line."""
    with database.read() as session:
        asked = "sqlite_version" if database.dialect == "sqlite" else "version"
        version = str(session.scalar(sa.text(f"SELECT {asked}()"))).split(" on ")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    load = os.getloadavg()[0]
    return (
        f"{database.engine.dialect.name} {version}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, {memory} GB, load {load:.1f}"
    )


def peak_memory() -> int:
    """Return the most memory that this process ever held, in MB.

    ``ru_maxrss`` would not do: a process that is started inherits the peak of the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def cpu_seconds(database: Database) -> float:
    """Return the processor time that this process and its servers on PostgreSQL have used so far.

    On a machine that others use as well it says more than the clock on the wall.
    """
    asked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    with database.read() as session:
        pids = session.scalars(sa.text(asked)).all() if database.dialect == "postgresql" else []
    return time.process_time() + sum(map(_cpu_of, pids))


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    """Print a line at once, with the seconds since the start."""
    print(f"{time.perf_counter() - _STARTED:7.1f}  {text}", flush=True)
    sys.stdout.flush()


_STARTED = time.perf_counter()
