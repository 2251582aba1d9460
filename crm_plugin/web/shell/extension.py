"""What a capability shows: its pages and operations of the API, its entries of the menu, its cards."""

from collections.abc import Callable
from dataclasses import dataclass

from crm_plugin.host.context import Crm
from crm_plugin.web.shell.guard import Route, Routes
from crm_plugin.web.shell.menu_entry import Entry

Card = Callable[[], str]
"""Returns a card of the overview for the actor, as HTML; empty when there is nothing to show."""


@dataclass(frozen=True)
class WebExtension:
    """Some pages of an application.

    :param routes: of each module.
    :param menu: in the order of the menu.
    :param cards: beside the figures of the overview.
    """

    routes: tuple[Routes, ...] = ()
    menu: tuple[Entry, ...] = ()
    cards: tuple[Card, ...] = ()


def routes_of(crm: Crm) -> list[Route]:
    """Return every route of an application."""
    return [route for room in crm.contributed(WebExtension) for routes in room.routes for route in routes]
