"""A short mark of this installation, which keeps our message ids apart from everybody else's.

Campaigns and rows are numbered from 1 everywhere, and mail programs show two messages with one id as one. So
a database gets a random seed of its own. A copy of it at another public address has another mark.
"""

import secrets
from hashlib import blake2b

from sqlalchemy.orm import Session

from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.kernel.settings import Settings

_NAME = "channels.installation"


def prepare(session: Session) -> None:
    """Give the database its seed, unless it has one."""
    if kept(session, _NAME) is None:
        keep(session, _NAME, secrets.token_hex(16))


def mark(session: Session, settings: Settings) -> str:
    """Return the mark of this installation: ten letters and digits."""
    seed = f"{kept(session, _NAME, '')} {settings.public_url}"
    return blake2b(seed.encode(), digest_size=5).hexdigest()
