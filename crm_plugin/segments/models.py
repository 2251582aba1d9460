"""Saved searches."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db import Base, Id, Json, Key, UtcDateTime


class QuickQuery(Base):
    """A saved search with its last count."""

    __tablename__ = "crm_query"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Key())
    tree: Mapped[dict[str, Any]] = mapped_column(Json)
    owner: Mapped[str] = mapped_column(Key())
    shared: Mapped[bool] = mapped_column(default=False)
    pinned: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)
    count: Mapped[int | None]
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
