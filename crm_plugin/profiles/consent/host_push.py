"""Report opt-outs and opt-ins that reached us to the school."""

import logging
from functools import partial

import sqlalchemy as sa

from crm_plugin.host.bounded_calls import Resting
from crm_plugin.host.context import Crm
from crm_plugin.profiles.models.school import ConsentRecord, Person

log = logging.getLogger(__name__)

BATCH = 200


def push_consents(crm: Crm) -> int:
    """Push answers that the school does not have yet, oldest first; return how many answers the school took.

    A school that does not take any is not asked, and the answers wait in case it learns to. After a
    crash an answer may be pushed twice, which changes nothing.
    """
    if not crm.host.can("consent.write"):
        return 0
    round_ = crm.round("profiles.consents", Resting)
    with crm.db.read() as session:
        columns = sa.select(
            ConsentRecord.id,
            Person.host_id,
            ConsentRecord.channel,
            ConsentRecord.state,
            ConsentRecord.at,
            ConsentRecord.source,
        )
        due = columns.join(Person, Person.id == ConsentRecord.person_id).where(
            ConsentRecord.to_push.is_(True),
            Person.status != "erased",
            ConsentRecord.id.not_in(round_.left_alone),
        )
        lines = session.execute(due.order_by(ConsentRecord.id).limit(BATCH)).all()
    pushed: list[int] = []
    try:
        for id, host_id, channel, state, at, source in lines:
            if any(round_.one(id, partial(crm.host.push_consent, host_id, channel, state, at, source))):
                pushed.append(id)
    except Resting as error:
        log.warning("the school did not take a consent: %s", error)
    if pushed:
        crm.db.run(lambda session: session.execute(_pushed(pushed)))
    return len(pushed)


def _pushed(ids: list[int]) -> sa.Update:
    update = sa.update(ConsentRecord).where(ConsentRecord.id.in_(ids)).values(to_push=False)
    return update.execution_options(synchronize_session=False)
