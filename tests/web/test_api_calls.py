"""The API under data made of its own document: no answer is a 500, and each is what the document promises."""

import random

import pytest

from crm_plugin.segments import service
from crm_plugin.web.api.openapi import endpoints_of
from tests.web.api_calls import Calls
from tests.web.filled import fill
from tests.web.fixtures import PEOPLE, School
from tests.web.test_api import ADMIN, FILE, Program, on_sqlite


def _calls(school: School, examples: int, number: int) -> Calls:
    fill(school)
    catalogue = service.catalogue(school.crm, ADMIN)
    relations = catalogue.relations()
    fields = [*(one.name for one in catalogue.fields()), *(one.name for one in relations)]
    inner = [one.name for relation in relations for one in catalogue.fields_of(relation)]
    people = [f"p{number}" for number in range(PEOPLE)]
    made = Calls({"field": [*fields, *inner], "person_id": people, "course_id": ["c1", "c2"]})
    # The first tokens and drafts are for calls that end them.
    program = [Program(school) for _ in range(4)][-1]
    for name in ("First", "Second"):
        program.post("/campaigns", {**FILE, "name": name}, 201)
    school.app.config["TESTING"] = False  # a failure is to be answered, as in a school
    made.make(school.app, program.token, examples, number)
    return made


@on_sqlite
def test_five_hundred_calls_are_answered_as_the_document_says(school: School) -> None:
    made = _calls(school, 5, 75)
    assert made.faults == {}
    assert made.seen.total() >= 500
    # All but the one that gives the document.
    assert len({operation for operation, _status in made.seen}) == len(endpoints_of(school.crm)) - 1
    assert min(made.statuses()[status] for status in (200, 201, 204, 400, 404, 409)) > 0


@pytest.mark.long
def test_seven_thousand_calls_of_each_database_are_answered_as_the_document_says(school: School) -> None:
    number = random.randrange(2**32)
    print(f"seed {number}")
    made = _calls(school, 64, number)
    print(f"{made.seen.total():,} calls, by status: {made.statuses()}")
    assert made.faults == {}, number
    assert made.seen.total() >= 6_700
