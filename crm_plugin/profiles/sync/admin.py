"""What an administrator does about the copy of the school: read it again, agree that rows are gone."""

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need, need_whole
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.profiles.sync import service
from crm_plugin.profiles.sync.health import streams

SYNC = "crm_plugin.profiles.jobs.sync_changes"
"""The job that reads on."""


def read_all(crm: Crm, actor: Actor) -> bool:
    """Let everything be read again by a worker; return whether one was woken.

    :raises Refused: without ``crm.admin``, and for who sees some courses only.
    """
    _admit(actor)
    with crm.db.read() as session:
        names = [row.stream for row in streams(session, crm.clock())]
    service.let_scan(crm, names)
    _write_down(crm, actor, "data.read_all")
    return crm.queue.wake(SYNC)


def confirm_gone(crm: Crm, actor: Actor, stream: str) -> None:
    """Let a stream go on that stopped because many of its rows are gone.

    :raises Refused: without ``crm.admin``, and for who sees some courses only.
    :raises Conflict: ``sync.not_waiting``.
    """
    _admit(actor)
    service.confirm_gone(crm, stream)
    _write_down(crm, actor, "data.confirm_gone", stream)


def _admit(actor: Actor) -> None:
    need(actor, "crm.admin")
    need_whole(actor)


def _write_down(crm: Crm, actor: Actor, action: str, stream: str = "") -> None:
    of = ("stream", stream)
    crm.db.run(lambda session: audit.record(session, crm.clock(), actor.id, action, of))
