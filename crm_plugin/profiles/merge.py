"""One person turns out to be another: rows move, the strictest consent stays."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.bulk import among
from crm_plugin.kernel.registry import Registry
from crm_plugin.profiles import consent, intentions, tags
from crm_plugin.profiles.models import (
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
from crm_plugin.profiles.staff_models import FollowUp
from crm_plugin.profiles.stream_models import Stream
from crm_plugin.profiles.work import Work

MERGES: Registry[Callable[[Session, int, int], None]] = Registry("merge")
"""What other capabilities do in the same transaction: name → function of (session, our id of the account
that is gone, our id of the one that remains); doing it again must change nothing."""

_MOVED: tuple[Any, ...] = (Enrolment, Signal, Order, OrderLine, FollowUp)


def merge(work: Work, source: tuple[int, str], target: tuple[int, str]) -> None:
    """Move what one person has to another; running it again does nothing.

    The source's row stays with ``merged_into``, so that old links and ledger rows find the target.

    :param source: (our id, host id).
    :param target: (our id, host id).
    """
    for model in (*_MOVED, ConsentRecord):
        rows = sa.update(model).where(model.person_id == source[0])
        if model is ConsentRecord:
            # The school's answers stay behind: it gives its own for the target.
            rows = rows.where(ConsentRecord.origin == "own")
        moved = rows.values(person_id=target[0])
        work.session.execute(moved.execution_options(synchronize_session=False))
    work.session.execute(sa.delete(Interest).where(Interest.person_id == source[0]))
    _keep_strictest(work, source[0], target[0])
    _keep_suppressed(work, source[1], target[1])
    intentions.merge(work.session, source[0], target[0])
    tags.merge(work.session, source[0], target[0])
    for _, merge_theirs in MERGES.items():
        merge_theirs(work.session, source[0], target[0])
    work.touched.update((source[0], target[0]))


def _keep_strictest(work: Work, source: int, target: int) -> None:
    of_both = Consent.person_id.in_((source, target))
    denied = sa.select(Consent.channel).where(of_both, Consent.state == "denied", Consent.origin == "own")
    of_source = sa.select(Consent.channel).where(Consent.person_id == source, Consent.state == "denied")
    for channel in sorted(set(work.session.scalars(sa.union(denied, of_source)))):
        line = consent.own_line(target, channel, "denied", work.at, source="merge")
        work.session.add(line)
    work.session.flush()
    work.session.execute(sa.delete(Consent).where(Consent.person_id == source))
    consent.refresh_consents(work.session, [target])


def _keep_suppressed(work: Work, source: str, target: str) -> None:
    """Private messages go to host ids: what was suppressed for one id is so for the other."""
    rows = work.session.execute(
        sa.select(Suppression.scope, Suppression.reason, Suppression.at, Suppression.source).where(
            Suppression.channel == "message", Suppression.address_key == source
        )
    )
    for scope, reason, at, told_by in rows.all():
        consent.suppress(work.session, "message", target, scope, reason, at, told_by)


def unmerge(work: Work, held: Sequence[int], living: set[str]) -> None:
    """Let the next scans sort out the rows of persons who are no longer merged into another."""
    if not held:
        return
    columns = sa.select(Person.host_id, Person.merged_into).where(
        among(work.session, Person.id, held), Person.merged_into.is_not(None)
    )
    targets = {into for host_id, into in work.session.execute(columns) if host_id in living and into}
    if not targets:
        return
    ids = [*work.persons(targets).ids.values()]
    for model in (Enrolment, Signal, Order):
        unsure: Any = sa.update(model).where(model.person_id.in_(ids)).values(row_hash="")
        work.session.execute(unsure.execution_options(synchronize_session=False))
    again = sa.update(Stream).where(Stream.stream.in_(("enrolments", "orders", "signals")))
    work.session.execute(again.values(rescan=True))
