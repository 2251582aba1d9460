"""Whether the mail server would take a message of ours: one line of ``crm doctor``."""

import re
import smtplib
from collections.abc import Callable

from crm_plugin.channels.email.headers import ascii_address
from crm_plugin.channels.email.smtp.carrier import SmtpCarrier
from crm_plugin.channels.email.smtp.connect_faults import fault_of
from crm_plugin.channels.email.smtp.offers import Offer
from crm_plugin.channels.email.smtp.trial import Refused, Trial
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput

_WANTS_LOGIN = re.compile(r"^530|access denied|authenti|\bauth\b|log.?in|relay", re.I)
"""How servers say that they take mail of clients that sign in only."""


def probe(crm: Crm, heard: Callable[[Offer], None] = lambda _offer: None) -> tuple[bool, str]:
    """Connect, sign in, name sender and recipients, and take it back; return (all is well, what to say).

    Sends nothing, never raises.

    :param heard: as for :class:`~crm_plugin.channels.email.smtp.carrier.SmtpCarrier`.
    """
    try:
        carrier = SmtpCarrier(crm, heard)
        notices = [ascii_address(crm.settings.notify_email)] if crm.settings.notify_email else []
    except BadInput as error:
        return False, str(error)
    try:
        return _verdict(carrier.try_out(notices))
    except (smtplib.SMTPException, OSError) as error:
        return False, fault_of(error, carrier.server)


def _verdict(trial: Trial) -> tuple[bool, str]:
    refused = trial.refused
    if refused is None:
        missing = "".join(f"; it has no mailbox {one}, so answers to it come back" for one in trial.unknown)
        return True, trial.how + missing
    what = "our sender" if refused.command.startswith("MAIL") else "a message to"
    if refused.cause == "later":
        return False, f"{trial.how}, but does not take {what} {refused.address} now ({refused.words})"
    return (
        False,
        f"{trial.how}, but refuses {what} {refused.address} ({refused.words}){_advice(trial, refused)}",
    )


def _advice(trial: Trial, refused: Refused) -> str:
    """Return what to do where the server wants a login that it did not get."""
    if trial.signed_in or not _WANTS_LOGIN.search(refused.words):
        return ""
    if trial.offers_login:
        return "; it wants a login: write user and password into smtp_url"
    return "; it wants a login, on its port for clients (587), or must be set to take mail of this machine"
