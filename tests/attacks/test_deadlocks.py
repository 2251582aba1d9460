"""Colleagues who change the same at once: there is one way to write, and it tries again.

That every change is then made once, ``tests/web/test_audit.py`` shows.
"""

import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.models.topics import Topic
from crm_plugin.segments.models import QuickQuery
from crm_plugin.segments.saved import quick_queries
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost
from tests.project.tree import ROOT
from tests.web.limits import ADMIN, EVERYBODY

PACKAGE = ROOT / "crm_plugin"
OWN_WAYS = {
    "kernel/db/engine.py": "the one way",
    "kernel/db/bulk.py": "a savepoint within it",
    "profiles/store/batch.py": "a savepoint within it",
    "kernel/migrate.py": "one process at a time, before anybody writes",
    "host/readonly.py": "ends what a driver began, on the school's database, which is only read",
}
"""Files that begin or end a transaction themselves, and why they may."""
BEGINNING = re.compile(
    r"(db|database|engine|session|connection|raw|writer|self)\.(begin|begin_nested|commit)\(\)"
)


def test_there_is_one_way_to_write() -> None:
    paths = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    ours = {name: path for name, path in paths.items() if not name.startswith(("demo/", "hooks/"))}
    found = {name for name, path in ours.items() if BEGINNING.search(path.read_text("utf-8"))}
    assert found == set(OWN_WAYS)


def reorder_topics(crm: Crm) -> list[Callable[[int], object]]:
    made = [topics.create(crm, ADMIN, f"Topic {number}") for number in range(4)]
    return [partial(topics.move, crm, ADMIN, ident) for ident in made]


def reorder_searches(crm: Crm) -> list[Callable[[int], object]]:
    made = [quick_queries.save(crm, ADMIN, f"Search {number}", EVERYBODY) for number in range(4)]
    return [partial(quick_queries.move, crm, ADMIN, ident) for ident in made]


@pytest.mark.parametrize("begun", [reorder_topics, reorder_searches])
def test_colleagues_reorder_at_once(
    database: Database, tmp_path: Path, begun: Callable[[Crm], list[Callable[[int], object]]]
) -> None:
    crm = make_crm(database, FakeHost(), instance=str(tmp_path))
    faults: list[Exception] = []

    def move(one: Callable[[int], object]) -> None:
        try:
            for place in (0, 3, 1, 2):
                one(place)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=move, args=(one,)) for one in begun(crm)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with database.read() as session:
        chosen = sa.union_all(sa.select(Topic.position), sa.select(QuickQuery.position))
        assert sorted(session.scalars(chosen)) == [1, 2, 3, 4]
