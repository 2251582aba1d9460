"""What an actor may do, checked by the service that does it: a page, the API and a test all meet it."""

from collections.abc import Collection

from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Refused

OPERATOR = Actor("command", "command", frozenset({"crm.admin"}))
"""The operator at the command line, as services and the audit log know them."""
SYSTEM = Actor("system", "system")
"""The CRM itself: what its jobs write down bears this name. It may do nothing that somebody asks for."""


def need(actor: Actor, permission: str) -> None:
    """Refuse an actor who lacks a permission.

    :param permission: one of :data:`crm_plugin.host.records.PERMISSIONS`.
    :raises Refused: ``access.refused``.
    """
    if not actor.may(permission):
        raise Refused("access.refused", permission=permission)


def need_whole(actor: Actor) -> None:
    """Refuse an actor who is limited to some courses what is about the whole school.

    :raises Refused: ``access.limited``.
    """
    if actor.scope is not None:
        raise Refused("access.limited")


def sees_work(actor: Actor, author: str, scope: Collection[str] | None) -> bool:
    """Return whether an actor sees a campaign or automation: staff limited to some courses see their own.

    :param author: the school's id of the actor who made it.
    :param scope: the courses that it was made for, by the school's ids; None = everything.
    """
    if actor.scope is None:
        return True
    return author == actor.id and scope is not None and actor.scope.issuperset(scope)
