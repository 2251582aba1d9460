"""The rights of a person: to be forgotten, and to get everything that is held."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM, need, need_whole
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.consent import topic_consent
from crm_plugin.profiles.consent.address_locks import addresses_of
from crm_plugin.profiles.consent.channels import channels
from crm_plugin.profiles.extension import Export, PersonExtension
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models.school import (
    Consent,
    ConsentRecord,
    Enrolment,
    Interest,
    Order,
    OrderLine,
    Person,
    PersonAttribute,
    PersonTag,
    Signal,
    Suppression,
)
from crm_plugin.profiles.models.staff import CrmTag, FollowUp, FollowUpChange
from crm_plugin.profiles.privacy.erase import erase
from crm_plugin.profiles.staff import purchase_intent
from crm_plugin.profiles.store import tombstones
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.profiles.store.touched_courses import touch_courses

_HELD: dict[str, Any] = {
    "tags": PersonTag,
    "attributes": PersonAttribute,
    "interests": Interest,
    "enrolments": Enrolment,
    "orders": Order,
    "order_lines": OrderLine,
    "signals": Signal,
    "consents": Consent,
    "consent_ledger": ConsentRecord,
    "follow_ups": FollowUp,
    "follow_up_changes": FollowUpChange,
    "crm_tags": CrmTag,
}
_INTERNAL = frozenset(
    {"id", "row_hash", "person_id", "course_id", "root_id", "order_id", "follow_up_id", "to_push"}
)


def forget(crm: Crm, person_id: int, actor_id: str = SYSTEM.id) -> None:
    """Erase a person for good; no later scan brings them back.

    :param person_id: our id.
    :raises NotFound: ``object.missing``.
    """
    secret = crm.db.run(tombstones.key)

    def batch(session: Session) -> None:
        if (
            session.execute(sa.select(Person.id).where(Person.id == person_id).with_for_update()).first()
            is None
        ):
            raise NotFound("object.missing", kind=Clause("person"), id=person_id)
        erasure = WriteBatch(crm, session, None, secret)
        erase(erasure, [person_id], forget=True)
        compute.touch(session, [person_id])
        touch_courses(session, erasure.roots)
        audit.record(session, crm.clock(), actor_id, "person.forget", ("person", person_id), count=1)

    crm.db.run(batch)
    compute.recompute(crm)


def erased_by(crm: Crm, actor: Actor, person_id: int) -> None:
    """Erase a person on behalf of an actor.

    :raises Refused: without ``crm.admin``, and for staff who see some courses only.
    """
    _admit(actor)
    forget(crm, person_id, actor.id)


def disclose(crm: Crm, actor: Actor, person_id: int) -> dict[str, Any]:
    """Return everything that is held on a person, to an actor, who hands it on; it is on record.

    :raises Refused: without ``crm.admin``, and for staff who see some courses only.
    """
    _admit(actor)
    document = export(crm, person_id)
    of = ("person", person_id)
    crm.db.run(lambda session: audit.record(session, crm.clock(), actor.id, "person.disclosed", of, count=1))
    return document


def _admit(actor: Actor) -> None:
    need(actor, "crm.admin")
    need_whole(actor)


def export(crm: Crm, person_id: int) -> dict[str, Any]:
    """Return everything that is held on a person, as one JSON document.

    :param person_id: our id.
    :raises NotFound: ``object.missing``.
    """
    with crm.db.read() as session:
        person = session.get(Person, person_id)
        if person is None:
            raise NotFound("object.missing", kind=Clause("person"), id=person_id)
        document: dict[str, Any] = {"person": _plain(person)}
        for name, model in _HELD.items():
            document[name] = rows_of(model)(session, person_id)
        document["intentions"] = purchase_intent.held_on(session, person_id)
        document["suppressions"] = _suppressions(session, person)
        document["topic_opt_outs"] = topic_consent.held_on(session, person_id)
        for extension in crm.contributed(PersonExtension):
            document |= {name: held(session, person_id) for name, held in extension.export.items()}
    return document


def rows_of(model: Any) -> Export:
    """Return how a person's export lists their rows in a table with ``person_id``: column by column."""

    def held(session: Session, person_id: int) -> list[dict[str, Any]]:
        rows = session.scalars(sa.select(model).where(model.person_id == person_id))
        return [_plain(row) for row in rows]

    return held


def _suppressions(session: Session, person: Person) -> list[dict[str, Any]]:
    theirs = [
        sa.and_(Suppression.channel == channel, Suppression.address_key == key)
        for channel, key in addresses_of(session, person.id, channels())
    ]
    return [_plain(row) for row in session.scalars(sa.select(Suppression).where(sa.or_(*theirs)))]


def _plain(row: Any) -> dict[str, Any]:
    names = [column.key for column in sa.inspect(type(row)).columns]
    kept = [name for name in names if name not in _INTERNAL and not name.endswith("_folded")]
    return {name: _value(getattr(row, name)) for name in kept if name not in ("folded", "whole")}


def _value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
