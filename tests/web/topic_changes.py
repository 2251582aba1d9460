"""What routes of topics take and do, for the tests that walk all routes."""

from collections.abc import Callable
from typing import Any

from crm_plugin.profiles.consent import topics
from tests.web.limits import ADMIN, Limits

API = "/api/v1"


def _at(rule: str, sent: Any, action: str) -> Callable[[Limits], tuple[str, Any, str]]:
    return lambda world: (rule.format(_topic(world)), sent, action)


def _topic(world: Limits) -> int:
    """Make a topic, of whatever name is free."""
    with world.crm.db.read() as session:
        number = len(topics.every(session))
    return topics.create(world.crm, ADMIN, f"Topic {number}")


TOPICS: dict[str, Callable[[Limits], tuple[str, Any, str]]] = {
    "person_topic": lambda w: (
        f"/people/{w.ids['in1']}/topic",
        {"topic": _topic(w), "answer": "denied"},
        "topic.deny",
    ),
    "api_set_person_topic": lambda w: (
        f"{API}/people/in1/topics/{_topic(w)}",
        {"granted": True},
        "topic.grant",
    ),
    "topic_new": lambda _w: ("/topics/new", {"name": "By a form"}, "topic.create"),
    "topic_rename": _at("/topics/{}/rename", {"name": "Renamed by a form"}, "topic.rename"),
    "topic_move": _at("/topics/{}/move", {"place": "0"}, "topic.move"),
    "topic_archive": _at("/topics/{}/archive", {}, "topic.archive"),
    "api_create_topic": lambda _w: (f"{API}/topics", {"name": "By a program"}, "topic.create"),
    "api_rename_topic": _at(API + "/topics/{}", {"name": "Renamed"}, "topic.rename"),
    "api_move_topic": _at(API + "/topics/{}/place", {"place": 0}, "topic.move"),
    "api_archive_topic": _at(API + "/topics/{}/away", {"away": True}, "topic.archive"),
}
"""Name of a route → its change."""

TOPIC_BODIES: dict[str, Any] = {
    "api_set_person_topic": {"granted": False},
    "api_rename_topic": {"name": "x"},
    "api_move_topic": {"place": 0},
    "api_archive_topic": {"away": True},
}
"""Name of a route that names an object → the document that it takes."""

TOPICS_PLAIN: dict[str, tuple[str, Any, int]] = {
    "topics": ("/topics", None, 403),
    "topics_start": ("/topics/start", {}, 403),
    "topic_new": ("/topics/new", {"name": "x"}, 403),
    "api_list_topics": (f"{API}/topics", None, 200),
    "api_create_topic": (f"{API}/topics", {"name": "x"}, 403),
}
"""Name of a route → (path, what is sent, the answer to who is limited to some courses)."""

TOPICS_OUTSIDE = {"/topics/<": "topic", f"{API}/topics/<": "topic"}
"""Beginning of a rule → the object that it is tried with."""

PLACES = {"<course_id>": "c1", "<int:topic>": "1", "<channel>": "email"}
"""Places of a rule beside its object → what stands there."""
