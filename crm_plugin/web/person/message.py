"""One-to-one messages: a campaign of one person, begun on their page and finished in the composer."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns.composing.drafts import create_single
from crm_plugin.campaigns.document.default_policy import proposed
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.store.masking import mask_contacts
from crm_plugin.web.person.page import visible
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say

ROUTES = Routes()


@ROUTES.page("/people/<int:ident>/message", "crm.send", post=True)
def person_message(ident: int) -> ResponseReturnValue:
    """Begin a message to a person by ``channel``: text, preview, check and confirmation follow."""
    with crm().db.read() as session:
        one = visible(session, ident)
    channel = request.form.get("channel", "")
    if channel not in CHANNELS:
        raise BadInput("campaign.unknown_channel", channel=channel, known=", ".join(CHANNELS))
    purpose = "service" if request.form.get("purpose") == "service" else "marketing"
    document = {
        # A campaign's name is everybody's to read.
        "name": say("To %(name)s", name=mask_contacts(one.display_name) or one.host_id)[:120],
        "channel": channel,
        "purpose": purpose,
        "policy": proposed(crm(), purpose),
    }
    draft = create_single(crm(), actor(), one.host_id, document)
    return redirect(url_for("crm.compose_content", ident=draft))
