"""Any valid tree has its sentence, in each language: by the service and over HTTP."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.i18n import locales
from crm_plugin.segments import service
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.parse import parse
from crm_plugin.segments.models import QuickQuery
from crm_plugin.segments.wording.describe import Names, spoken
from tests.fakes.crm import NOW
from tests.segments.fixtures import School
from tests.segments.test_agreement import SAVED, catalogue_at, present_of
from tests.segments.trees import Trees
from tests.web.fixtures import open_school
from tests.web.test_pages import on_sqlite

TREES, LONG, BY_HTTP = 300, 10_000, 40
NOTHING = ("null", "notNull")
ANYTHING: tuple[Any, ...] = (None, "x", 7, [], ["x"], {}, {"n": 1}, True)
"""What documents put beside a comparison with nothing; it is left unread."""


def documents(catalogue: Catalogue, numbers: range) -> Iterator[dict[str, Any]]:
    """Yield random trees: the same for the same numbers."""
    for number in numbers:
        chance = random.Random(number)
        document = Trees(chance, School(chance, present_of(0, "sqlite")), catalogue).document()
        _fill_unread(chance, document)
        yield document


def _fill_unread(chance: random.Random, node: Any) -> None:
    if isinstance(node, list):
        for one in node:
            _fill_unread(chance, one)
    elif isinstance(node, dict):
        if node.get("operator") in NOTHING:
            node["value"] = chance.choice(ANYTHING)
        for one in list(node.values()):
            _fill_unread(chance, one)


def check(numbers: range) -> None:
    catalogue = catalogue_at(present_of(0, "sqlite"))
    for document in documents(catalogue, numbers):
        tree = parse(document, catalogue)
        for locale in locales():
            said = spoken(document, tree, locale, Names())
            assert said, document
            assert "None" not in said, document


def test_every_tree_has_its_sentence() -> None:
    check(range(TREES))


@pytest.mark.long
def test_ten_thousand_trees_have_theirs() -> None:
    check(range(TREES, TREES + LONG))


@on_sqlite
def test_every_tree_is_described_over_http(database: Database, tmp_path: Path) -> None:
    school = open_school(database, tmp_path)
    with school.crm.db.begin() as session:
        at = {"created_at": NOW, "updated_at": NOW}
        saved = {"combinator": "or", "rules": SAVED["rules"]}
        session.add(QuickQuery(id=7, name="Saved", tree=saved, owner="admin", shared=True, **at))
    headers = {"X-CSRFToken": school.csrf()}
    for document in documents(service.catalogue(school.crm), range(BY_HTTP)):
        for locale in locales():
            path = f"/admin/crm/api/v1/segments/describe?locale={locale}"
            answer = school.client.post(path, json=document, headers=headers)
            assert answer.status_code == 200, (document, answer.text)
            assert answer.get_json()["sentence"]
