"""One person: facts, contacts with consent, courses, orders, timeline, and what staff do with them."""

from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.profiles.extension import Window
from crm_plugin.profiles.people import access
from crm_plugin.profiles.people.queries import PersonRow
from crm_plugin.profiles.people.timeline import Stretch, sources, timeline
from crm_plugin.profiles.staff import follow_ups, purchase_intent
from crm_plugin.profiles.store.host_info_cache import own_currency
from crm_plugin.web.person.explain import why
from crm_plugin.web.shell.formatting import today
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

MOMENTS = 30
"""Lines of a timeline on one page."""


def visible(session: Any, ident: int) -> PersonRow:
    """Return a person that the actor may see.

    :raises NotFound: ``object.missing``, the same for who is outside the actor's courses.
    """
    return access.one(crm(), session, actor(), ident)


@ROUTES.page("/people/<int:ident>")
def person(ident: int) -> ResponseReturnValue:
    """Show a person; ``show`` and ``after`` choose of the timeline, ``why`` is a quick query to explain."""
    return shown(ident)


def shown(ident: int, *, problem: str = "", typed: follow_ups.Entry | None = None) -> ResponseReturnValue:
    """Return a person's page.

    :param problem: what is wrong with ``typed``, a follow-up that was not taken.
    """
    with crm().db.read() as session:
        found = access.archived(crm(), session, actor(), ident)
        one = found.person
        window = Window(MOMENTS, scope=actor().scope, reader=actor().id)
        only = [name for name in [request.args.get("show", "")] if name in sources(crm())]
        moments = timeline(crm(), session, ident, window, only=only, after=request.args.get("after"))
        notes = follow_ups.of_person(session, actor(), ident)
        wanted = purchase_intent.of_person(session, ident, crm().clock(), actor().scope)
    return render(
        "person/page.html",
        title=one.display_name or one.host_id,
        active="people",
        status=400 if problem else 200,
        archive=found,
        one=one,
        at_school=crm().host.url("person", one.host_id),
        currency=own_currency(crm()),
        notes=notes,
        intentions=wanted,
        levels=purchase_intent.LEVELS,
        note_kinds=follow_ups.KINDS,
        note_problem=problem,
        typed=typed,
        today=today(),
        **_timeline(ident, access.as_shown(actor(), moments), only),
        **why(one),
    )


@dataclass(frozen=True)
class Kind:
    """A choice of the timeline."""

    label: str
    href: str
    current: bool


def _timeline(ident: int, moments: Stretch, only: list[str]) -> dict[str, Any]:
    def address(**more: str | None) -> str:
        return url_for("crm.person", ident=ident, _anchor="timeline", **more)  # type: ignore[arg-type]

    show = only[0] if only else None
    kinds = [Kind(say("Everything"), address(), not only)]
    kinds += [Kind(word("timeline", name), address(show=name), name == show) for name in sources(crm())]
    return {
        "moments": moments.moments,
        "kinds": kinds,
        "older": address(show=show, after=moments.next) if moments.next else "",
        "newest": address(show=show) if request.args.get("after") else "",
    }
