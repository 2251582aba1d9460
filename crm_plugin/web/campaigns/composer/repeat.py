"""The last step, for a campaign that is to repeat: the button that starts it."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.automations.recurring import service
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.kernel.errors import CrmError
from crm_plugin.web.campaigns.composer import check
from crm_plugin.web.campaigns.composer.repeat_form import rhythm_asked
from crm_plugin.web.campaigns.composer.steps import draft_of, save
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say

ROUTES = Routes()


@ROUTES.page("/campaigns/<int:ident>/repeat", "crm.send", post=True)
def campaign_repeat(ident: int) -> ResponseReturnValue:
    """Let a draft repeat, once the number of people was confirmed."""
    draft = draft_of(ident)
    try:
        _keep_once(draft)
        service.start(crm(), actor(), ident, rhythm_asked(draft), check.typed(), check.as_of())
    except CrmError as error:
        return check.page(ident, error)
    tell(say("It repeats from now on. Nothing is sent before the first period."), "good")
    return redirect(url_for("crm.recurring_campaign", ident=ident))


def _keep_once(draft: CampaignRow) -> None:
    wanted = bool(request.form.get("once"))
    if wanted != bool(draft.policy.get("once")):
        save(draft, {"policy": {**draft.policy, "once": wanted}})
