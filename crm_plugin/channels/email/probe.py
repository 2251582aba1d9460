"""Whether the mail server lets us in: a question of ``crm doctor``, answered in one line."""

import smtplib
import ssl
from collections.abc import Callable

from crm_plugin.channels.email.smtp import SmtpCarrier
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput


def probe(crm: Crm, heard: Callable[[bool], None] = lambda _offered: None) -> tuple[bool, str]:
    """Connect, sign in and say goodbye; return (all is well, what to say). Sends nothing, never raises.

    :param heard: as for :class:`~crm_plugin.channels.email.smtp.SmtpCarrier`.
    """
    try:
        return True, SmtpCarrier(crm, heard).greet()
    except BadInput as error:
        return False, str(error)
    except smtplib.SMTPAuthenticationError as error:
        return False, f"the server refuses user and password ({error.smtp_code} {_said(error.smtp_error)})"
    except smtplib.SMTPResponseException as error:
        return False, f"the server refuses us ({error.smtp_code} {_said(error.smtp_error)})"
    except smtplib.SMTPNotSupportedError:
        return False, "the server takes no sign-in on this connection: is it the port for TLS?"
    except ssl.SSLError as error:
        return False, f"no safe connection: {error.reason or error}"
    except (smtplib.SMTPException, OSError) as error:
        return False, f"the server does not answer: {str(error) or type(error).__name__}"


def _said(text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(words.split())[:200]
