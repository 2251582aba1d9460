"""Column types that store the same values and compare them alike on all three databases.

Text is binary (``C``, ``utf8mb4_nopad_bin``), instants are UTC with microseconds, money is a whole number of
1/10,000.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator, TypeEngine

MONEY_UNIT = 10_000
"""Money is stored as whole 1/10,000 of the major unit, so that sums are exact on SQLite too."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every CRM table; a declarative base of our own, so that a host keeps its own."""

    metadata = sa.MetaData(naming_convention=NAMING)


class Key(TypeDecorator[str]):
    """Short text compared byte by byte on every database: ids, keys, names of states, folded text.

    :param length: in characters; 191 by default, so that three of them fit into one MariaDB index.
    """

    impl = sa.String
    cache_ok = True

    def __init__(self, length: int = 191) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.String(self.length, collation="C"))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.VARCHAR(self.length, **_BINARY))
        return dialect.type_descriptor(sa.String(self.length))


class Text(TypeDecorator[str]):
    """Text of any length, compared byte by byte."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.LONGTEXT(**_BINARY))
        return dialect.type_descriptor(sa.Text())


class Folded(TypeDecorator[str]):
    """Folded text of any length, for comparisons, compared byte by byte.

    :param length: what SQLite declares; it keeps texts of any length all the same.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, length: int = 255) -> None:
        super().__init__()
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.String(collation="C"))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.MEDIUMTEXT(**_BINARY))
        return dialect.type_descriptor(sa.String(self.length))


_BINARY = {"charset": "utf8mb4", "collation": "utf8mb4_nopad_bin"}
# MariaDB's default collation takes josé@ for jose@, and its PAD SPACE ones take "a" for "a ".


class Json(TypeDecorator[Any]):
    """A JSON document, never searched by SQL; None is SQL's NULL."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True


class Id(TypeDecorator[int]):
    """A dense number of our own."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # SQLite numbers only a column declared INTEGER PRIMARY KEY by itself.
        kind: TypeEngine[Any] = sa.Integer() if dialect.name == "sqlite" else sa.BigInteger()
        return dialect.type_descriptor(kind)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant with microseconds; naive values are refused."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sqlite.DATETIME())  # type: ignore[no-untyped-call]

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """A ``Decimal`` in major units, stored as a whole number of 1/10,000; sums and min/max stay exact."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int((Decimal(value) * MONEY_UNIT).to_integral_value())

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value) / MONEY_UNIT
