"""Replies that staff are to read: on the overview of the last sender, and in the person's timeline."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns.feedback import reply_list
from crm_plugin.web.person.page import visible
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import fragment

ROUTES = Routes()


@ROUTES.page("/people/<int:ident>/replies/<int:reply>/done", "crm.send", post=True)
def person_reply_done(ident: int, reply: int) -> ResponseReturnValue:
    """Take a reply off the list of what is to be read."""
    with crm().db.read() as session:
        visible(session, ident)
    reply_list.mark_done(crm(), actor(), reply)
    tell(say("Done."), "good")
    if request.form.get("from") == "home":
        return redirect(url_for("crm.home"))
    return redirect(url_for("crm.person", ident=ident, _anchor="timeline"))


def replies_card() -> str:
    """Return the overview's card of replies to what the actor sent last."""
    with crm().db.read() as session:
        found = reply_list.unread(session, actor())
    return fragment("person/replies.html", replies=found) if found else ""
