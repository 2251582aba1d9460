"""Each table with people in it: what a merge, an erasure and the document of a person do about its rows.

A row is put into every table that names a person, whatever its capability. So a new table is found here
the day it is made.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns.composing import drafts
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.db.types import Id, Json, Money, UtcDateTime
from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.privacy.merge import merge
from crm_plugin.profiles.store import tombstones
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.profiles.sync.service import sync
from crm_plugin.tables import metadata
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
"""What is done is no matter of the database."""
ADMIN = r.Actor("ann", "Ann", frozenset(r.PERMISSIONS))
ANN, BOB = (1, "ann"), (2, "bob")
EMAIL = "ann@school.example"
WHOSE = {"person_id": 1, "person": "ann", "address_key": EMAIL, "waits_for_id": "ann"}
"""Column that tells whose a row is → what it holds for Ann."""
TOLD = {
    "channel": "email",
    "state": "denied",
    "origin": "own",
    "purpose": "marketing",
    "waits_for": "persons",
}
STATES = {"crm_tag": "on", "crm_delivery": "sent", "crm_order": "paid", "crm_enrolment": "active"}
EMPTIED = {"crm_delivery": "address_key", "crm_staged": "address_key"}
"""Tables whose rows stay when a person is erased, without what this column held."""
KEPT: dict[tuple[str, str], str] = {
    ("crm_touched", "merge"): "a note that facts are due: taken off the list right after",
    ("crm_touched", "export"): "the same",
    (
        "crm_parked",
        "merge",
    ): "the school's row, until its person comes: it is read then, merges followed",
    ("crm_parked", "erase"): "nothing waits for a person who is there; of others nothing is known to erase",
    ("crm_parked", "export"): "the same: it belongs to a person who is not there yet",
    ("crm_person_tag", "merge"): "the school's: it tells its own for the account that remains",
    ("crm_person_attribute", "merge"): "the same",
    ("crm_intention", "export"): "the last of the changes to it, each of which is told",
    ("crm_staged", "merge"): "only there during a freeze; the marking asks who the person is by then",
    ("crm_staged", "export"): "only there during a freeze; the ledger has the same afterwards",
    ("crm_bounce", "merge"): "it is of an address, which the other account may not have",
    ("crm_suppression", "merge"): "it is of an address; the one that remains is suppressed too",
    ("crm_topic_opt_out", "merge"): "the same",
    ("crm_suppression", "erase"): "it keeps, and proves, what the person asked for",
    ("crm_topic_opt_out", "erase"): "the same",
    ("crm_consent_record", "erase"): "the same",
    ("crm_outbox", "merge"): "what was written down stays under the id that it had",
    ("crm_audit", "erase"): "what staff did stays on record: a number is nobody then",
    ("crm_audit", "export"): "what staff wrote is told by its own table; the rest is about staff",
    ("crm_automation_inside", "export"): "who matches a segment now: what that asks is told elsewhere",
    ("crm_automation_member", "erase"): "numbers stay: the chase is over, and the person is nobody then",
    ("crm_hit", "erase"): "numbers stay: the person is nobody then, and a network is a keyed hash",
}


VALUES: dict[type, Any] = {
    UtcDateTime: NOW,
    sa.Date: NOW.date(),
    Json: {},
    sa.Boolean: False,
    sa.Integer: 1,
    sa.Float: 1.0,
    Money: Decimal(1),
    Id: 1,
}
"""Kind of a column → something that it takes; all others take text."""


def whose(table: sa.Table) -> str:
    """Return the column that tells whose a row of a table is; empty when none does."""
    return next((name for name in WHOSE if name in table.columns), "")


TABLES = [table for _, table in sorted(metadata.tables.items()) if whose(table)]


def value_of(table: sa.Table, column: sa.Column[Any]) -> Any:
    """Return something that the column takes: Ann, where it says whose the row is."""
    if column.name in WHOSE:
        return WHOSE[column.name]
    if (table.name, column.name) == ("crm_outbox", "campaign_id"):
        return None  # a test send: a campaign's message goes with its row of the ledger
    if column.name == "state" and table.name in STATES:
        return STATES[table.name]
    if column.name in TOLD:
        return TOLD[column.name]
    for kind, value in VALUES.items():
        if isinstance(column.type, kind):
            return value
    return "x"


def put(crm: Crm, table: sa.Table) -> None:
    """Put a row about Ann into a table."""
    auto = {one.name for one in table.primary_key if one.autoincrement is True or one.name == "id"}
    row = {one.name: value_of(table, one) for one in table.columns if one.name not in auto}
    with crm.db.begin() as session:
        session.execute(sa.insert(table).values(row))


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    people = (r.Person(name, email=f"{name}@school.example") for _, name in (ANN, BOB))
    made = make_crm(database, FakeHost(r.Course("c1", "Piano"), *people), instance=str(tmp_path))
    sync(made, full=True)
    topics.begin(made, ADMIN)
    everybody = {"combinator": "and", "rules": []}
    drafts.create(made, OPERATOR, {"name": "x", "channel": "message", "text": "x", "audience": everybody})
    return made


def merged(crm: Crm) -> None:
    secret = crm.db.run(tombstones.key)
    with crm.db.begin() as session:
        merge(WriteBatch(crm, session, None, secret), ANN, BOB)


def erased(crm: Crm) -> None:
    requests.forget(crm, ANN[0])


def left(crm: Crm, table: sa.Table, name: str) -> int:
    """Count the rows that are Ann's by a column."""
    with crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).where(table.c[name] == WHOSE[name])) or 0


def told(crm: Crm) -> str:
    return json.dumps(requests.export(crm, ANN[0]), default=str)


@SQLITE
def test_a_person_is_told_of_each_row(crm: Crm) -> None:
    silent = set()
    for table in TABLES:
        before = told(crm)
        put(crm, table)
        silent |= {table.name} if told(crm) == before else set()
    assert silent == excused("export")


@SQLITE
@pytest.mark.parametrize(("verb", "work"), [("merge", merged), ("erase", erased)])
def test_no_row_stays_behind(crm: Crm, verb: str, work: Callable[[Crm], None]) -> None:
    columns = {table: whose(table) for table in TABLES}
    if verb == "erase":
        columns |= {table: EMPTIED[table.name] for table in TABLES if table.name in EMPTIED}
    for table in TABLES:
        put(crm, table)
    assert all(left(crm, table, column) for table, column in columns.items())
    work(crm)
    assert {table.name for table, column in columns.items() if left(crm, table, column)} == excused(verb)


def excused(verb: str) -> set[str]:
    return {table for table, one in KEPT if one == verb}


def test_each_reason_is_about_a_table_that_is_there() -> None:
    assert {name for name, _ in KEPT} <= {table.name for table in TABLES}
    assert all(KEPT.values())
