"""Pages and the JSON API, made of what services answer; and the public routes in front of the school.

No SQL and no rule of a capability belong here. Rooms, from the ground up; each imports those below it:

- ``shell``: what each page stands in.
- ``segments``: the builder of a search. ``admin``: pages of administrators. ``sms``: SMS templates.
- ``campaigns``: campaigns and their composer.
- ``people``: the list of people. ``person``: the page of one.
- ``home``, and ``api``: the JSON API.
- ``public``: short links and opt-out pages. It stands apart, in front of the school.

``pages(crm)`` gives the blueprint, ``menu()`` the entries for the school's admin panel.
"""

from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from flask_wtf.csrf import CSRFProtect

from crm_plugin.host.context import Crm
from crm_plugin.host.records import MenuEntry
from crm_plugin.segments.saved.home_pins import PinAddress
from crm_plugin.web import api, home
from crm_plugin.web.admin import health, initialisation, outbox, suppressions, tokens, topics
from crm_plugin.web.admin import words as admin_words
from crm_plugin.web.campaigns import list_page as campaign_list
from crm_plugin.web.campaigns import page as campaign_page
from crm_plugin.web.campaigns import people as campaign_people
from crm_plugin.web.campaigns import report as campaign_report
from crm_plugin.web.campaigns import words as campaign_words
from crm_plugin.web.campaigns.composer import audience, check, content, policy, steps
from crm_plugin.web.people import bulk_actions, exports, quick_queries, taggings
from crm_plugin.web.people import list_page as people_list
from crm_plugin.web.people import words as people_words
from crm_plugin.web.person import message, notes
from crm_plugin.web.person import page as person_page
from crm_plugin.web.person import words as person_words
from crm_plugin.web.segments import pickers
from crm_plugin.web.segments import words as segment_words
from crm_plugin.web.shell import errors, flash, vocabulary
from crm_plugin.web.shell.bundle import STATIC
from crm_plugin.web.shell.guard import ROUTES, guarded
from crm_plugin.web.shell.menu import host_menu
from crm_plugin.web.sms import editor, templates
from crm_plugin.web.sms import words as sms_words

PREFIX = "/admin/crm"
"""Where the pages are when the school does not say otherwise."""
MODULES = (
    *(home, people_list, bulk_actions, exports, taggings, quick_queries, flash, person_page, message, notes),
    *(campaign_list, steps, audience, content, policy, check, pickers, campaign_page, campaign_people),
    *(campaign_report, editor, templates, outbox, initialisation, health, suppressions, tokens, topics, api),
)
"""The modules of pages; importing them filled the table of routes."""
for _words in (segment_words, admin_words, sms_words, campaign_words, people_words, person_words):
    vocabulary.learn(_words)


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
    for route in ROUTES:
        blueprint.add_url_rule(route.rule, route.name, guarded(crm, route), methods=[*route.methods])
    blueprint.record_once(_free_api)
    errors.register(blueprint, crm)
    return blueprint


def _free_api(state: BlueprintSetupState) -> None:
    """Leave the API out of the school's own guard of forms: programs have no form.

    Requests with a session are still asked for the token, by our own guard.
    """
    guard = state.app.extensions.get("csrf")
    if isinstance(guard, CSRFProtect):
        for route in ROUTES:
            if route.name.startswith("api_"):
                guard.exempt(route.view)


def menu(_crm: Crm, prefix: str = PREFIX) -> list[MenuEntry]:
    """Return the entries for the school's admin panel."""
    return host_menu(prefix)
