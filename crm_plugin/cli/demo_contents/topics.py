"""The topics of a new demo, and what some of its people chose, said as they would have said it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_plugin.cli.demo_contents.staff import administrator
from crm_plugin.host.context import Crm
from crm_plugin.profiles.consent import topic_consent, topics
from crm_plugin.profiles.models.school import Person

EVERY = (97, 53, 139, 71)
"""Of so many people one wants none of each topic, in the order of the list: offers annoy most."""


def seed(crm: Crm, _language: str) -> None:
    """Put the proposed topics, which have names in both languages, and some opt-outs in."""
    with crm.db.read() as session:
        people = session.scalars(select(Person.id).where(Person.status == "active").order_by(Person.id)).all()
    topics.begin(crm, administrator(crm))

    def work(session: Session) -> None:
        for topic, step in zip(topics.offered(session), EVERY, strict=True):
            for person in people[step // 2 :: step]:
                topic_consent.opt_out(crm, session, person, topic.id, crm.clock(), "choices")

    crm.db.run(work)
