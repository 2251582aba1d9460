"""The topics of a new demo, and what some of its people chose, said as they would have said it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_plugin.demo.generate import demo_accounts
from crm_plugin.demo.models import User
from crm_plugin.host.context import Crm
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.profiles.consent import topic_consent, topics
from crm_plugin.profiles.models.school import Person

_KEPT = "demo.topics"
EVERY = (29, 17, 41, 23)
"""Of so many people one wants none of each topic, in the order of the list: offers annoy most."""


def seed(crm: Crm) -> None:
    """Put the proposed topics and some opt-outs in, once."""
    with crm.db.read() as session:
        if kept(session, _KEPT):
            return
        login = demo_accounts()[0].username
        ident = session.scalar(select(User.id).where(User.username == login))
        people = session.scalars(select(Person.id).where(Person.status == "active").order_by(Person.id)).all()
    topics.begin(crm, Actor(str(ident), login, frozenset(PERMISSIONS)))

    def work(session: Session) -> None:
        for topic, step in zip(topics.offered(session), EVERY, strict=True):
            for person in people[step // 2 :: step]:
                topic_consent.opt_out(crm, session, person, topic.id, crm.clock(), "choices")
        keep(session, _KEPT, True)

    crm.db.run(work)
