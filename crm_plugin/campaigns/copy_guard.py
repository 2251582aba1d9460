"""The copy guard: a copied or restored database sends nothing until a person confirms the new place."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.key_value import keep, kept

_NAME = "campaigns.place"


def place(crm: Crm, session: Session) -> dict[str, str]:
    """Return where this installation is: its public address and its database.

    The database is recognised by what it says of itself and not by its URL, because workers on several
    machines reach one server under several names.
    """
    return {"public_url": crm.settings.public_url, "database": _database(crm, session)}


def is_confirmed(crm: Crm, session: Session) -> bool:
    """Return whether this is the place that was confirmed last; the first one is taken as such."""
    known = kept(session, _NAME)
    return known is None or known == place(crm, session)


def confirm(crm: Crm, session: Session) -> None:
    """Take the present place for the right one."""
    keep(session, _NAME, place(crm, session))


def _database(crm: Crm, session: Session) -> str:
    url = crm.db.engine.url
    if crm.db.dialect == "sqlite":
        return str(Path(url.database).resolve()) if url.database else ""
    query: Any = sa.text(_IDENTITY[crm.db.dialect])
    return "/".join(str(part) for part in session.execute(query).one())


_IDENTITY = {
    "postgresql": "SELECT system_identifier, current_database() FROM pg_control_system()",
    "mysql": "SELECT @@hostname, @@port, DATABASE()",
}
