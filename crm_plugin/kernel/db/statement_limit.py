"""How long one statement may take: a limit that the database itself enforces.

The limit holds in the thread that set it, for transactions that begin meanwhile: pages set one, workers,
commands and migrations do not. PostgreSQL takes it for the transaction alone, which a pooler in transaction
mode passes on; MariaDB for the connection, which is given another one when it serves something else.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext

from crm_plugin.kernel.db.faults import soften
from crm_plugin.kernel.errors import TooSlow

_SECONDS: ContextVar[float] = ContextVar("crm_statement_limit", default=0)

_SET = "crm_statement_limit"
"""In the notes of a connection: the limit that it was given."""
_UNTIL = "crm_statement_until"
"""In the notes of a SQLite connection: when its statement is over, by the monotonic clock."""
_STEPS = 50_000
"""Steps of SQLite's machine between two looks at the clock: about a millisecond."""
BUSY_SECONDS = 30
"""How long SQLite waits for the write lock where there is no limit."""
_CANCELLED = "57014"
_TIMED_OUT = 1969


@contextmanager
def statements_within(seconds: float) -> Iterator[None]:
    """Let the database stop each statement that takes longer; :class:`TooSlow` is raised for it.

    :param seconds: 0 = no limit.
    """
    before = _SECONDS.set(seconds)
    try:
        yield
    finally:
        _SECONDS.reset(before)


def keep_limits(engine: Engine) -> None:
    """Let an engine of ours know the limit: each transaction begins with it."""
    event.listen(engine, "begin", _BEGIN[engine.dialect.name])
    event.listen(engine, "handle_error", _explain)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "before_cursor_execute", _sqlite_statement)


def too_slow() -> TooSlow | None:
    """Return the error of a statement that the limit ended; None where there is no limit."""
    seconds = _SECONDS.get()
    return TooSlow("database.too_slow", seconds=seconds) if seconds else None


def busy_seconds() -> float:
    """Return how long SQLite waits for the write lock now."""
    return _SECONDS.get() or BUSY_SECONDS


def _postgresql(connection: Connection) -> None:
    if seconds := _SECONDS.get():
        _directly(connection, f"SET LOCAL statement_timeout = {1000 * seconds:.0f}")


def _mariadb(connection: Connection) -> None:
    seconds = _SECONDS.get()
    if _is_new(connection, seconds):
        _directly(connection, f"SET SESSION max_statement_time = {seconds or 'DEFAULT'}")


def _sqlite(connection: Connection) -> None:
    seconds, notes = _SECONDS.get(), connection.info
    notes[_UNTIL] = math.inf
    if _is_new(connection, seconds):
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA busy_timeout = {1000 * busy_seconds():.0f}")
        driver.set_progress_handler((lambda: time.monotonic() > notes[_UNTIL]) if seconds else None, _STEPS)


def _is_new(connection: Connection, seconds: float) -> bool:
    """Return whether a connection has another limit so far; from now on it has this one."""
    before, connection.info[_SET] = connection.info.get(_SET, 0), seconds
    return bool(before != seconds)


def _directly(connection: Connection, statement: str) -> None:
    # On the driver's own connection: it belongs to the beginning, and no event counts it.
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            cursor.execute(statement)
    except Exception as error:
        soften(error)
        raise


def _sqlite_statement(connection: Connection, *_statement: Any) -> None:
    if seconds := _SECONDS.get():
        connection.info[_UNTIL] = time.monotonic() + seconds


_BEGIN = {"postgresql": _postgresql, "mysql": _mariadb, "mariadb": _mariadb, "sqlite": _sqlite}


def _explain(context: ExceptionContext) -> None:
    error = too_slow()
    if error is not None and _was_stopped(context.original_exception):
        raise error from context.original_exception


def _was_stopped(error: BaseException) -> bool:
    if getattr(error, "sqlstate", None) == _CANCELLED:
        return True
    return error.args[:1] in ((_TIMED_OUT,), ("interrupted",))
