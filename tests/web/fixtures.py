"""A Flask school with the CRM's pages in it, for tests of pages."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.sync.service import sync
from crm_plugin.web.blueprint import pages
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import ALL, FakeHost
from tests.servers.databases import Rows
from tests.web.forms import posted

PEOPLE = 12


def books() -> list[Any]:
    """Twelve people, every second of whom bought the one course; the first has a hostile name."""
    course = r.Course("c1", "Piano <b>one</b>", tags=("music",), price=Decimal("99"), currency="CNY")
    people = [
        r.Person(
            f"p{number}",
            display_name=f"Person {number:02}" if number else "<script>alert(1)</script>{{ 7*7 }}",
            phone=f"1380013{number:04}",
            email=f"p{number}@example.com",
            registered_at=NOW - timedelta(days=number),
            last_active_at=NOW - timedelta(days=number),
        )
        for number in range(PEOPLE)
    ]
    orders = [
        r.Order(
            f"o{number}",
            f"p{number}",
            "paid",
            Decimal("99.00"),
            "CNY",
            created_at=NOW - timedelta(days=3),
            paid_at=NOW - timedelta(days=3),
            lines=(r.OrderLine("course", "c1", Decimal("99.00")),),
        )
        for number in range(0, PEOPLE, 2)
    ]
    seats = [r.Enrolment(f"e{number}", f"p{number}", "c1") for number in range(0, PEOPLE, 2)]
    return [course, *people, *seats, *orders]


@dataclass
class School:
    """The school, its CRM and a browser in it."""

    host: FakeHost
    crm: Crm
    app: Flask
    client: FlaskClient

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page of the CRM."""
        return self.client.get(f"/admin/crm{path}", **options)

    def post(self, path: str, data: Any = None, **options: Any) -> TestResponse:
        """Post a form with the token that a page gives."""
        return self.client.post(
            f"/admin/crm{path}", data={"csrf_token": self.csrf(), **(data or {})}, **options
        )

    def csrf(self) -> str:
        """Return the token that a page gives; empty for who gets no page with a form."""
        return posted(self.get("/campaigns").text).get("csrf_token", "")

    def sign_in(self, *permissions: str, **facts: Any) -> None:
        """Let somebody with these permissions (all when none is named) sit at the screen."""
        self.host.actor = r.Actor("ann", "Ann", frozenset(permissions) or ALL, **facts)


def open_school(database: Database, folder: Path, *, read: bool = True, **settings: Any) -> School:
    """Return a school; with ``read`` the CRM has read its books."""
    host = FakeHost(*books())
    values = {"host_region": "CN", "host_currency": "CNY", "instance": str(folder), **settings}
    crm = make_crm(database, host, **values)
    if read:
        _read(crm, (str(crm.db.engine.url), *sorted(settings.items())))
    app = Flask("school")
    app.config.update(SECRET_KEY="a key of the school", TESTING=True)
    app.register_blueprint(pages(crm))
    return School(host, crm, app, app.test_client())


_READ: dict[tuple[Any, ...], Rows] = {}
"""What reading the books left in a database, by its address and the settings: most tests begin with it."""


def _read(crm: Crm, key: tuple[Any, ...]) -> None:
    if key in _READ:
        return _READ[key].write(crm.db.engine)
    sync(crm, full=True)
    _READ[key] = Rows(crm.db.engine)
    return None
