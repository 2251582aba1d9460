"""What a person's page of choices does about topics; the token of its address is the proof here too."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import NotFound
from crm_plugin.links.message_source import MessageSource
from crm_plugin.links.optout import Answer, Asked, person_now
from crm_plugin.profiles.consent import ledger, topic_consent
from crm_plugin.profiles.consent.channels import channels
from crm_plugin.profiles.consent.topic_consent import TopicChoice
from crm_plugin.profiles.models.school import Person


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person chose of the topics on offer."""

    topics: tuple[TopicChoice, ...] = ()
    message: TopicChoice | None = None
    """About the topic of the message that brought them here; None when it had none that is on offer."""


def standing(crm: Crm, asked: Asked) -> Standing:
    """Return what holds now; nothing for a person who is gone."""
    with crm.db.read() as session:
        person_id = person_now(session, asked.person_id)
        if session.get(Person, person_id) is None:
            return Standing()
        found = tuple(one for one in topic_consent.chosen(session, person_id) if not one.topic.archived)
        topic = _of_message(crm, session, asked.delivery_id)
        return Standing(found, next((one for one in found if one.topic.id == topic), None))


def stop(crm: Crm, asked: Asked, wanted: Collection[int], answer: Answer) -> None:
    """Keep that a person wants nothing more about these topics; again is the same as once."""
    _say(crm, asked, wanted, answer, topic_consent.opt_out)


def resume(crm: Crm, asked: Asked, wanted: Collection[int], answer: Answer) -> None:
    """Keep that a person wants to hear about these topics (again), with the form and the words they saw."""
    _say(crm, asked, wanted, answer, topic_consent.opt_in)


def _say(crm: Crm, asked: Asked, wanted: Collection[int], answer: Answer, verb: Callable[..., None]) -> None:
    def work(session: Session) -> None:
        person_id = person_now(session, asked.person_id)
        ledger.lock_person(crm, session, person_id, channels())
        for topic in wanted:
            verb(crm, session, person_id, topic, crm.clock(), answer.source, answer.text_version)

    try:
        if wanted:
            crm.db.run(work)
    except NotFound:  # a person who is not there any more gets nothing anyway
        return


def _of_message(crm: Crm, session: Session, delivery_id: int) -> int | None:
    found = (source.topic(session, delivery_id) for source in crm.contributed(MessageSource))
    return next((topic for topic in found if topic is not None), None)
