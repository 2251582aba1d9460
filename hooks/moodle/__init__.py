"""Joins a Moodle 4.x site to the CRM by reading its database; the site itself needs no change.

``CRM_HOST_URL`` is the site's database, an account with SELECT alone. What the database does not hold
(region, zone, currency, web address) comes from the settings.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import hookimpl
from crm_plugin.host.readonly import read_only_engine
from crm_plugin.host.sql import Source, SqlHost, Trace
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import Settings

from . import activity, learning, paypal, people
from .site_text import site_text
from .tables import COURSE, PAYPAL, SITE

RECONCILE = 7 * 24 * 3600
"""Seconds between two full scans, which alone see what Moodle changes without a trace."""


def host(settings: Settings) -> "Moodle":
    """Return the adapter of the site at ``CRM_HOST_URL``.

    :raises BadInput: ``settings.missing`` without an address of the database.
    """
    if not settings.host_url:
        raise BadInput("settings.missing", name="CRM_HOST_URL", help="the Moodle site's database")
    return Moodle(settings)


class Moodle(SqlHost):
    """A Moodle site, read-only: five streams with changes; no messages, no sign-in, no layout of its own."""

    sources = {
        "persons": people.SOURCES,
        "courses": learning.COURSE_SOURCES,
        "enrolments": learning.SEAT_SOURCES,
        "orders": activity.ORDER_SOURCES,
        "signals": activity.SIGNAL_SOURCES,
    }
    traces = {
        "persons": people.TRACES,
        "courses": learning.COURSE_TRACES,
        "enrolments": learning.SEAT_TRACES,
        "orders": activity.ORDER_TRACES,
        "signals": activity.SIGNAL_TRACES,
    }

    def __init__(self, settings: Settings) -> None:
        super().__init__(read_only_engine(settings.host_url), overlap=settings.sync_overlap)
        self.settings = settings
        self.base_url = settings.host_base_url.rstrip("/")

    def sources_of(self, stream: str) -> Sequence[Source]:
        """Return the sources of a stream; orders by PayPal too where the site has them."""
        more = paypal.SOURCES if stream == "orders" and self._has_paypal else ()
        return (*super().sources_of(stream), *more)

    def traces_of(self, stream: str) -> Sequence[Trace]:
        """Return the traces of a stream, likewise."""
        more = paypal.TRACES if stream == "orders" and self._has_paypal else ()
        return (*super().traces_of(stream), *more)

    @cached_property
    def _has_paypal(self) -> bool:
        with self.engine.connect() as connection:
            return sa.inspect(connection).has_table(PAYPAL.name)

    @hookimpl
    def host_info(self) -> r.HostInfo:
        """Return the site's facts; its profile fields are attributes."""
        with self.engine.connect() as connection:
            name = connection.scalar(sa.select(COURSE.c.fullname).where(COURSE.c.category == SITE))
            name = site_text(connection).title(name or "")
            attributes = people.attribute_fields(connection)
        return r.HostInfo(
            host_name="moodle",
            site_id=self._site_id(),
            site_name=name or "Moodle",
            base_url=self.base_url,
            timezone=self.settings.host_timezone,
            currency=self.settings.host_currency or None,
            region=self.settings.host_region or None,
            streams=r.STREAMS,
            fields={
                "persons": (*people.FIELDS, *attributes),
                "courses": learning.COURSE_FIELDS,
                "enrolments": learning.SEAT_FIELDS,
                "orders": activity.ORDER_FIELDS,
                "signals": activity.SIGNAL_FIELDS,
            },
            capabilities=tuple(f"changes.{stream}" for stream in r.STREAMS),
            lag={
                "persons.attributes": RECONCILE,
                "persons.consents": RECONCILE,
                "persons.tags": RECONCILE,
                "courses.category": RECONCILE,
                "enrolments": RECONCILE,
                **({"orders.state": RECONCILE} if self._has_paypal else {}),
                "signals": RECONCILE,
            },
        )

    @hookimpl
    def host_current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        """Nobody signs in through the database: the CRM's own accounts do that."""
        return None

    @hookimpl
    def host_url(self, kind: str, id: str) -> str | None:
        """Return a page of the site; there is none for a payment."""
        pages = {
            "person": f"/user/profile.php?id={id}",
            "course": f"/course/view.php?id={id}",
            "class": f"/cohort/edit.php?id={id.removeprefix(learning.COHORT_PREFIX)}",
            "login": "/login/index.php",
        }
        return self.base_url + pages[kind] if self.base_url and kind in pages else None

    @hookimpl
    def host_check(self) -> list[tuple[str, bool, str]]:
        """Report whether the database answers."""
        with self.engine.connect() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(COURSE))
        return [("moodle database", bool(count), f"{count} courses")]

    def _site_id(self) -> str:
        """The site's address; without one, the place of its database, as a hash since it names machines."""
        if self.base_url:
            return self.base_url
        url = self.engine.url
        place = f"{url.host}:{url.port}/{url.database}"
        return f"moodle-{hashlib.sha256(place.encode()).hexdigest()[:16]}"
