"""One person turns out to be another: rows move, the strictest consent stays."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.bulk import among
from crm_plugin.profiles.consent import ledger, topic_consent
from crm_plugin.profiles.consent.channels import address, channels, own_channels
from crm_plugin.profiles.extension import Merge, PersonExtension
from crm_plugin.profiles.models.school import (
    Consent,
    ConsentRecord,
    Enrolment,
    Interest,
    Order,
    OrderLine,
    Person,
    Signal,
    Suppression,
)
from crm_plugin.profiles.models.staff import FollowUp, FollowUpChange
from crm_plugin.profiles.models.streams import Stream
from crm_plugin.profiles.staff import purchase_intent, tags
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.profiles.store.touched_courses import roots_of_people

_MOVED: tuple[Any, ...] = (Enrolment, Signal, Order, OrderLine, FollowUp, FollowUpChange, AuditRow)


def merge(batch: WriteBatch, source: tuple[int, str], target: tuple[int, str]) -> None:
    """Move what one person has to another; running it again does nothing.

    The source's row stays with ``merged_into``, so that old links and ledger rows find the target.

    :param source: (our id, host id).
    :param target: (our id, host id).
    """
    refused = topic_consent.denied(batch.session, source[0])
    batch.roots |= roots_of_people(batch.session, [source[0]])
    for model in _MOVED:
        moved(model)(batch.session, source[0], target[0])
    # The school's answers stay behind: it gives its own for the target.
    moved(ConsentRecord, ConsentRecord.origin == "own")(batch.session, source[0], target[0])
    batch.session.execute(sa.delete(Interest).where(Interest.person_id == source[0]))
    _keep_strictest(batch, source[0], target[0])
    topic_consent.keep(batch.crm, batch.session, target[0], refused, batch.at)
    _keep_suppressed(batch, source[1], target[1])
    purchase_intent.merge(batch.session, source[0], target[0])
    tags.merge(batch.session, source[0], target[0])
    for extension in batch.crm.contributed(PersonExtension):
        for merge_theirs in extension.merge:
            merge_theirs(batch.session, source[0], target[0])
    batch.touched.update((source[0], target[0]))


def moved(model: Any, *where: sa.ColumnElement[bool]) -> Merge:
    """Return how the rows of a table with ``person_id`` are merged: they go to the account that remains."""

    def merge_theirs(session: Session, source: int, target: int) -> None:
        rows = sa.update(model).where(model.person_id == source, *where).values(person_id=target)
        session.execute(rows.execution_options(synchronize_session=False))

    return merge_theirs


def _keep_strictest(batch: WriteBatch, source: int, target: int) -> None:
    own = _denied(batch.session, Consent.person_id.in_((source, target)), Consent.origin == "own")
    wanted = own | _denied(batch.session, Consent.person_id == source)
    batch.session.execute(sa.delete(Consent).where(Consent.person_id == source))
    ledger.refresh_consents(batch.session, [target])
    # Lines that moved may outweigh a denial. One that stands anyway is not written twice.
    standing = _denied(batch.session, Consent.person_id == target, Consent.origin == "own")
    for channel in sorted(wanted - standing):
        batch.session.add(ledger.own_line(target, channel, "denied", batch.at, source="merge"))
    batch.session.flush()
    ledger.refresh_consents(batch.session, [target])


def _denied(session: Session, *where: sa.ColumnElement[bool]) -> set[str]:
    return set(session.scalars(sa.select(Consent.channel).where(Consent.state == "denied", *where)))


Addresses = dict[str, str]
"""Channel → key of the address by which it reaches a person."""


def addresses(session: Session, ids: Collection[int]) -> dict[int, Addresses]:
    """Return the addresses that these persons have now, by our ids."""
    if not ids:
        return {}
    keys = {channel: address(channel).key for channel in channels()}
    labelled = [key.label(channel) for channel, key in keys.items()]
    rows = session.execute(sa.select(Person.id, *labelled).where(among(session, Person.id, ids)))
    return {id: {name: key for name, key in zip(keys, found, strict=True) if key} for id, *found in rows}


def keep_opt_outs(batch: WriteBatch, source: Addresses, target: Addresses) -> None:
    """Let what a person asked for at one address hold at the other; a bounce is of its address only.

    :param source: where the account that is gone was reached, ``target`` the one that remains.
    """
    for channel in source.keys() & target.keys():
        _copy_suppressions(batch, channel, (source[channel], target[channel]), ("opt_out",))


def _keep_suppressed(batch: WriteBatch, source: str, target: str) -> None:
    """What was suppressed for one of the school's ids is so for the other."""
    for channel in own_channels():
        _copy_suppressions(batch, channel, (source, target))


def _copy_suppressions(
    batch: WriteBatch, channel: str, keys: tuple[str, str], reasons: Sequence[str] = ()
) -> None:
    """Suppress the second address as the first is; ``reasons`` empty = for whatever reason."""
    source, target = keys
    columns = (Suppression.scope, Suppression.reason, Suppression.at, Suppression.source)
    held = sa.select(*columns).where(Suppression.channel == channel, Suppression.address_key == source)
    if reasons:
        held = held.where(Suppression.reason.in_(reasons))
    for scope, reason, at, told_by in batch.session.execute(held).all():
        ledger.suppress(batch.crm, batch.session, channel, target, scope, reason, at, told_by)


def unmerge(batch: WriteBatch, held: Sequence[int], living: set[str]) -> None:
    """Let the next scans sort out the rows of persons who are no longer merged into another."""
    if not held:
        return
    columns = sa.select(Person.id, Person.host_id, Person.merged_into).where(
        among(batch.session, Person.id, held), Person.merged_into.is_not(None)
    )
    back = {id: into for id, host_id, into in batch.session.execute(columns) if host_id in living and into}
    if not back:
        return
    ids = [*batch.persons(back.values()).ids.values()]
    # At once: an erasure from now on takes only those accounts along that are still merged.
    free = sa.update(Person).where(Person.id.in_(back)).values(merged_into=None)
    batch.session.execute(free.execution_options(synchronize_session=False))
    for model in (Enrolment, Signal, Order):
        unsure: Any = sa.update(model).where(model.person_id.in_(ids)).values(row_hash="")
        batch.session.execute(unsure.execution_options(synchronize_session=False))
    again = sa.update(Stream).where(Stream.stream.in_(("enrolments", "orders", "signals")))
    batch.session.execute(again.values(rescan=True))
