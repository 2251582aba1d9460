"""The preview of a campaign: one real person, and what stands there when nobody is in the audience."""

from pathlib import Path
from typing import Any

import pytest

from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.preview import preview
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import document, world
from tests.fakes.host import staff

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
NOBODY: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"field": "paid_count", "operator": ">=", "value": 1}],
}


@pytest.mark.parametrize(
    ("people", "audience", "person", "text"),
    [
        (1, {}, "Person 1", "Fake School: Hello Person 1"),
        (1, {"audience": NOBODY}, "", "Fake School: Hello [display_name]"),
        (0, {}, "", "Fake School: Hello [display_name]"),
    ],
)
def test_the_preview_of_somebody_or_of_nobody(
    database: Database, tmp_path: Path, people: int, audience: dict[str, Any], person: str, text: str
) -> None:
    crm = world(database, tmp_path, people=people)
    found = preview(crm, staff("tester"), drafts.create(crm, staff("tester"), document(**audience)))
    assert found.message is not None
    assert (found.person, found.message.text.split(" Reply")[0]) == (person, text)
