"""Lists of people and boards: how their routes are tried, for the tests that walk all routes."""

import json
from collections.abc import Callable
from typing import Any

from tests.web.limits import EVERYBODY, Limits

API = "/api/v1"

BOARDS_PLAIN: dict[str, tuple[str, Any, int]] = {
    "people_count": ("/people/count", {}, 200),
    "people_sample": ("/people/sample", {}, 200),
    "people_build": ("/people/build", {"do": ""}, 200),
    "people_selected": ("/people/selected", {"do": "csv", "mode": "all", "tree": json.dumps(EVERYBODY)}, 200),
    "people_pick": ("/people/pick/course", None, 200),
    "people_exports": ("/people/exports", None, 200),
    "people_exports_progress": ("/people/exports/progress", None, 200),
    "people_why": ("/people/why", None, 200),
    "people_tags": ("/people/tags", None, 200),
    "people_taggings": ("/people/taggings", None, 200),
    "people_taggings_progress": ("/people/taggings/progress", None, 200),
    "board": ("/courses/c1?stage=learners", None, 200),
    "board_selected": ("/boards/selected", {"course": "c1", "stage": "learners", "do": "csv:all"}, 200),
    "board_intention": ("/boards/intention", {"course": "c1", "person": "999999", "level": "high"}, 302),
    "api_count_stages": (f"{API}/board/stages?course=c1", None, 200),
    "api_list_stage_people": (f"{API}/board/people", {"course": "c1", "stage": "learners"}, 200),
    "api_list_leaving_reasons": (f"{API}/board/leaving?course=c1", None, 200),
    "api_list_ready_actions": (f"{API}/board/actions", None, 200),
    "api_start_ready_action": (
        f"{API}/board/actions",
        {"course": "c1", "stage": "learners", "action": "bring_to_finish", "channel": "email"},
        201,
    ),
    "api_set_intentions": (
        f"{API}/board/intentions",
        {"course": "c1", "stage": "learners", "level": "high"},
        200,
    ),
}
"""Route → an address and body about a course inside, and the answer."""

BOARD_CHANGES: dict[str, Callable[[Limits], tuple[str, Any, str]]] = {
    "people_selected": lambda _w: (
        "/people/selected",
        {"do": "csv", "mode": "all", "tree": '{"combinator": "and", "rules": []}'},
        "people.export",
    ),
    "board_selected": lambda _w: (
        "/boards/selected",
        {"course": "c1", "stage": "learners", "do": "level:all", "level-all": "high"},
        "intention.set_many",
    ),
    "api_start_ready_action": lambda _w: (
        f"{API}/board/actions",
        {"course": "c1", "stage": "learners", "action": "bring_to_finish", "channel": "email"},
        "campaign.create",
    ),
    "api_set_intentions": lambda _w: (
        f"{API}/board/intentions",
        {"course": "c1", "stage": "learners", "level": "low"},
        "intention.set_many",
    ),
    "board_intention": lambda w: (
        "/boards/intention",
        {"course": "c1", "person": str(w.ids["in1"]), f"level-{w.ids['in1']}": "medium"},
        "intention.set",
    ),
}
"""Route → how it changes something, and the action on record."""
