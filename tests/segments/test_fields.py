"""The table of fields: every row is complete, and a new row is all that a new field takes."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.registry import Registry
from crm_plugin.profiles.models.school import Person
from crm_plugin.segments.explain import loaded_rows
from crm_plugin.segments.language import catalogue as catalogues
from crm_plugin.segments.language import definitions
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.fields import FIELDS, RELATIONS, Field, add_field
from crm_plugin.segments.language.parse import parse
from crm_plugin.segments.language.sources import Column
from crm_plugin.segments.language.value_types import KINDS, NUMBER, OPERATORS
from crm_plugin.segments.sql.compile import people
from tests.segments.decided import matches
from tests.segments.fixtures import School
from tests.segments.test_agreement import present_of
from tests.segments.trees import Trees

DOCS = (Path(__file__).parents[2] / "docs" / "segments.md").read_text(encoding="utf-8")


def every_field() -> Iterator[tuple[str, Field]]:
    yield from (("", one) for one in Catalogue(attributes=("faculty",)).fields())
    for name, relation in RELATIONS.items():
        yield from ((name, one) for _field, one in relation.fields.items())


SAME = {"attributes.faculty": "faculty"}
"""The school's own name for an attribute: the same in every language."""


def test_every_field_has_words_in_both_languages() -> None:
    for relation, one in every_field():
        english, chinese = one.label.of("de"), one.label.of("zh_Hans_CN")
        assert english == one.label, (relation, one.name)
        assert english, (relation, one.name)
        assert (chinese == english) == (SAME.get(one.name) == english), (relation, one.name)


def section(name: str) -> str:
    heading = f"### `{name}`" if name else "## Fields of a person"
    return DOCS.split(heading, 1)[1].split("\n#", 1)[0]


def rows_of(name: str) -> list[str]:
    return [line for line in section(name).splitlines() if line.startswith("| ")]


def test_the_documentation_lists_every_field_with_its_kind() -> None:
    for relation, one in every_field():
        name = "attributes.<name>" if one.name.startswith("attributes.") else one.name
        row = next((line for line in rows_of(relation) if f"`{name}`" in line.split("|")[1]), "")
        assert f"| {one.kind.name} |" in row, (relation, one.name)


def test_the_documentation_lists_no_field_that_is_not_there() -> None:
    known = {name for name, _one in FIELDS.items()} | {"segment", "attributes.<name>", "marketed_count"}
    listed = re.findall(r"^\| `([^`.]+)` \|", section(""), re.MULTILINE)
    assert set(listed) - known <= {"last_marketed_at"}


def test_the_documentation_lists_the_operators_of_every_kind() -> None:
    rows = {line.split("|")[1].strip(): line for line in DOCS.splitlines() if line.startswith("| ")}
    same = {"fraction": "number", "money": "number", "day": "instant"}
    for kind in KINDS:
        row = rows[same.get(kind.name, kind.name)]
        assert set(kind.operators) <= set(OPERATORS)
        assert all(f"`{operator}`" in row for operator in kind.operators), kind.name


def test_every_field_compiles_with_every_operator(database: Database) -> None:
    present = present_of(2, database.dialect)
    chance = random.Random(2)
    school = School(chance, present)
    school.fill(database, 10)
    catalogue = Catalogue(zone=present.zone, attributes=("faculty",))
    trees = Trees(chance, school, catalogue)
    with database.read() as session:
        for relation, one in every_field():
            for operator in one.kind.operators:
                rule = {"field": one.name} | trees.comparison(one.kind, (operator,), one)
                where = {"combinator": "and", "rules": [rule]}
                rows = {"field": relation, "match": {"mode": "some"}, "value": where}
                tree = parse({"combinator": "or", "rules": [rows]} if relation else where, catalogue)
                found = sorted(session.scalars(people(tree, present)))
                loaded = loaded_rows.load(session, tree, range(1, 11), present)
                assert found == sorted(row["id"] for row in loaded.people if matches(tree, row, loaded)), rule


def test_a_field_that_the_school_does_not_tell_is_hidden() -> None:
    without = Catalogue(knows=lambda stream, field: stream != "orders" and field != "gender")
    names = {one.name for one in without.fields()}
    assert {"city", "is_member", "last_active_at"} <= names
    assert not {"gender", "paid_count", "last_paid_at"} & names
    assert "orders" not in {one.name for one in without.relations()}
    enrolments = next(one for one in without.relations() if one.name == "enrolments")
    assert "active" in {one.name for one in without.fields_of(enrolments)}


def test_a_new_field_is_one_row(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    copy: Registry[Field] = Registry("field")
    for name, one in FIELDS.items():
        copy.add(name, one)
    monkeypatch.setattr(definitions, "FIELDS", copy)
    monkeypatch.setattr(catalogues, "FIELDS", copy)
    add_field("shoe_size", Text("shoe size"), NUMBER, Column("member_rank"))  # the one row

    catalogue = Catalogue(zone=ZoneInfo("UTC"))
    assert "shoe_size" in {one.name for one in catalogue.fields()}
    School(random.Random(1), present_of(0, database.dialect)).fill(database, 30)
    rule = {"field": "shoe_size", "operator": ">=", "value": 1}
    tree = parse({"combinator": "and", "rules": [rule]}, catalogue)
    present = present_of(0, database.dialect)
    with database.read() as session:
        found = sorted(session.scalars(people(tree, present)))
        alive = sa.and_(Person.status != "erased", Person.merged_into.is_(None))
        expected = session.scalars(
            sa.select(Person.id).where(Person.member_rank >= 1, alive).order_by(Person.id)
        )
        assert found == list(expected)
        loaded = loaded_rows.load(session, tree, range(1, 31), present)
    assert found == sorted(row["id"] for row in loaded.people if matches(tree, row, loaded))
