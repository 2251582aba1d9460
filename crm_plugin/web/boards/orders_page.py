"""The orders behind a figure of money: the figure is their sum, to the cent."""

from collections.abc import Iterable, Iterator
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.boards import course_orders, queries
from crm_plugin.boards.course_orders import Behind, OrderShare
from crm_plugin.boards.figures.order_shares import FIGURES
from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.store.host_info_cache import own_currency
from crm_plugin.web.listing.export_file import TYPES, table_file
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()


@ROUTES.page("/orders", "crm.money")
def course_orders_page() -> ResponseReturnValue:
    """Show the orders behind a figure of a course, the newest first."""
    behind = _behind(request.args, min(request.args.get("offset", 0, type=whole), 10_000_000))
    found = course_orders.orders(crm(), actor(), behind)
    with crm().db.read() as session:
        course = queries.one(crm(), session, actor(), behind.course)
    following = behind.offset + behind.limit
    asked: dict[str, Any] = {"course": behind.course, "what": behind.what, "currency": behind.currency}
    return render(
        "boards/orders.html",
        title=word("figure", behind.what),
        active="classes" if course.kind == "class" else "courses",
        course=course,
        behind=behind,
        asked=asked,
        found=found,
        figures=[
            (name, word("figure", name), url_for("crm.course_orders_page", **{**asked, "what": name}))
            for name in FIGURES
        ],
        order_url=lambda row: crm().host.url("order", row.host_id),
        next=url_for("crm.course_orders_page", offset=following, **asked) if following < found.count else "",
        first=url_for("crm.course_orders_page", **asked) if behind.offset else "",
    )


def _behind(values: Any, offset: int = 0) -> Behind:
    currency = values.get("currency") or own_currency(crm())
    return Behind(values.get("course", ""), values.get("what", "revenue"), currency[:3], offset)


@ROUTES.page("/orders/export", "crm.export", post=True)
def course_orders_export() -> ResponseReturnValue:
    """Answer with the orders behind a figure as a file."""
    format, behind = request.form.get("format", "csv"), _behind(request.form)
    if format not in TYPES:
        raise BadInput("input.bad", "format", reason=one_of(tuple(TYPES)))
    rows = course_orders.export(crm(), actor(), behind, format)
    return table_file(_heading(behind.what), _cells(rows), format, f"orders-{behind.what}")


def _heading(what: str) -> list[str]:
    return [
        *(say("Order"), say("Number"), say("Person"), say("State"), say("Time"), say("Source")),
        *(say("Currency"), say("Paid"), word("figure", "refunded"), word("figure", what)),
    ]


def _cells(rows: Iterable[OrderShare]) -> Iterator[list[Any]]:
    here = formatting.zone()
    for row in rows:
        at = row.at and row.at.astimezone(here).replace(tzinfo=None, microsecond=0)
        who = (row.person_host_id, row.person)
        yield [
            *(row.host_id, *who, word("order", row.state), at, row.source, row.currency),
            *(row.paid, row.refunded, row.amount),
        ]
