"""Tags on many people: a page that shows how far a worker is, and undoes it."""

from typing import Any

from flask.typing import ResponseReturnValue

from crm_plugin.segments.bulk import bulk_tagging
from crm_plugin.web.people.words import asked_problem
from crm_plugin.web.segments.pickers import choices
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import fragment, render

ROUTES = Routes()


def _rows() -> dict[str, Any]:
    rows = bulk_tagging.listed(crm(), actor())
    running = any(row.state in ("waiting", "running") for row in rows)
    return {"rows": rows, "running": running, "asked_problem": asked_problem}


@ROUTES.page("/people/tags", "crm.edit")
def people_tags() -> ResponseReturnValue:
    """Return the tags that are known already, for the list of a field."""
    return fragment("people/tag_options.html", tags=[tag for tag, _label in choices("crm_tag", "")])


@ROUTES.page("/people/taggings", "crm.edit")
def people_taggings() -> ResponseReturnValue:
    """Show the reader's taggings of many people and how far they are."""
    return render("people/taggings.html", title=say("Tagging"), active="people", **_rows())


@ROUTES.page("/people/taggings/progress", "crm.edit")
def people_taggings_progress() -> ResponseReturnValue:
    """Return the moving part of that page."""
    return fragment("people/taggings_list.html", **_rows())
