"""What routes of lists of courses and of their orders take and do, for the tests that walk all routes."""

from collections.abc import Callable
from typing import Any

from tests.web.limits import Limits

API = "/api/v1"
COURSES: dict[str, Callable[[Limits], tuple[str, Any, str]]] = {
    "courses_export": lambda _w: ("/courses/export", {"list": "courses"}, "course.export"),
    "course_orders_export": lambda _w: ("/orders/export", {"course": "c1"}, "course.export_orders"),
}
"""Name of a route → its change."""
COURSES_PLAIN: dict[str, tuple[str, Any, int]] = {
    "courses": ("/courses?sort=-revenue", None, 200),
    "classes": ("/classes", None, 200),
    "courses_export": ("/courses/export", {"list": "courses"}, 200),
    "course_orders_page": ("/orders?course=c1&what=revenue", None, 200),
    "course_orders_export": ("/orders/export", {"course": "c3"}, 404),
    "api_list_course_figures": (f"{API}/courses/figures", None, 200),
    "api_list_class_figures": (f"{API}/classes/figures", None, 200),
    "api_list_course_orders": (f"{API}/courses/orders?course=c3&currency=CNY", None, 404),
}
"""Name of a route → (path, what is sent, the answer to who is limited to c1 and c2)."""
