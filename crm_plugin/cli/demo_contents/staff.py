"""Members of the school's staff who make the contents of a demo, and which of the contents are there."""

from sqlalchemy import select

from crm_plugin.demo.generate import demo_accounts
from crm_plugin.demo.models import User
from crm_plugin.host.context import Crm
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.key_value import keep, kept


def administrator(crm: Crm) -> Actor:
    """Return the school's administrator."""
    return _named(crm, 0, frozenset(PERMISSIONS))


def consultant(crm: Crm) -> Actor:
    """Return the consultant, with the rights that the school gives them."""
    return _named(crm, 1, frozenset({"crm.view", "crm.edit", "crm.send"}))


def _named(crm: Crm, place: int, permissions: frozenset[str]) -> Actor:
    account = demo_accounts()[place]
    with crm.db.read() as session:
        ident = session.scalar(select(User.id).where(User.username == account.username))
    return Actor(str(ident), account.display_name, permissions)


def done(crm: Crm, step: str) -> bool:
    """Return whether a step was made before: what somebody deletes does not come back."""
    with crm.db.read() as session:
        return bool(kept(session, f"demo.{step}"))


def note_done(crm: Crm, step: str) -> None:
    """Remember that a step was made."""
    crm.db.run(lambda session: keep(session, f"demo.{step}", True))
