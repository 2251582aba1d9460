"""A database as SQL text that loads by its driver alone: the statements that made it, and its rows.

No statement spans two entries; entries are parted by an empty line, a mark and a line's end.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Engine

_BETWEEN = "\n-- next\n"


def record(engine: Engine) -> list[str]:
    """Note from now on each statement that makes a table or an index; return the growing list."""
    made: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.lstrip().upper().startswith("CREATE "):
            made.append(statement.strip())

    return made


def write(engine: Engine, made: list[str], file: Path, replaced: dict[str, str]) -> None:
    """Write a dump of the CRM's tables.

    :param made: what :func:`record` noted while the tables were made.
    :param replaced: names of this machine → what stands for them in the file.
    """
    with engine.connect() as connection:
        entries = [*made, *_rows(connection), *_numbers(connection)]
    for here, there in replaced.items():
        entries = [entry.replace(here, there) for entry in entries]
    if any(_BETWEEN in entry for entry in entries):
        raise ValueError("a value looks like the mark between two statements")
    data = _BETWEEN.join(entries).encode()
    file.write_bytes(gzip.compress(data, mtime=0))


def load(engine: Engine, file: Path) -> None:
    """Put a dump into an empty database."""
    entries = gzip.decompress(file.read_bytes()).decode().split(_BETWEEN)
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        for entry in entries:
            cursor.execute(entry)
        connection.commit()
    finally:
        connection.close()


def _rows(connection: Connection) -> Iterator[str]:
    tables = sa.MetaData()
    tables.reflect(connection, only=lambda name, _: name.startswith("crm_"))
    literal = _literals(connection)
    for table in sorted(tables.tables.values(), key=lambda table: table.name):
        quote = connection.dialect.identifier_preparer.quote
        names = ", ".join(quote(column.name) for column in table.columns)
        # The driver's own values, in the form in which the database keeps them.
        asked = ", ".join(_asked(column, quote(column.name)) for column in table.columns)
        rows = connection.exec_driver_sql(f"SELECT {asked} FROM {table.name}").all()
        texts = sorted(f"({', '.join(literal(value) for value in row)})" for row in rows)
        for start in range(0, len(texts), 50):
            yield f"INSERT INTO {table.name} ({names}) VALUES\n" + ",\n".join(texts[start : start + 50])


def _asked(column: sa.Column[Any], name: str) -> str:
    # Its driver reads a JSON document into objects; as a text it goes back as it was.
    return f"CAST({name} AS text)" if isinstance(column.type, postgresql.JSON) else name


def _literals(connection: Connection) -> Any:
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        return lambda value: sql.Literal(value).as_string(raw)
    if connection.dialect.name in ("mysql", "mariadb"):
        return raw.escape
    return lambda value: str(raw.execute("SELECT quote(?)", (value,)).fetchone()[0])


def _numbers(connection: Connection) -> Iterator[str]:
    """PostgreSQL alone counts apart from the rows: let it go on behind the last one."""
    if connection.dialect.name != "postgresql":
        return
    query = (
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_name LIKE 'crm%' AND column_default LIKE 'nextval%' ORDER BY table_name"
    )
    for table, column in connection.exec_driver_sql(query.replace("%", "%%")).all():
        place = f"pg_get_serial_sequence('{table}', '{column}')"
        yield f"SELECT setval({place}, (SELECT COALESCE(MAX({column}), 0) + 1 FROM {table}), false)"
