"""One person, by the school's id: archive, timeline, follow-ups, intentions, consent, a message to them."""

from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.campaigns.composing.drafts import create_single
from crm_plugin.host.permissions import need_whole
from crm_plugin.profiles.consent import staff_entry
from crm_plugin.profiles.extension import Moment
from crm_plugin.profiles.people import access, archive
from crm_plugin.profiles.people.timeline import sources
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.staff import follow_ups, purchase_intent
from crm_plugin.profiles.staff.follow_ups import FollowUpRow
from crm_plugin.profiles.staff.purchase_intent import CourseIntention
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, MessageFile, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

Line = schemas.answer(
    "ConsentLine", at=schemas.instant(), state=fields.String(), origin=fields.String(), source=fields.String()
)
Stop = schemas.answer("Stop", scope=fields.String(), reason=fields.String(), at=schemas.instant())
Interest = schemas.answer(
    "Interest", tag=fields.String(), weight=fields.Float(), reasons=fields.Dict(keys=fields.String())
)
Channel = schemas.of(
    archive.Channel, suppressions=fields.List(fields.Nested(Stop)), ledger=fields.List(fields.Nested(Line))
)
Archive = schemas.of(
    archive.Archive,
    interests=fields.List(fields.Nested(Interest)),
    channels=fields.List(fields.Nested(Channel)),
)
FollowUp = schemas.of(FollowUpRow)
Notes = schemas.answer("FollowUps", items=fields.List(fields.Nested(FollowUp)))
Intentions = schemas.answer("Intentions", items=fields.List(fields.Nested(schemas.of(CourseIntention))))
Timeline = schemas.paged("Timeline", schemas.of(Moment), fields.String)


class TimelinePage(Schema):
    """A page of a timeline."""

    source = fields.String(load_default=None, validate=lambda name: name in sources(crm()))
    after = fields.String(load_default=None)
    limit = schemas.limit(30)


class NewFollowUp(Schema):
    """What somebody writes down."""

    kind = fields.String(required=True, validate=validate.OneOf(follow_ups.KINDS))
    text = fields.String(required=True)
    due_on = fields.Date(load_default=None, allow_none=True)


class Done(Schema):
    """Whether there is nothing more to do."""

    done = schemas.Flag(required=True)


class IntentionLevel(Schema):
    """How much somebody wants a course; null leaves it to the suggestion."""

    level = fields.String(required=True, allow_none=True, validate=validate.OneOf(purchase_intent.LEVELS))


class Wish(Schema):
    """Whether a person agrees to a channel."""

    granted = schemas.Flag(required=True)
    scope = fields.String(load_default="marketing", validate=validate.OneOf(staff_entry.SCOPES))


class TopicWish(Schema):
    """Whether a person wants to hear about a topic."""

    granted = schemas.Flag(required=True)


def _id(person_id: str) -> int:
    with crm().db.read() as session:
        return access.id_of(session, actor(), person_id)


@ROUTES.endpoint("GET", "/people/<person_id>", shape=Shape(answer=Archive))
def api_get_person(_given: Given, person_id: str) -> Any:
    """Return a person's archive: profile, contacts with consent, courses, orders, interests."""
    ident = _id(person_id)
    with crm().db.read() as session:
        return _plain(access.archived(crm(), session, actor(), ident))


def _plain(found: archive.Archive) -> dict[str, Any]:
    """Name the parts of what the archive holds as tuples."""
    stop, line, interest = (
        ("scope", "reason", "at"),
        ("at", "state", "origin", "source"),
        ("tag", "weight", "reasons"),
    )

    def named(names: tuple[str, ...], rows: Any) -> list[dict[str, Any]]:
        return [dict(zip(names, row, strict=True)) for row in rows]

    def channel(one: archive.Channel) -> dict[str, Any]:
        parts = {name: getattr(one, name) for name in archive.Channel.__dataclass_fields__}
        return {**parts, "suppressions": named(stop, one.suppressions), "ledger": named(line, one.ledger)}

    parts = {name: getattr(found, name) for name in archive.Archive.__dataclass_fields__}
    channels = [channel(one) for one in found.channels]
    return {**parts, "interests": named(interest, found.interests), "channels": channels}


@ROUTES.endpoint("GET", "/people/<person_id>/timeline", shape=Shape(query=TimelinePage, answer=Timeline))
def api_get_timeline(given: Given, person_id: str) -> Any:
    """Return what happened with a person, the newest first."""
    query, ident = given.query, _id(person_id)
    only = [query["source"]] if query["source"] else []
    with crm().db.read() as session:
        page = access.moments(crm(), session, actor(), ident, only, (query["limit"], query["after"]))
    return {"items": page.moments, "next": page.next}


@ROUTES.endpoint("GET", "/people/<person_id>/follow-ups", shape=Shape(answer=Notes))
def api_list_follow_ups(_given: Given, person_id: str) -> Any:
    """List a person's follow-ups: what is to be done by its day, then the rest."""
    ident = _id(person_id)
    with crm().db.read() as session:
        return {"items": follow_ups.of_person(session, actor(), ident)}


@ROUTES.endpoint(
    "POST", "/people/<person_id>/follow-ups", "crm.edit", Shape(NewFollowUp, None, schemas.Id, 201)
)
def api_add_follow_up(given: Given, person_id: str) -> Any:
    """Write a follow-up down."""
    return {"id": follow_ups.add(crm(), actor(), _id(person_id), follow_ups.Entry(**given.body))}


@ROUTES.endpoint("PUT", "/people/<person_id>/follow-ups/<int:note>", "crm.edit", Shape(NewFollowUp))
def api_replace_follow_up(given: Given, person_id: str, note: int) -> None:
    """Replace a follow-up."""
    follow_ups.edit(crm(), actor(), _id(person_id), note, follow_ups.Entry(**given.body))


@ROUTES.endpoint("POST", "/people/<person_id>/follow-ups/<int:note>/done", "crm.edit", Shape(Done))
def api_mark_follow_up(given: Given, person_id: str, note: int) -> None:
    """Take a follow-up off the list of what is due, or put it back."""
    follow_ups.mark_done(crm(), actor(), _id(person_id), note, given.body["done"])


@ROUTES.endpoint("GET", "/people/<person_id>/intentions", shape=Shape(answer=Intentions))
def api_list_intentions(_given: Given, person_id: str) -> Any:
    """List how much a person wants which course: as suggested, and as set by hand."""
    ident = _id(person_id)
    with crm().db.read() as session:
        return {"items": purchase_intent.of_person(session, ident, crm().clock(), actor().scope)}


@ROUTES.endpoint("PUT", "/people/<person_id>/intentions/<course_id>", "crm.edit", Shape(IntentionLevel))
def api_set_intention(given: Given, person_id: str, course_id: str) -> None:
    """Set an intention by hand."""
    purchase_intent.put(crm(), actor(), _id(person_id), course_id, given.body["level"])


@ROUTES.endpoint("PUT", "/people/<person_id>/consent/<channel>", "crm.edit", Shape(Wish))
def api_set_consent(given: Given, person_id: str, channel: str) -> None:
    """Write down that a person agrees to a channel, or wants no more of it."""
    wish = given.body
    staff_entry.set_consent(crm(), actor(), _id(person_id), channel, wish["granted"], wish["scope"])


@ROUTES.endpoint("PUT", "/people/<person_id>/topics/<int:topic>", "crm.edit", Shape(TopicWish))
def api_set_person_topic(given: Given, person_id: str, topic: int) -> None:
    """Write down that a person wants nothing more about a topic, or wants to hear about it again."""
    staff_entry.set_topic(crm(), actor(), _id(person_id), topic, granted=given.body["granted"])


@ROUTES.endpoint(
    "POST", "/people/<person_id>/messages", "crm.send", Shape(MessageFile, None, schemas.Id, 201)
)
def api_create_message(given: Given, person_id: str) -> Any:
    """Make a draft of a message to one person: a campaign file without an audience; launch it like any."""
    return {"id": create_single(crm(), actor(), person_id, given.body)}


@ROUTES.endpoint(
    "GET",
    "/people/<person_id>/held",
    "crm.admin",
    Shape(answer=schemas.answer("HeldData", held=fields.Dict())),
)
def api_get_held_data(_given: Given, person_id: str) -> Any:
    """Return everything that is held on a person, for their right of access."""
    need_whole(actor())
    return {"held": requests.disclose(crm(), actor(), _id(person_id))}


@ROUTES.endpoint("DELETE", "/people/<person_id>", "crm.admin")
def api_erase_person(_given: Given, person_id: str) -> None:
    """Erase a person for good; no later reading of the school brings them back."""
    requests.erased_by(crm(), actor(), _id(person_id))
