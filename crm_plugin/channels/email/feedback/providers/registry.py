"""The providers that we know: a new one is its form and one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_plugin.channels.email.feedback.providers import forms, notifications, proofs
from crm_plugin.channels.email.feedback.providers.form import Form
from crm_plugin.channels.email.feedback.providers.proofs import Request

Prove = Callable[[Request, Any], None]
"""Raises :class:`Forged` or :class:`Unready`."""


@dataclass(frozen=True)
class Provider:
    """How a provider's requests are proven and read, and which answers it understands."""

    form: Form
    prove: Prove = proofs.unsigned
    unwrap: Callable[[Any], Any] = lambda document: document
    """Returns the events' document out of a proven envelope."""
    settles: Callable[[Any], bool] = lambda _document: False
    """Does what a proven request that holds no event asks for; returns whether it was one."""
    never: int = 403
    """Status after which it does not try again."""
    again: int = 503
    """Status after which it does."""


PROVIDERS: Mapping[str, Provider] = {
    "ses": Provider(forms.SES, notifications.amazon, notifications.message_of, notifications.subscribe),
    "sendgrid": Provider(forms.SENDGRID, proofs.sendgrid),
    "mailgun": Provider(forms.MAILGUN, proofs.mailgun, never=406),
    "postmark": Provider(forms.POSTMARK),
    # It gives up after any 5xx.
    "brevo": Provider(forms.BREVO, again=429),
    "aliyun": Provider(forms.ALIYUN, notifications.aliyun),
    "tencent": Provider(forms.TENCENT),
}
