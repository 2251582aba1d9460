"""What the outbox took, as one actor may read it."""

from sqlalchemy.orm import Session

from crm_plugin.campaigns import access
from crm_plugin.channels import outbox
from crm_plugin.channels.outbox import Taken
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.store.masking import as_seen


def messages(crm: Crm, actor: Actor, campaign_id: int, *, after: int = 0, limit: int = 50) -> list[Taken]:
    """Return what the outbox took of a campaign, in that order, without people beyond the actor's courses."""
    with crm.db.read() as session:
        access.one(session, actor, campaign_id, "crm.send")
        rows = outbox.listed(session, campaign_id, after=after, limit=limit)
        return [_seen(actor, row) for row in rows if _may_read(session, row, actor)]


def latest_messages(
    crm: Crm, actor: Actor, *, channel: str = "", before: int | None = None, limit: int = 50
) -> list[Taken]:
    """Return what the outbox took of everybody's campaigns and tests, newest first.

    Nothing for who is limited to some courses: they look into their own campaigns.
    """
    need(actor, "crm.send")
    if actor.scope is not None:
        return []
    with crm.db.read() as session:
        rows = outbox.latest(session, channel=channel, before=before, limit=limit)
    return [_seen(actor, row) for row in rows]


def message(crm: Crm, actor: Actor, ident: int) -> Taken:
    """Return one message of the outbox.

    :raises NotFound: ``object.missing``; for who is limited to some courses also tests, which belong to no
        campaign, and messages of other campaigns or to people outside.
    """
    need(actor, "crm.send")
    with crm.db.read() as session:
        row = outbox.find(session, ident)
        if row is None or not _may_read(session, row, actor):
            raise NotFound("object.missing", kind=Clause("message"), id=ident)
        if row.campaign_id is not None:
            access.one(session, actor, row.campaign_id, "crm.send")
    return _seen(actor, row)


def _seen(actor: Actor, row: Taken) -> Taken:
    """Return a message with the contacts in it masked, unless the actor may see them.

    A person of the school has no other address on the channel of its own messages.
    """
    address = () if row.channel == "message" else ("address",)
    return as_seen(actor, row, "subject", "text", "html", "links", *address)


def _may_read(session: Session, row: Taken, actor: Actor) -> bool:
    if actor.scope is None:
        return True
    return row.campaign_id is not None and access.sees_person(session, actor, row.person)
