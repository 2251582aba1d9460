"""Orders as they arrive, with their lines."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.kernel.db.bulk import among, chunks
from crm_plugin.profiles.models.school import HELD_MONEY, Order, OrderLine
from crm_plugin.profiles.store.batch import Target, WriteBatch, replace_parts, write_rows
from crm_plugin.profiles.store.mapping import Columns
from crm_plugin.profiles.sync.deferred import park


def save(batch: WriteBatch, rows: Sequence[r.Order]) -> None:
    """Write the orders that are new or changed; park those whose person is not here.

    An order of a forgotten person stays in the books, as nobody's.
    """
    fresh = batch.fresh(Order, rows)
    if not fresh.rows:
        return
    people = batch.persons(row.person_id for row in fresh.rows if row.person_id is not None)
    known = [row for row in fresh.rows if row.person_id not in people.unknown]
    parked: list[tuple[Any, Target, str]] = [
        (row, "persons", row.person_id) for row in fresh.rows if row.person_id in people.unknown
    ]
    columns = [fresh.columns(row) | {"person_id": people.ids.get(row.person_id)} for row in known]
    held = [fresh.ids[row.id] for row in known if row.id in fresh.ids]
    _touch_owners(batch, held)
    batch.touched.update(people.ids[row.person_id] for row in known if row.person_id in people.ids)
    write_rows(batch, Order, columns, fresh)
    lines = _lines(batch, known, people.ids)
    batch.roots.update(line["root_id"] for line in lines if line["root_id"] is not None)
    replace_parts(batch.session, OrderLine, OrderLine.order_id, held, lines)
    _delete(batch, [fresh.ids[row.id] for row, _, _ in parked if row.id in fresh.ids])
    park(batch, "orders", parked)
    batch.changed += len(columns)


def _lines(batch: WriteBatch, orders: Sequence[r.Order], people: dict[str, int]) -> list[Columns]:
    ids = batch.ids(Order, [order.id for order in orders])
    items = (line.item_id for order in orders for line in order.lines if line.kind in ("course", "class"))
    courses = batch.courses(items)
    columns = []
    for order in orders:
        for position, line in enumerate(order.lines):
            of_course = line.kind in ("course", "class") and line.item_id is not None
            course, root = courses.get(line.item_id or "", (None, None)) if of_course else (None, None)
            columns.append(
                {
                    "order_id": ids[order.id],
                    "position": position,
                    "person_id": people.get(order.person_id or ""),
                    "held_money": order.state in HELD_MONEY,
                    "kind": line.kind,
                    "item_host_id": line.item_id,
                    "course_id": course,
                    "root_id": root,
                    "amount": line.amount,
                    "refunded": line.refunded,
                }
            )
    return columns


def _touch_owners(batch: WriteBatch, ids: list[int]) -> None:
    """Touch the persons and the root courses of orders as they are before they change."""
    for part in chunks(ids):
        lines = among(batch.session, OrderLine.order_id, part)
        roots = sa.select(OrderLine.root_id).where(lines, OrderLine.root_id.is_not(None)).distinct()
        batch.roots.update(id for id in batch.session.scalars(roots) if id is not None)
        these = among(batch.session, Order.id, part)
        owners = sa.select(Order.person_id).where(these, Order.person_id.is_not(None))
        batch.touched.update(id for id in batch.session.scalars(owners) if id is not None)


def delete(batch: WriteBatch, host_ids: Sequence[str]) -> None:
    """Delete orders that the school no longer has, with their lines."""
    ids = list(batch.ids(Order, host_ids).values())
    _delete(batch, ids)
    batch.changed += len(ids)


def _delete(batch: WriteBatch, ids: list[int]) -> None:
    _touch_owners(batch, ids)
    for part in chunks(ids):
        lines, orders = (among(batch.session, of, part) for of in (OrderLine.order_id, Order.id))
        for rows in (sa.delete(OrderLine).where(lines), sa.delete(Order).where(orders)):
            batch.session.execute(rows.execution_options(synchronize_session=False))
