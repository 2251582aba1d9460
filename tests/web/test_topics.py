"""The page of topics, and where topics are chosen and shown: composer, pre-flight, campaign, person."""

import re

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import access, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.profiles.consent import topic_consent, topics
from crm_plugin.profiles.models.school import Person
from tests.web.fixtures import School
from tests.web.forms import posted

ADMIN = Actor("ann", "Ann", frozenset(PERMISSIONS))
EVERYBODY = {"combinator": "and", "rules": []}
pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def names(school: School) -> list[str]:
    with school.crm.db.read() as session:
        return [row.name for row in topics.every(session)]


def draft(school: School, **values: object) -> int:
    file = {"name": "Sale", "channel": "email", "subject": "Sale", "html": "<p>Now</p>", **values}
    return drafts.create(school.crm, ADMIN, {"audience": EVERYBODY, **file})


def test_an_empty_list_offers_a_beginning(school: School) -> None:
    assert "Use these four" in school.get("/topics").text
    assert school.post("/topics/start").status_code == 302
    assert names(school) == list(topics.PROPOSED)
    assert "优惠与折扣" in school.get("/topics", headers={"Accept-Language": "zh"}).text


def test_topics_are_added_renamed_moved_and_put_away(school: School) -> None:
    for name in ("Offers", "<i>News</i>"):
        school.post("/topics/new", {"name": name})
    assert "&lt;i&gt;News" in school.get("/topics").text
    school.post("/topics/2/rename", {"name": "News", "name_zh": "资讯"})
    school.post("/topics/2/move", {"place": "0"})
    assert names(school) == ["News", "Offers"]
    taken = school.post("/topics/new", {"name": "offers", "name_zh": "优惠"})
    assert (taken.status_code, 'value="优惠"' in taken.text) == (409, True)
    assert school.post("/topics/new", {"name": " "}).status_code == 400
    ident = draft(school, topic=1)
    refused = school.post("/topics/1/archive")
    assert refused.status_code == 409
    assert "in use by Sale" in refused.text
    drafts.remove(school.crm, ADMIN, ident)
    assert school.post("/topics/1/archive").status_code == 302
    assert ">Restore<" in school.get("/topics").text
    school.post("/topics/1/archive", {"back": "1"})
    assert ">Restore<" not in school.get("/topics").text
    school.sign_in("crm.view", "crm.send", "crm.edit")
    assert school.get("/topics").status_code == 403


def test_the_composer_names_a_topic_and_everything_shows_it(school: School) -> None:
    topics.begin(school.crm, ADMIN)
    school.crm.settings.consent_unknown = "send"
    school.sign_in()
    ident = draft(school)
    form = posted(school.get(f"/campaigns/{ident}/policy").text, "/policy/save")
    assert form["topic"] == ""
    form["topic"] = "2"
    school.post(f"/campaigns/{ident}/policy/save", form)
    assert access.get(school.crm, ADMIN, ident).topic_id == 2
    school.post("/people/3/topic", {"topic": "2", "answer": "denied"})
    person = school.get("/people/3").text
    assert "Stopped" in person
    assert "want messages about this topic again" in person
    checked = school.get(f"/campaigns/{ident}/check").text
    assert "Offers and discounts" in checked
    assert "Opted out of the topic" in checked
    service.launch(school.crm, ADMIN, ident)
    assert "Offers and discounts" in school.get(f"/campaigns/{ident}").text
    # The next draft begins with the topic of the last launch.
    school.post("/campaigns/new")
    following = access.listing(school.crm, ADMIN, limit=1)[0].campaign
    assert following.topic_id == 2
    # A service message is no matter of taste.
    school.post(f"/campaigns/{following.id}/audience/save", {"purpose": "service"})
    service_draft = access.get(school.crm, ADMIN, following.id)
    assert (service_draft.purpose, service_draft.topic_id) == ("service", None)


def test_what_staff_say_is_checked(school: School) -> None:
    topics.begin(school.crm, ADMIN)
    assert school.post("/people/3/topic", {"topic": "2", "answer": "maybe"}).status_code == 400
    assert school.post("/people/3/topic", {"topic": "99", "answer": "denied"}).status_code == 404
    school.sign_in("crm.view")
    assert "They said" not in school.get("/people/3").text


def test_the_page_says_how_many_want_none_of_a_topic(school: School) -> None:
    first, _ = (topics.create(school.crm, ADMIN, name) for name in ("Offers", "News"))
    people = school.crm.db.run(lambda session: session.scalars(sa.select(Person.id).limit(3)).all())
    for person in people:
        with school.crm.db.begin() as session:
            topic_consent.opt_out(school.crm, session, person, first, school.crm.clock(), "page")
    cells = re.findall(r'data-label="Opted out"[^>]*>\s*(\d+)', school.get("/topics").text)
    assert cells == ["3", "0"]
    school.sign_in(scope=frozenset({"c1"}))
    assert school.get("/topics").status_code == 403
