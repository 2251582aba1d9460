"""A tag on the people of a list: put on or taken off at once, or by a worker."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import BadInput
from crm_plugin.segments.bulk import bulk_tagging
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.formatting import number
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import explain, say

NOTES = "#c-notes"
"""Where a page says what was done: else a browser keeps the place that the form named."""


def tag(part: Part, put: bool, back: str) -> ResponseReturnValue:
    """Put the ``tag`` of the form on people, or take it off; return to ``back``, which says what was done.

    :raises Refused: without ``crm.edit``.
    """
    text = request.form.get("tag", "")
    try:
        done = bulk_tagging.request(crm(), actor(), part, text, put=put)
    except BadInput as error:
        tell(explain(error), "bad")
        return redirect(back)
    if isinstance(done, int):
        tell(say("It runs in the background; see the progress here."), "note")
        return redirect(url_for("crm.people_taggings"))
    tell(_tagged(put, done.count, " ".join(text.split())), "good" if done.count else "note", done.undo)
    return redirect(back)


def _tagged(put: bool, count: int, tag: str) -> str:
    if put:
        return say("Newly tagged “%(tag)s”: %(shown)s people.", tag=tag, shown=number(count))
    return say("“%(tag)s” removed: %(shown)s people.", tag=tag, shown=number(count))
