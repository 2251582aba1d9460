"""What is committed is on disk: where a power cut undoes a mark or an opt-out, a message goes twice.

A server may be set to answer before it has written. PostgreSQL lets each session decide, so ours do; what
only the server decides is said by ``crm doctor``.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.pooler import POOLED

SQLITE = "synchronous=FULL"
"""In WAL mode NORMAL keeps a file whole, and loses what was committed since the last checkpoint."""
_ON = (
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
    "WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, {of_transaction})"
)
"""What waits for standbys too stays as it is."""


def keep_commits(engine: Engine) -> None:
    """Let sessions of ours on PostgreSQL wait for the disk, whatever its server does by default.

    Behind a pooler each transaction that writes does; call it after poolers are minded.
    """
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _connected)
        event.listen(engine, "begin", _begin)


def _connected(connection: Any, record: Any) -> None:
    if not record.info.get(POOLED):
        connection.autocommit = True
        _execute(connection, _ON.format(of_transaction="false"))
        connection.autocommit = False


def _begin(connection: Connection) -> None:
    if connection.info.get(POOLED) and connection.get_execution_options().get("crm_immediate"):
        _execute(connection.connection.driver_connection, _ON.format(of_transaction="true"))


def _execute(driver: Any, statement: str) -> None:
    with driver.cursor() as cursor:
        cursor.execute(statement)


@dataclass(frozen=True, slots=True)
class Weakness:
    """A setting of the server by which a power cut loses what was committed, or tears a page."""

    name: str
    value: str
    wanted: str


_SERVERS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "postgresql": (
        "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes')",
        {"fsync": ("on",), "full_page_writes": ("on",)},
    ),
    "mysql": (
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN "
        "('innodb_flush_log_at_trx_commit', 'innodb_doublewrite')",
        {"innodb_flush_log_at_trx_commit": ("1", "3"), "innodb_doublewrite": ("ON", "fast")},
    ),
}
"""Database → how its server is asked, and which answers are good, the best one first."""


def weaknesses(session: Session) -> list[Weakness]:
    """Return the settings of the server by which a power cut loses what was committed."""
    dialect = session.get_bind().dialect.name
    asked, good = _SERVERS.get("mysql" if dialect == "mariadb" else dialect, ("", {}))
    found = session.execute(sa.text(asked)).all() if asked else []
    return [
        Weakness(name, str(value), good[name][0])
        for name, value in found
        if str(value).lower() not in (one.lower() for one in good[name])
    ]
