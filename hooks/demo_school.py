"""Joins the reference school to the CRM: reads its tables, gives back messages, opt-outs and pins.

In a worker it stands on the school's database alone; in the web process ``host_mount`` binds it to the
school's Flask application, and from then on it also answers who is at the screen and lends its layout.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import Flask, g, has_request_context

from crm_plugin.demo import admin, i18n
from crm_plugin.demo.change_events import rows_changed
from crm_plugin.demo.models import (
    CURRENCY,
    TIMEZONE,
    Consent,
    KeyFigure,
    Message,
    Pin,
    User,
    db,
    split,
)
from crm_plugin.demo.plugins import Figure, HomeCard, MenuEntry, school_hook
from crm_plugin.hooks.demo_rows import FIELDS, SOURCES, TRACES
from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import hookimpl
from crm_plugin.host.readonly import read_only_engine
from crm_plugin.host.sql import SqlHost
from crm_plugin.kernel.db.faults import keep_words_in, words_of
from crm_plugin.kernel.i18n import translate
from crm_plugin.kernel.settings import Settings
from crm_plugin.segments.stock_queries import CONTEXT

PREFIX = "/admin/crm"
MAX_CHARS = 5_000
# What a member of the school's staff may do in the CRM.
PERMISSIONS: Mapping[str, frozenset[str]] = {
    "admin": frozenset(r.PERMISSIONS),
    "staff": frozenset({"crm.view", "crm.edit", "crm.send"}),
    "teacher": frozenset({"crm.view"}),
}
_STREAM_OF = {
    "school_users": "persons",
    "school_consents": "persons",
    "school_courses": "courses",
    "school_enrolments": "enrolments",
    "school_orders": "orders",
    "school_activities": "signals",
}


def host(settings: Settings) -> DemoSchool:
    """Return the adapter of the school at ``CRM_HOST_URL``, else in the CRM's own database."""
    return DemoSchool(settings)


class DemoSchool(SqlHost):
    """The adapter; answers every hook but ``host_create_person``."""

    sources = SOURCES
    traces = TRACES

    def __init__(self, settings: Settings) -> None:
        self._url = settings.host_url or settings.database_url
        self._base_url = settings.host_base_url or settings.public_url
        self._app: Flask | None = None
        self._panel: _Panel | None = None
        self._sink: Any = None
        self._writer: sa.Engine | None = None
        super().__init__(read_only_engine(self._url), overlap=settings.sync_overlap)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()
        if self._writer is not None:
            self._writer.dispose()

    @hookimpl
    def host_info(self) -> r.HostInfo:
        """Return what the school is and can do."""
        return r.HostInfo(
            host_name="demo_school",
            host_version="1",
            site_id="lantern-academy",
            site_name="Lantern Academy",
            base_url=self._base_url,
            timezone=TIMEZONE,
            locale="zh",
            currency=CURRENCY,
            region="CN",
            streams=r.STREAMS,
            fields=FIELDS,
            capabilities=(
                *(f"changes.{stream}" for stream in r.STREAMS),
                "message",
                "message.idempotent",
                "layout",
                "pins",
                "figures",
                "consent.write",
            ),
            message_max_chars=MAX_CHARS,
        )

    # web

    def bind(self, app: Flask) -> None:
        """Answer from now on for the pages of this application of the school."""
        self._app = app

    @hookimpl
    def host_mount(self, app: Flask, pages: Any, menu: list[r.MenuEntry]) -> bool:
        """Put the pages below ``/admin/crm`` and the entries into the school's menu, by its own hooks."""
        self.bind(app)
        app.register_blueprint(pages, url_prefix=PREFIX)
        self._panel = _Panel(menu)
        app.extensions["school_plugins"].register(self._panel)
        return True

    @hookimpl
    def host_current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        """Return the signed-in member of staff with what the roles allow; learners are nobody here."""
        user: User | None = g.get("user") if has_request_context() else None
        if user is None:
            return None
        permissions = frozenset[str]().union(*(PERMISSIONS.get(role, ()) for role in split(user.roles)))
        scope = None if user.has_role("admin", "staff") else frozenset(admin.teaches(user))
        return r.Actor(str(user.id), user.display_name, permissions, i18n.locale(), TIMEZONE, scope)

    @hookimpl
    def host_url(self, kind: str, id: str) -> str | None:
        """Return a page of the school, or None for a kind that it has no page for."""
        paths = {
            "person": f"/admin/users/{id}",
            "order": f"/admin/orders/{id}",
            "course": f"/course/{id}",
            "class": f"/course/{id}",
            "login": f"/login?next={PREFIX}/",
        }
        return self._base_url.rstrip("/") + paths[kind] if kind in paths else None

    @hookimpl
    def host_layout(self, actor: r.Actor, page: r.LayoutPage) -> str | None:
        """Return the page inside the admin panel of the school."""
        if self._app is None or g.get("user") is None:
            return None
        return admin.render_plugin_page(page.title, page.head, page.body, page.active)

    @hookimpl
    def host_subscribe(self, sink: Any) -> bool:
        """Notify the sink after each commit of the school which rows changed; False outside its process."""
        if self._app is None:
            return False
        self._sink = sink
        rows_changed.connect(self._changed, sender=self._app)
        return True

    def _changed(self, sender: object, rows: set[tuple[str, int, int | None]]) -> None:
        ids: dict[str, set[str]] = defaultdict(set)
        for table, number, owner in rows:
            if table in _STREAM_OF:
                ids[_STREAM_OF[table]].add(str(owner if table == "school_consents" else number))
        for stream, found in sorted(ids.items()):
            self._sink.emit(r.HostEvent(stream, sorted(found)))

    # what the CRM gives back; in a worker there is no application, only the database

    @property
    def _writing(self) -> sa.Engine:
        if self._writer is None:
            sqlite = sa.make_url(self._url).get_backend_name() == "sqlite"
            arguments = {"timeout": 30} if sqlite else {}
            self._writer = sa.create_engine(self._url, connect_args=arguments, pool_pre_ping=True)
            keep_words_in(self._writer)
        return self._writer

    @hookimpl
    def host_publish_pins(self, actor_id: str, pins: list[r.Pin]) -> bool:
        """Keep these pins for the admin home of one account, in place of the earlier ones."""
        now = int(time.time())
        rows = [
            {
                **{"actor_id": actor_id, "position": place, "updated_at": now},
                **{"label": pin.label, "count": pin.count, "url": pin.url},
                "as_of": None if pin.as_of is None else int(pin.as_of.timestamp()),
            }
            for place, pin in enumerate(pins)
        ]
        with self._writing.begin() as connection:
            connection.execute(sa.delete(Pin).where(Pin.actor_id == actor_id))
            if rows:
                connection.execute(sa.insert(Pin), rows)
        return True

    @hookimpl
    def host_publish_figures(self, figures: list[r.Figure]) -> bool:
        """Keep these key figures for the admin home, in place of the earlier ones."""
        now = int(time.time())
        rows = [
            {
                **{"position": place, "updated_at": now, "labels": dict(one.labels), "unit": one.unit},
                **{"value": None if one.value is None else str(one.value), "url": one.url},
                **{"as_of": None if one.as_of is None else int(one.as_of.timestamp())},
                "permission": one.permission,
            }
            for place, one in enumerate(figures)
        ]
        with self._writing.begin() as connection:
            connection.execute(sa.delete(KeyFigure))
            if rows:
                connection.execute(sa.insert(KeyFigure), rows)
        return True

    @hookimpl
    def host_send_message(self, message: r.MessageRequest) -> r.MessageReceipt:
        """Put one message into a person's inbox; the same key a second time changes nothing."""
        if len(message.text) > MAX_CHARS:
            return r.MessageReceipt("rejected", reason="too_long")
        try:
            with self._writing.begin() as connection:
                return _deliver(connection, message)
        except sa.exc.IntegrityError:
            # Another worker delivered the same key between our look and our insert.
            with self._writing.connect() as connection:
                return r.MessageReceipt("accepted", id=_delivered(connection, message.key))

    @hookimpl
    def host_push_consent(self, person_id: str, channel: str, state: str, at: datetime, reason: str) -> bool:
        """Keep a person's answer as the school's own consent; an older one than the school's is not taken."""
        when, now = int(at.timestamp()), int(time.time())
        values = {
            "granted": state == "granted",
            "at": when,
            "source": f"crm: {reason}"[:64],
            "updated_at": now,
        }
        with self._writing.begin() as connection:
            person = connection.scalar(
                sa.select(User.id).where(User.id == _number(person_id)).with_for_update()
            )
            if person is None:
                return False
            mine = sa.and_(Consent.user_id == person, Consent.channel == channel)
            known = connection.scalar(sa.select(Consent.at).where(mine))
            if known is None:
                connection.execute(sa.insert(Consent).values(user_id=person, channel=channel, **values))
            elif known <= when:
                connection.execute(sa.update(Consent).where(mine).values(**values))
            connection.execute(sa.update(User).where(User.id == person).values(updated_at=now))
        return True

    @hookimpl
    def host_check(self) -> list[tuple[str, bool, str]]:
        """Report whether the school's tables can be read."""
        try:
            with self.engine.connect() as connection:
                people = connection.scalar(sa.select(sa.func.count(User.id)))
        except sa.exc.SQLAlchemyError as error:
            return [("school database", False, str(words_of(error)))]
        return [("school database", True, f"{people} accounts")]


def _number(person_id: str) -> int:
    """Return the number of a person's id, -1 (nobody) where it is none of ours."""
    return int(person_id) if person_id.isascii() and person_id.isdecimal() and len(person_id) < 19 else -1


def _delivered(connection: sa.Connection, key: str) -> str | None:
    number = connection.scalar(sa.select(Message.id).where(Message.key == key))
    return None if number is None else str(number)


def _deliver(connection: sa.Connection, message: r.MessageRequest) -> r.MessageReceipt:
    earlier = _delivered(connection, message.key)
    if earlier:
        return r.MessageReceipt("accepted", id=earlier)
    person = _number(message.person_id)
    status = connection.scalar(sa.select(User.status).where(User.id == person))
    if status != "active":
        return r.MessageReceipt("rejected", reason="blocked" if status else "missing")
    body = message.text
    if message.url and message.url not in body:
        body = f"{body}\n\n{message.url}"
    values = {
        "user_id": person, "key": message.key, "sender": "Lantern Academy", "subject": message.subject[:250],
        "body": body, "sent_at": int(time.time()), "updated_at": int(time.time()),
    }  # fmt: skip
    connection.execute(sa.insert(Message).values(**values))
    return r.MessageReceipt("accepted", id=_delivered(connection, message.key))


class _Panel:
    """What the CRM adds to the school's admin panel: menu entries, and a card of pinned quick queries."""

    def __init__(self, menu: list[r.MenuEntry]) -> None:
        self._menu = menu

    @school_hook
    def school_admin_menu(self, user: User) -> list[MenuEntry]:
        """Return the CRM's pages that this account may open."""
        return [
            MenuEntry(
                entry.label,
                entry.url,
                tuple(role for role, may in PERMISSIONS.items() if entry.permission in may),
                _ICONS.get(entry.key, "target"),
                entry.key,
            )
            for entry in self._menu
        ]

    @school_hook
    def school_admin_home_cards(self, user: User) -> list[HomeCard]:
        """Return the pins as they were last pushed; nothing is counted here.

        Names of the CRM's stock are said in the reader's language.
        """
        mine = sa.select(Pin).where(Pin.actor_id == str(user.id)).order_by(Pin.position)
        pins = [
            Figure(translate(pin.label, i18n.locale(), CONTEXT), pin.count, pin.url, pin.as_of)
            for pin in db.session.scalars(mine)
        ]
        cards = [HomeCard({"en": "Pinned in the CRM", "zh": "CRM 置顶查询"}, pins)] if pins else []
        every = db.session.scalars(sa.select(KeyFigure).order_by(KeyFigure.position)).all()
        figures = [_shown(one) for one in every if _may_see(user, one.permission)]
        return [*cards, HomeCard({"en": "Marketing", "zh": "营销概况"}, figures)] if figures else cards


def _may_see(user: User, permission: str) -> bool:
    """Return whether an account sees a figure of the whole school; teachers see their courses only."""
    roles = [role for role in ("admin", "staff") if user.has_role(role)]
    return any(permission in PERMISSIONS[role] for role in roles)


def _shown(one: KeyFigure) -> Figure:
    label = one.labels.get(i18n.locale(), one.labels["en"])
    if one.value is None or not one.unit:
        return Figure(label, None if one.value is None else int(one.value), one.url, one.as_of)
    if one.unit == "share":
        return Figure(label, None, one.url, one.as_of, percent=float(one.value) * 100)
    return Figure(label, None, one.url, one.as_of, cents=int(Decimal(one.value) * 100))


_ICONS = {
    "home": "spark", "people": "users", "queries": "search", "courses": "book", "campaigns": "mail",
    "templates": "receipt", "health": "check", "settings": "check", "data": "plug", "sync": "plug",
}  # fmt: skip
