"""What people say about being written to, written down by staff."""

from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.profiles.consent import ledger, topic_consent
from crm_plugin.profiles.consent.channels import channels
from crm_plugin.profiles.store.course_scope import check

SCOPES = ("marketing", "all")
SOURCE = "staff"
"""How it reached us, in the ledger of consent."""


def set_consent(
    crm: Crm, actor: Actor, person_id: int, channel: str, granted: bool, scope: str = "marketing"
) -> None:
    """Write down that a person agrees to a channel, or wants no more of it.

    :param person_id: our id.
    :param scope: of a refusal: ``marketing``, or ``all`` for service messages too.
    :raises Refused: without ``crm.edit``.
    :raises BadInput: ``input.bad``.
    :raises NotFound: ``object.missing``, also for somebody outside the actor's courses.
    """
    need(actor, "crm.edit")
    _check(channel, scope)
    now = crm.clock()

    def work(session: Session) -> None:
        check(session, actor, person_id)
        if granted:
            ledger.opt_in(crm, session, person_id, channel, now, SOURCE)
        else:
            ledger.opt_out(crm, session, person_id, channel, now, SOURCE, scope=scope)
        action = "consent.grant" if granted else "consent.deny"
        audit.record(session, now, actor.id, action, ("person", person_id), count=1, channel=channel)

    crm.db.run(work)


def set_topic(crm: Crm, actor: Actor, person_id: int, topic_id: int, *, granted: bool) -> None:
    """Write down that a person wants nothing more about a topic, or wants to hear about it again.

    :param person_id: our id.
    :raises Refused: without ``crm.edit``.
    :raises NotFound: ``object.missing``, also for somebody outside the actor's courses.
    """
    need(actor, "crm.edit")
    verb = topic_consent.opt_in if granted else topic_consent.opt_out
    now = crm.clock()

    def work(session: Session) -> None:
        check(session, actor, person_id)
        verb(crm, session, person_id, topic_id, now, SOURCE)
        action = "topic.grant" if granted else "topic.deny"
        audit.record(session, now, actor.id, action, ("person", person_id), count=1, topic=topic_id)

    crm.db.run(work)


def _check(channel: str, scope: str) -> None:
    if channel not in channels():
        raise BadInput("input.bad", "channel", reason=one_of(channels()))
    if scope not in SCOPES:
        raise BadInput("input.bad", "scope", reason=one_of(SCOPES))
