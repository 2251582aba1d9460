"""Empty a person's row: what is personal goes, what the school's books need stays as nobody's."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host import records as r
from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.profiles.consent import topic_consent
from crm_plugin.profiles.consent.channels import own_channels
from crm_plugin.profiles.extension import Erase, PersonExtension
from crm_plugin.profiles.models.school import (
    Consent,
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
from crm_plugin.profiles.models.staff import CrmTag, FollowUp, FollowUpChange, Intention, IntentionChange
from crm_plugin.profiles.store import tombstones
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.profiles.store.mapping import person_columns
from crm_plugin.profiles.store.touched_courses import roots_of_people

_EMPTY = {
    **person_columns(r.Person("", "erased", roles=()), None),
    "row_hash": "",
}
del _EMPTY["host_id"], _EMPTY["merged_into"]

_WRITTEN = (FollowUp, FollowUpChange, Intention, IntentionChange, CrmTag)
_PERSONAL: tuple[Any, ...] = (PersonTag, PersonAttribute, Interest, Consent, *_WRITTEN)


def erase(batch: WriteBatch, ids: Sequence[int], *, forget: bool = False) -> None:
    """Empty these persons' rows.

    :param ids: our ids.
    :param forget: for good, with the accounts that were merged into them: their host ids become keyed
        hashes, so that no later scan brings them back; seats and signals go, orders stay in the books
        without a person. Suppressed addresses (but the school's own id) and the ledger of consents stay:
        they prove, and keep, what the person asked for.
    """
    for part in chunks(_with_merged(batch, ids) if forget else ids):
        batch.roots |= roots_of_people(batch.session, part)
        for extension in batch.crm.contributed(PersonExtension):
            for erase_theirs in extension.erase:
                erase_theirs(batch.session, part)
        if forget:
            _forget(batch, part)
        emptied = sa.update(Person).where(Person.id.in_(part)).execution_options(synchronize_session=False)
        batch.session.execute(emptied.values(_EMPTY))
        for model in (*_PERSONAL, *((Enrolment, Signal) if forget else ())):
            deleted(model)(batch.session, part)
        batch.touched.update(part)
        batch.changed += len(part)


def _with_merged(batch: WriteBatch, ids: Sequence[int]) -> list[int]:
    """Return these persons and all who were merged into them, over any number of steps: they are the same."""
    found, more = set(ids), set(ids)
    while more:
        host_ids = batch.session.scalars(sa.select(Person.host_id).where(Person.id.in_(more))).all()
        merged = sa.select(Person.id).where(Person.merged_into.in_(host_ids))
        more = set(batch.session.scalars(merged)) - found
        found |= more
    return sorted(found)


def _forget(batch: WriteBatch, ids: list[int]) -> None:
    rows = batch.session.execute(sa.select(Person.id, Person.host_id).where(Person.id.in_(ids))).all()
    host_ids = [host_id for _, host_id in rows]
    tombstones.remember(batch.session, batch.key, host_ids, batch.at)
    for model in (Order, OrderLine):
        _execute(batch, sa.update(model).where(model.person_id.in_(ids)).values(person_id=None))
    table: Any = Person.__table__
    renamed = sa.update(table).where(table.c.id == sa.bindparam("one")).values(host_id=sa.bindparam("name"))
    batch.session.execute(renamed, [{"one": id, "name": f"forgotten:{id}"} for id, _ in rows])
    _forget_elsewhere(batch, {host_id: id for id, host_id in rows})


def _forget_elsewhere(batch: WriteBatch, ids: dict[str, int]) -> None:
    """Take host ids out of what names them: accounts merged into them, and private messages' addresses."""
    message = (Suppression.channel.in_(own_channels()), Suppression.address_key.in_(tuple(ids)))
    _execute(batch, sa.delete(Suppression).where(*message))
    topic_consent.forget(batch.session, tuple(ids))
    columns = sa.select(Person.id, Person.merged_into).where(Person.merged_into.in_(tuple(ids)))
    for id, into in batch.session.execute(columns).all():
        values = {"merged_into": f"forgotten:{ids[into or '']}"}
        _execute(batch, sa.update(Person).where(Person.id == id).values(values))


def deleted(model: Any) -> Erase:
    """Return how the rows of a table with ``person_id`` are forgotten: they go."""

    def erase_theirs(session: Session, ids: Sequence[int]) -> None:
        gone = sa.delete(model).where(model.person_id.in_(ids))
        session.execute(gone.execution_options(synchronize_session=False))

    return erase_theirs


def _execute(batch: WriteBatch, statement: Any) -> None:
    batch.session.execute(statement.execution_options(synchronize_session=False))
