"""Courses and classes with their figures, and the orders behind an amount."""

from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.boards import course_orders, queries
from crm_plugin.boards.course_orders import Behind, OrderShare
from crm_plugin.boards.figures.order_shares import FIGURES
from crm_plugin.boards.queries import SORTS, STATES, FiguresRow, Wanted
from crm_plugin.kernel.storable import LARGEST
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()


class FiguresPage(Schema):
    """Which courses or classes to list, and in which order."""

    search = fields.String(load_default="")
    category = fields.String(load_default="")
    tag = fields.String(load_default="")
    state = fields.String(load_default="", validate=validate.OneOf(["", *STATES]))
    sort = fields.String(load_default="title", validate=validate.OneOf(SORTS))
    descending = fields.Boolean(load_default=False)
    after = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))
    limit = schemas.limit()


class OrdersPage(Schema):
    """Whose orders, behind which figure."""

    course = fields.String(required=True)
    what = fields.String(load_default="revenue", validate=validate.OneOf(list(FIGURES)))
    currency = fields.String(required=True, validate=validate.Length(1, 3))
    after = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))
    limit = schemas.limit()


Figures = schemas.paged("FiguresList", schemas.of(FiguresRow), total=fields.Integer())
OrderShares = schemas.paged(
    "OrderShares", schemas.of(OrderShare), count=fields.Integer(), total=schemas.Amount()
)


@ROUTES.endpoint("GET", "/courses/figures", shape=Shape(query=FiguresPage, answer=Figures))
def api_list_course_figures(given: Given) -> Any:
    """List courses with people by stage, money and trend; amounts need crm.money."""
    return _listed("courses", given.query)


@ROUTES.endpoint("GET", "/classes/figures", shape=Shape(query=FiguresPage, answer=Figures))
def api_list_class_figures(given: Given) -> Any:
    """List classes with people by stage, money and trend; amounts need crm.money."""
    return _listed("classes", given.query)


def _listed(list: str, query: dict[str, Any]) -> dict[str, Any]:
    offset = query.pop("after")
    found = queries.listing(crm(), actor(), Wanted(list, offset=offset, **query))
    following = offset + query["limit"]
    return {
        "items": found.rows,
        "total": found.total,
        "next": following if following < found.total else None,
    }


@ROUTES.endpoint("GET", "/courses/orders", "crm.money", Shape(query=OrdersPage, answer=OrderShares))
def api_list_course_orders(given: Given) -> Any:
    """List the orders behind an amount of a course or class, the newest first, with their sum."""
    query = given.query
    behind = Behind(query["course"], query["what"], query["currency"], query["after"], query["limit"])
    found = course_orders.orders(crm(), actor(), behind)
    following = query["after"] + query["limit"]
    return {
        "items": found.rows,
        "count": found.count,
        "total": found.total,
        "next": following if following < found.count else None,
    }
