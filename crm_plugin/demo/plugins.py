"""The school's own hooks: what a plug-in may add to the admin panel.

A plug-in is an object with methods marked ``@school_hook``; give it to ``create_app(plugins=…)`` or
register it later with ``app.extensions["school_plugins"].register(plugin)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pluggy
from flask import Blueprint

from crm_plugin.demo.models import User

_spec = pluggy.HookspecMarker("school")
school_hook = pluggy.HookimplMarker("school")


@dataclass(frozen=True)
class MenuEntry:
    """One line of the admin menu: a label by locale (``en``, ``zh``), an address, who may see it.

    ``key`` is how a page of the plug-in names the entry that it belongs to.
    """

    label: Mapping[str, str]
    url: str
    roles: tuple[str, ...] = ("admin",)
    icon: str = "plug"
    key: str = ""


@dataclass(frozen=True)
class Figure:
    """One figure of a home card; ``as_of`` is seconds since 1970, None where the figure is live.

    ``cents`` is an amount of the school's currency, ``percent`` a share: they stand in place of ``value``.
    """

    label: str
    value: int | None
    url: str
    as_of: int | None = None
    cents: int | None = None
    percent: float | None = None


@dataclass(frozen=True)
class HomeCard:
    """A card of the admin home: a title by locale and its figures."""

    title: Mapping[str, str]
    figures: Sequence[Figure]


class Spec:
    """What a plug-in may answer; every hook is optional."""

    @_spec
    def school_admin_menu(self, user: User) -> list[MenuEntry]:  # type: ignore[empty-body]
        """Return the menu entries for this member of staff, in their order."""

    @_spec
    def school_admin_home_cards(self, user: User) -> list[HomeCard]:  # type: ignore[empty-body]
        """Return the cards of the admin home for this member of staff."""

    @_spec
    def school_blueprints(self) -> list[Blueprint]:  # type: ignore[empty-body]
        """Return blueprints to be registered when the application is made."""


def plugin_manager(plugins: Sequence[object]) -> pluggy.PluginManager:
    """Return a manager with these plug-ins; a misspelt hook raises at once."""
    manager = pluggy.PluginManager("school")
    manager.add_hookspecs(Spec)
    for plugin in plugins:
        manager.register(plugin)
    manager.check_pending()
    return manager
