"""Texts are compared whole, an empty one is unknown, and spellings of one letter are alike."""

from typing import Any

import pytest

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost, host_info

LONG = "x" * 260
PEOPLE: dict[str, dict[str, Any]] = {
    "short": {"company": LONG[:255], "attributes": {"motto": LONG[:255]}},
    "long": {"company": LONG + "alpha", "attributes": {"motto": LONG + "alpha"}},
    "other": {"company": LONG + "beta", "attributes": {"motto": LONG + "beta"}},
    "empty": {"company": "", "attributes": {"motto": "  "}},
    "turkish": {"company": "İSTANBUL A.Ş.", "attributes": {"motto": "ışık"}},
}


@pytest.fixture
def crm(database: Database) -> Crm:
    people = [r.Person(name, display_name=name, **facts) for name, facts in PEOPLE.items()]
    crm = make_crm(database, FakeHost(*people, info=host_info(attributes=("motto",))))
    sync(crm)
    return crm


def found(crm: Crm, operator: str, value: Any, field: str) -> set[str]:
    rule = {"field": field, "operator": operator, "value": value}
    return set(service.ids(crm, {"combinator": "and", "rules": [rule]}))


COMPARED: list[tuple[str, Any, set[str]]] = [
    ("=", LONG + "ALPHA", {"long"}),
    ("=", LONG[:255], {"short"}),
    ("=", LONG[:256], set()),
    ("!=", LONG + "alpha", {"short", "other", "turkish"}),
    ("in", [LONG + "alpha", LONG + "beta"], {"long", "other"}),
    ("notIn", [LONG + "alpha", "x"], {"short", "other", "turkish"}),
    ("contains", "beta", {"other"}),
    ("doesNotContain", "beta", {"short", "long", "turkish"}),
    ("beginsWith", LONG + "a", {"long"}),
    ("beginsWith", LONG[:255], {"short", "long", "other"}),
    ("endsWith", "alpha", {"long"}),
    ("null", None, {"empty"}),
    ("notNull", None, {"short", "long", "other", "turkish"}),
]


def test_a_text_is_compared_whole(crm: Crm) -> None:
    for field in ("company", "attributes.motto"):
        for operator, value, expected in COMPARED:
            assert found(crm, operator, value, field) == expected, (field, operator, value)


def test_a_turkish_letter_is_found_by_a_plain_one(crm: Crm) -> None:
    for text in ("istanbul", "İstanbul", "ISTANBUL", "ıstanbul"):
        assert found(crm, "contains", text, "company") == {"turkish"}, text
    assert found(crm, "=", "isik", "attributes.motto") == set(), "marks of other letters stay"
    assert found(crm, "=", "IŞIK", "attributes.motto") == {"turkish"}
