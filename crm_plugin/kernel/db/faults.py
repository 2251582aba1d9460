"""What a database said, in words of ours.

A driver's own words name hosts, sockets and accounts, and quote what people entered. They are taken out of
its errors where these arise, so that no page, log or traceback can show them. The codes stay.
"""

import re
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext

from crm_plugin.kernel.errors import Clause, Unavailable

DRIVERS = frozenset(
    "sqlite3 psycopg psycopg2 asyncpg pg8000 pymysql MySQLdb mysql mariadb aiomysql oracledb pyodbc".split()
)
"""Top-level packages of drivers whose exceptions are softened."""

_AWAY = Clause("it cannot be reached")
_ACCOUNT = Clause("it does not let our account in")
_NOT_THERE = Clause("there is no such database")
_CROWDED = Clause("it takes no more connections")
_FULL = Clause("its disk or memory is full")
_READ_ONLY = Clause("it is read-only")
_FORBIDDEN = Clause("our account may not do this")
_TABLES = Clause("its tables are not those of this version: run crm init")
_BUSY = Clause("it is locked by others: try again")
_STOPPED = Clause("the statement was stopped")
_RULE = Clause("a rule of its tables forbids this")
_FILE = Clause("its file cannot be opened or is damaged")
_OTHER = Clause("it refused a statement")

_BY_CODE: tuple[tuple[str, Clause], ...] = (
    (r"08\w{3}|57P0\d|20(02|03|06|13|55)|SQLITE_PROTOCOL", _AWAY),
    (r"28\w{3}|10(44|45)|1698", _ACCOUNT),
    (r"3D000|1049", _NOT_THERE),
    (r"53300|1040|1203", _CROWDED),
    (r"53\w{3}|1021|1041|1114|SQLITE_(FULL|NOMEM)", _FULL),
    (r"25006|1290|1792|SQLITE_READONLY\w*", _READ_ONLY),
    (r"42501|1142|1143|1227|SQLITE_(PERM|AUTH)\w*", _FORBIDDEN),
    (r"42P01|42703|1054|1146", _TABLES),
    (r"40\w{3}|55P03|1020|1205|1213|SQLITE_(BUSY|LOCKED)\w*", _BUSY),
    (r"57014|1317|1969|3024|SQLITE_INTERRUPT", _STOPPED),
    (r"23\w{3}|1022|1048|1062|1451|1452|4025|SQLITE_CONSTRAINT\w*", _RULE),
    (r"SQLITE_(CANTOPEN|CORRUPT|NOTADB|IOERR)\w*", _FILE),
)
"""SQLSTATE, number of MariaDB or name of SQLite → words; the first that matches."""
_BY_WORDS = (
    (r"no such (table|column)", _TABLES),
    (r"authentication failed|no pg_hba\.conf entry|role .* does not exist", _ACCOUNT),
    (r"database .* does not exist", _NOT_THERE),
    (r"too many|connection slots", _CROWDED),
    (r"connect|server closed", _AWAY),
    (r"database (table )?is locked", _BUSY),
)
"""Where the driver gives no code of its own: libpq before there is a connection, SQLite in its parser."""
_WORDS = "_crm_words"
"""Attribute of a driver's exception that was softened: its words of ours."""


def keep_words_in(engine: Engine) -> None:
    """Take the driver's words out of every error of an engine."""
    event.listen(engine, "handle_error", _arisen)


def soften(error: BaseException) -> None:
    """Take drivers' words and the values of statements out of an exception, and of those that led to it."""
    for one in list(_chain(error)):
        if isinstance(one, sa.exc.StatementError):
            one.hide_parameters = True
            if one.orig is not None and _is_driver(one.orig):
                name = f"{type(one.orig).__module__}.{type(one.orig).__name__}"
                one.args = (f"({name}) {words_of(one.orig)}",)
        if _is_driver(one):
            _soften(one)


def unusable(error: Exception) -> Unavailable:
    """Return the error of an address that names no database, or one whose driver is not installed."""
    if isinstance(error, ImportError):
        reason = Clause("its driver is not installed: {name}", name=error.name or "?")
    else:
        reason = Clause("its address cannot be read")  # which may hold a password
    return Unavailable("database.unreachable", reason=reason)


def words_of(error: BaseException) -> Clause:
    """Return what an error of a database, SQLAlchemy's or the driver's own, says about the database."""
    origin = getattr(error, "orig", None) or error
    found: Clause | None = getattr(origin, _WORDS, None)
    return found or _found(_code(origin), str(origin))


def _found(code: str, said: str) -> Clause:
    for pattern, words in _BY_WORDS if code in ("", "SQLITE_ERROR") else ():
        if re.search(pattern, said, re.IGNORECASE):
            return words
    words = next((words for pattern, words in _BY_CODE if re.fullmatch(pattern, code)), _OTHER)
    return Clause("{words} ({code})", words=words, code=code) if code else words


def _code(error: BaseException) -> str:
    """Return the number of MariaDB, the SQLSTATE or the name of SQLite; empty where there is none."""
    if error.args and isinstance(error.args[0], int):
        return str(error.args[0])
    return getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None) or ""


def _arisen(context: ExceptionContext) -> None:
    soften(context.original_exception)
    if context.sqlalchemy_exception is not None:
        soften(context.sqlalchemy_exception)


def _soften(error: BaseException) -> None:
    words = words_of(error)
    setattr(error, _WORDS, words)
    number = error.args[:1] if error.args and isinstance(error.args[0], int) else ()
    error.args = (*number, str(words))


def _is_driver(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in DRIVERS


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
