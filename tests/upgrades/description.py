"""The tables of a database in words, a line each thing, as the database itself reports them.

``python -m tests.upgrades.description URL`` prints it; the files in ``tests/upgrades/first`` were made so.
"""

import sys
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect, Engine, Inspector


def describe(engine: Engine) -> str:
    """Return tables, columns with types, keys and indexes of the CRM, in the order of their names."""
    found = sa.inspect(engine)
    tables = sorted(name for name in found.get_table_names() if name.startswith("crm_"))
    return "\n\n".join("\n".join(_table(found, engine.dialect, table)) for table in tables) + "\n"


def _table(found: Inspector, dialect: Dialect, table: str) -> Iterator[str]:
    yield table
    for column in found.get_columns(table):
        yield f"  {column['name']} {_type(column, dialect)}"
    yield f"  primary key ({', '.join(found.get_pk_constraint(table)['constrained_columns'])})"
    yield from sorted({*_indexes(found, table), *_unique(found, table), *_foreign(found, table)})


def _type(column: Any, dialect: Dialect) -> str:
    written = str(column["type"].compile(dialect=dialect))
    default = "" if column.get("default") in (None, "NULL") else " numbered or with a default"
    return written + ("" if column["nullable"] else " NOT NULL") + default


def _indexes(found: Inspector, table: str) -> Iterator[str]:
    for index in found.get_indexes(table):
        kind = "unique" if index["unique"] else "index"
        where = next((f" where {rule}" for key, rule in _options(index) if key.endswith("where")), "")
        yield f"  {kind} {index['name']} ({', '.join(map(str, index['column_names']))}){where}"


def _options(index: Any) -> list[tuple[str, Any]]:
    return [(key, str(rule)) for key, rule in (index.get("dialect_options") or {}).items()]


def _unique(found: Inspector, table: str) -> Iterator[str]:
    for key in found.get_unique_constraints(table):
        yield f"  unique {key['name']} ({', '.join(key['column_names'])})"


def _foreign(found: Inspector, table: str) -> Iterator[str]:
    for key in found.get_foreign_keys(table):
        there = f"{key['referred_table']} ({', '.join(key['referred_columns'])})"
        yield f"  foreign ({', '.join(key['constrained_columns'])}) to {there}"


if __name__ == "__main__":
    sys.stdout.write(describe(sa.create_engine(sys.argv[1])))
