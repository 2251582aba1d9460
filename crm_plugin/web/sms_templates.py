"""The SMS templates: stock and own, with their approval."""

from flask import request
from flask.typing import ResponseReturnValue

from crm_plugin.channels.sms.segments import measure
from crm_plugin.channels.sms.templates import listed
from crm_plugin.web.guard import crm, page
from crm_plugin.web.i18n import LOCALES, locale, say
from crm_plugin.web.view import render
from crm_plugin.web.words import word


@page("/sms-templates")
def sms_templates() -> ResponseReturnValue:
    """Show the templates of one language."""
    language = request.args.get("language", locale())
    with crm().db.read() as session:
        found = listed(session)
    rows = [
        {
            "key": one.key,
            "name": one.name or one.key,
            "text": one.text,
            "purpose": one.purpose,
            "state": one.state,
            "reason": None,
            "size": {"length": len(one.text), "segments": measure(one.text).segments},
        }
        for one in found
        if one.locale.split("-")[0].split("_")[0] == language
    ]
    return render(
        "sms/list.html",
        title=say("SMS templates"),
        active="templates",
        rows=rows,
        language=language,
        languages=[(name, word("language", name)) for name in LOCALES],
    )
