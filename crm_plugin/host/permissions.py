"""What an actor may do, checked by the service that does it: a page, the API and a test all meet it."""

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
