"""A private PgBouncer in transaction mode before a PostgreSQL of the tests, on a unix socket."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.servers.child import own, spawn

PORT = 6432
"""Part of the socket's name only: it listens on no network."""
_PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def find() -> str | None:
    """Why there is no PgBouncer here, or None when one can be started."""
    return None if _program() else "no PgBouncer (Debian: apt-get install pgbouncer)"


@contextmanager
def pooled(url: str, sessions: int = 3) -> Iterator[str]:
    """Put it before a database; give the database's URL through it.

    :param sessions: which it keeps with the server, for all clients together.
    """
    folder = Path(tempfile.mkdtemp(prefix="crm-pool-"))
    folder.chmod(0o711)  # the server's own account must be able to pass through
    own(folder / "run")
    parsed = sa.make_url(url)
    (folder / "pgbouncer.ini").write_text(_settings(parsed, folder / "run", sessions))
    process = spawn([_program(), folder / "pgbouncer.ini"], folder / "server.log")
    there = parsed.set(query={}).update_query_dict({"host": str(folder / "run"), "port": str(PORT)})
    try:
        _wait(there, folder / "server.log")
        yield there.render_as_string(hide_password=False)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _settings(server: sa.URL, folder: Path, sessions: int) -> str:
    where = server.query.get("host") or server.host
    return f"""
[databases]
* = host={where} user={server.username or "postgres"}
[pgbouncer]
listen_addr =
listen_port = {PORT}
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
"""


def _wait(url: sa.URL, log: Path) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    until = time.monotonic() + 20
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(sa.text("SELECT 1"))
            return
        except sa.exc.DBAPIError:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)


def _program() -> str | None:
    return shutil.which("pgbouncer", path=_PLACES)
