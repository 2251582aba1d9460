"""Lines that the next page shows once, some with a button to undo; kept apart from the school's own messages.

Flask hands its messages to the first reader and to all later ones of the same request: inside the school's
layout ours would stand there twice.
"""

from typing import NamedTuple

from flask import redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.network.web_address import is_path
from crm_plugin.profiles.staff import undo
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say

ROUTES = Routes()

_KEY = "crm_notes"
_MOST = 10


class Note(NamedTuple):
    """A line to show."""

    kind: str
    """``good``, ``warn``, ``bad`` or ``note``."""
    text: str
    undo: int | None = None
    """Id of the change that it offers to undo."""


def tell(text: str, kind: str = "note", undo: int | None = None) -> None:
    """Show a line on the next page.

    :param kind: ``good``, ``warn``, ``bad`` or ``note``.
    :param undo: how the change that it reports can be undone; see :mod:`crm_plugin.profiles.staff.undo`.
    """
    session[_KEY] = [*session.get(_KEY, []), [kind, text, undo]][-_MOST:]


def take() -> list[Note]:
    """Return the lines to show now and forget them."""
    return [Note(*one) for one in session.pop(_KEY, [])]


@ROUTES.page("/undo/<int:ident>", "crm.edit", post=True)
def undo_change(ident: int) -> ResponseReturnValue:
    """Take a change back and return to the page that offered it."""
    try:
        undo.undo(crm(), actor(), ident)
    except CrmError as error:
        tell(explain(error), "bad")
    else:
        tell(say("Undone."), "good")
    return redirect(_back(request.form.get("back", "")))


def _back(path: str) -> str:
    ours = url_for("crm.home")
    # Only to a page of ours, whatever the form says.
    return path if is_path(path) and path.startswith(ours) else ours
