"""The CRM's pages: one blueprint for every way to run, mounted by the school at ``/admin/crm``.

``pages(crm)`` gives the blueprint, ``menu(crm)`` the entries for the school's admin panel.
"""

from functools import partial

from flask import Blueprint

from crm_plugin.dashboard.published_figures import FigureAddress
from crm_plugin.host.context import Crm
from crm_plugin.host.records import MenuEntry
from crm_plugin.segments.saved.home_pins import PinAddress
from crm_plugin.web.api import route as api
from crm_plugin.web.shell import errors
from crm_plugin.web.shell.bundle import STATIC
from crm_plugin.web.shell.extension import routes_of
from crm_plugin.web.shell.guard import guarded, not_kept, prepare
from crm_plugin.web.shell.menu_entry import host_menu
from crm_plugin.web.shell.rendering import entries_of

PREFIX = "/admin/crm"
"""Where the pages are when the school does not say otherwise."""


class Pages(Blueprint):
    """A blueprint whose built files, named by their hash, are kept by browsers for a year."""

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Return how long a browser may keep a file, in seconds."""
        return 31_536_000 if filename and filename.startswith("dist/") else None


def pages(crm: Crm, prefix: str = PREFIX) -> Blueprint:
    """Return the blueprint ``crm`` with all pages.

    :param prefix: its address when it is registered without one.
    """
    blueprint = Pages(
        "crm", __name__, url_prefix=prefix, static_folder=str(STATIC), static_url_path="/static"
    )

    crm.state(PinAddress).page = prefix + "/people?query={id}"
    crm.state(FigureAddress).root = prefix
    for route in routes_of(crm):
        blueprint.add_url_rule(route.rule, route.name, guarded(crm, route), methods=[*route.methods])
    # Flask asks these before any guard of the school, whenever that was set up.
    blueprint.url_value_preprocessor(prepare)
    blueprint.record_once(partial(errors.answer_below, api.ROOT, crm))
    errors.register(blueprint, crm)
    blueprint.after_request(not_kept)
    return blueprint


def menu(crm: Crm, prefix: str = PREFIX) -> list[MenuEntry]:
    """Return the entries for the school's admin panel."""
    return host_menu(entries_of(crm), prefix)
