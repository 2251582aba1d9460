"""Small values that one installation keeps, by name."""

from typing import Any

from sqlalchemy.orm import Mapped, Session, mapped_column

from crm_plugin.kernel.db.types import Base, Json, Key
from crm_plugin.kernel.db.writes import upsert


class Kept(Base):
    """A small value of this installation (confirmed URLs, signing keys), by name."""

    __tablename__ = "crm_kept"

    name: Mapped[str] = mapped_column(Key(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)


def kept(session: Session, name: str, default: Any = None) -> Any:
    """Return a kept value, or ``default``."""
    row = session.get(Kept, name)
    return default if row is None else row.value


def keep(session: Session, name: str, value: Any) -> None:
    """Keep a value under a name, over an earlier one."""
    upsert(session, Kept, [{"name": name, "value": value}], key=["name"])
