"""Orders as they arrive, with their lines."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.kernel.db.bulk import among, chunks
from crm_plugin.profiles.models.school import Order, OrderLine
from crm_plugin.profiles.store.batch import Target, Work, replace_parts, write_rows
from crm_plugin.profiles.store.mapping import HELD_MONEY, Columns
from crm_plugin.profiles.sync.deferred import park


def save(work: Work, rows: Sequence[r.Order]) -> None:
    """Write the orders that are new or changed; park those whose person is not here.

    An order of a forgotten person stays in the books, as nobody's.
    """
    fresh = work.fresh(Order, rows)
    if not fresh.rows:
        return
    people = work.persons(row.person_id for row in fresh.rows if row.person_id is not None)
    known = [row for row in fresh.rows if row.person_id not in people.unknown]
    parked: list[tuple[Any, Target, str]] = [
        (row, "persons", row.person_id) for row in fresh.rows if row.person_id in people.unknown
    ]
    columns = [fresh.columns(row) | {"person_id": people.ids.get(row.person_id)} for row in known]
    held = [fresh.ids[row.id] for row in known if row.id in fresh.ids]
    _touch_owners(work, held)
    work.touched.update(people.ids[row.person_id] for row in known if row.person_id in people.ids)
    write_rows(work, Order, columns, fresh)
    replace_parts(work.session, OrderLine, OrderLine.order_id, held, _lines(work, known, people.ids))
    _delete(work, [fresh.ids[row.id] for row, _, _ in parked if row.id in fresh.ids])
    park(work, "orders", parked)
    work.changed += len(columns)


def _lines(work: Work, orders: Sequence[r.Order], people: dict[str, int]) -> list[Columns]:
    ids = work.ids(Order, [order.id for order in orders])
    items = (line.item_id for order in orders for line in order.lines if line.kind in ("course", "class"))
    courses = work.courses(items)
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


def _touch_owners(work: Work, ids: list[int]) -> None:
    for part in chunks(ids):
        these = among(work.session, Order.id, part)
        owners = sa.select(Order.person_id).where(these, Order.person_id.is_not(None))
        work.touched.update(id for id in work.session.scalars(owners) if id is not None)


def delete(work: Work, host_ids: Sequence[str]) -> None:
    """Delete orders that the school no longer has, with their lines."""
    ids = list(work.ids(Order, host_ids).values())
    _delete(work, ids)
    work.changed += len(ids)


def _delete(work: Work, ids: list[int]) -> None:
    _touch_owners(work, ids)
    for part in chunks(ids):
        lines, orders = (among(work.session, of, part) for of in (OrderLine.order_id, Order.id))
        for rows in (sa.delete(OrderLine).where(lines), sa.delete(Order).where(orders)):
            work.session.execute(rows.execution_options(synchronize_session=False))
