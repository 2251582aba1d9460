"""Many rows and many keys at once: what is written comes back, whatever it is made of."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
import sqlalchemy as sa

from crm_plugin.kernel.db.bulk import FEW, among, insert_many, insert_new, overwrite
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Order, Person, Signal
from crm_plugin.profiles.store.mapping import Columns

AT = datetime(2026, 11, 15, 12, 0, 0, 123_456, tzinfo=UTC)
NASTY = ['"', "\\", '\\"', "a,b", "{x}", "NULL", "null", "", " ", "\t\n\r", "名字", "'", '","', "\\N"]


def signal(host_id: str, at: datetime = AT) -> Columns:
    return {"host_id": host_id, "row_hash": "", "person_id": 1, "kind": "view", "at": at}


@pytest.mark.parametrize("plain", [[], [f"s{number}" for number in range(FEW)]])
def test_nasty_keys_are_found_and_no_others(database: Database, plain: list[str]) -> None:
    with database.begin() as session:
        insert_many(session, Signal, [signal(id) for id in [*NASTY, *plain, "other"]])
        for wanted in ([*NASTY, *plain], NASTY[:1], plain or ["s1"], []):
            found = session.scalars(sa.select(Signal.host_id).where(among(session, Signal.host_id, wanted)))
            assert sorted(found) == sorted(id for id in wanted if id in [*NASTY, *plain])


def test_ids_are_found(database: Database) -> None:
    with database.begin() as session:
        insert_many(session, Signal, [signal(f"s{number}") for number in range(9)])
        ids = list(session.scalars(sa.select(Signal.id).order_by(Signal.id)))
        found = session.scalars(sa.select(Signal.id).where(among(session, Signal.id, ids[2:5])))
        assert sorted(found) == ids[2:5]


def test_values_come_back_as_they_were_whatever_their_zone(database: Database) -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=8)))
    rows = [
        {
            "host_id": f"o{number}",
            "row_hash": "",
            "state": "paid",
            "amount": Decimal(number) / 8,
            "currency": "CNY",
            "refunded": Decimal("0.0001"),
            "paid_at": elsewhere if number % 2 else AT,
            "created_at": None if number % 3 else AT,
        }
        for number in range(FEW + 10)
    ]
    with database.begin() as session:
        insert_many(session, Order, rows)
        columns = (Order.host_id, Order.amount, Order.refunded, Order.paid_at, Order.created_at)
        held = {row[0]: tuple(row[1:]) for row in session.execute(sa.select(*columns))}
    assert held == {row["host_id"]: (row["amount"], row["refunded"], AT, row["created_at"]) for row in rows}


def test_defaults_are_filled_in_and_rows_that_came_meanwhile_are_overwritten(database: Database) -> None:
    def person(number: int, name: str) -> Columns:
        texts = {"display_name": name, "display_name_folded": name}
        return {"host_id": f"p{number}", "row_hash": name, "status": "active", **texts}

    with database.begin() as session:
        insert_many(session, Person, [person(number, "first") for number in range(5)])
        insert_new(session, Person, [person(number, "second") for number in range(FEW + 5)], ["host_id"])
        names = set(session.scalars(sa.select(Person.display_name)))
        assert names == {"second"}
        overwrite(session, Person, [person(number, "third") for number in range(FEW + 9)], ["host_id"])
        held = session.execute(sa.select(Person.display_name, Person.paid_count, Person.paid_total))
        assert [tuple(row) for row in held] == [("third", 0, Decimal(0))] * (FEW + 9)
