"""The button that takes back what was just done."""

from urllib.parse import urlsplit

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import CrmError
from crm_plugin.profiles.staff import undo
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import actor, crm, page
from crm_plugin.web.shell.i18n import explain, say


@page("/undo/<int:ident>", "crm.edit", post=True)
def undo_deed(ident: int) -> ResponseReturnValue:
    """Take a deed back and return to the page that offered it."""
    try:
        undo.undo(crm(), actor(), ident)
    except CrmError as error:
        tell(explain(error), "bad")
    else:
        tell(say("Undone."), "good")
    return redirect(_back(request.form.get("back", "")))


def _back(path: str) -> str:
    parts = urlsplit(path)
    ours = url_for("crm.home")
    # Only to a page of ours, whatever the form says.
    inside = not parts.scheme and not parts.netloc and path.startswith(ours) and "\\" not in path
    return path if inside else ours
