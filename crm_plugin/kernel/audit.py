"""Records of what staff did, and to how many: one row for each change, send and export."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, UtcDateTime


class AuditRow(Base):
    """One audited action."""

    __tablename__ = "crm_audit"
    __table_args__ = (
        Index("ix_crm_audit_person_id", "person_id", "id"),
        Index("ix_crm_audit_actor", "actor", "id"),
        Index("ix_crm_audit_action", "action", "id"),
        Index("ix_crm_audit_object", "object_kind", "object_id", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(Key())
    action: Mapped[str] = mapped_column(Key(64))
    object_kind: Mapped[str] = mapped_column(Key(32), default="")
    object_id: Mapped[str] = mapped_column(Key(), default="")
    person_id: Mapped[int | None] = mapped_column(Id)
    """Our id of the person that it was about: the object itself, or what the object belongs to."""
    count: Mapped[int | None] = mapped_column(BigInteger)
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


def record(
    session: Session, at: datetime, actor: str, action: str, of: tuple[str, object] = ("", ""), **details: Any
) -> None:
    """Write an audit row in the caller's transaction.

    :param actor: the host's id of who did it; ``system`` for the CRM itself, ``command`` for a shell.
    :param action: verb with its area, such as ``campaign.launch``.
    :param of: (kind, id) of what it was done to.
    :param details: what else is worth keeping, no secrets and no addresses; ``count`` is how many people
        it touched, ``person`` our id of the person that a note or the like is about.
    """
    count, person = details.pop("count", None), details.pop("person", None)
    kind, ident = of
    session.add(
        AuditRow(
            at=at,
            actor=actor,
            action=action,
            object_kind=kind,
            object_id=str(ident),
            person_id=ident if kind == "person" else person,
            count=count,
            details=details,
        )
    )
