"""People as one actor may see them: contacts masked, amounts left out, courses limited, nobody outside."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.extension import Moment, Window
from crm_plugin.profiles.people.archive import Archive, archive
from crm_plugin.profiles.people.queries import PersonRow, people, person_id_of
from crm_plugin.profiles.people.timeline import Stretch, timeline
from crm_plugin.profiles.store.course_scope import check, sees
from crm_plugin.profiles.store.host_info_cache import own_currency
from crm_plugin.profiles.store.masking import as_seen, may_see_contacts


def rows(crm: Crm, session: Session, actor: Actor, ids: Sequence[int]) -> list[PersonRow]:
    """Return these persons in the order of ``ids``; the caller has checked that the actor may see them.

    :param ids: our ids.
    """
    contacts = may_see_contacts(actor)
    found = people(session, ids, contacts=contacts, scope=actor.scope, currency=own_currency(crm))
    return found if actor.may("crm.money") else [_without_money(row) for row in found]


def _without_money(row: PersonRow) -> PersonRow:
    return replace(row, paid_total=None, refunded_total=None)


def one(crm: Crm, session: Session, actor: Actor, person_id: int) -> PersonRow:
    """Return a person.

    :raises Refused: ``access.refused``.
    :raises NotFound: ``object.missing``, the same for who is outside the actor's courses.
    """
    need(actor, "crm.view")
    check(session, actor, person_id)
    return rows(crm, session, actor, [person_id])[0]


def archived(crm: Crm, session: Session, actor: Actor, person_id: int) -> Archive:
    """Return a person's archive.

    :raises Refused: ``access.refused``.
    :raises NotFound: ``object.missing``, the same for who is outside the actor's courses.
    """
    need(actor, "crm.view")
    if actor.scope is not None:
        check(session, actor, person_id)
    contacts, currency = may_see_contacts(actor), own_currency(crm)
    found = archive(session, person_id, crm.clock(), contacts=contacts, scope=actor.scope, currency=currency)
    found = as_seen(actor, found, "tags", "attributes")
    found = replace(
        found,
        crm_tags=[as_seen(actor, one, "value") for one in found.crm_tags],
        channels=[as_seen(actor, one, "ledger") for one in found.channels],
    )
    if actor.may("crm.money"):
        return found
    purchases = [replace(one, amount=None, refunded=None) for one in found.purchases]
    return replace(found, person=_without_money(found.person), purchases=purchases)


def id_of(session: Session, actor: Actor, host_id: str) -> int:
    """Return our id of a person of the school that the actor may see.

    :raises NotFound: ``object.missing``, in the same words for who is outside the actor's courses.
    """
    missing = NotFound("object.missing", kind=Clause("person"), id=host_id)
    try:
        found = person_id_of(session, host_id)
    except NotFound:
        raise missing from None
    if not sees(session, found, actor.scope):
        raise missing
    return found


def moments(
    crm: Crm,
    session: Session,
    actor: Actor,
    person_id: int,
    only: Collection[str],
    place: tuple[int, str | None],
) -> Stretch:
    """Return a page of a person's timeline.

    :param only: names of sources; none = all of them.
    :param place: how many, and ``next`` of the page before.
    :raises NotFound: ``object.missing``, the same for who is outside the actor's courses.
    """
    one(crm, session, actor, person_id)
    limit, after = place
    window = Window(limit, scope=actor.scope, reader=actor.id)
    found = timeline(crm, session, person_id, window, only=only, after=after)
    return as_shown(actor, found)


def as_shown(actor: Actor, found: Stretch) -> Stretch:
    """Return a page of a timeline as an actor sees it, without contacts and amounts that they may not see."""
    shown = [as_seen(actor, moment, "title", "details") for moment in found.moments]
    return Stretch(shown if actor.may("crm.money") else [_unpriced(moment) for moment in shown], found.next)


def _unpriced(moment: Moment) -> Moment:
    return replace(moment, details={key: value for key, value in moment.details.items() if key != "amount"})
