"""The installation's secret key: how long it is at least, and the file in which one is kept."""

import contextlib
import os
import secrets
from pathlib import Path

from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.private_files import make_folder, opened

SHORTEST_KEY = 32
"""Characters of a key that signs sessions and tokens: a shorter one is guessed from what it signed."""


def kept_secret(file: Path) -> str:
    """Return the secret in ``file``; make it first when it is not there.

    Processes that start at once agree: the file appears whole or not at all, and the first one stays.

    :raises BadInput: ``settings.short_secret`` when the file was cut or emptied.
    """
    if not file.exists():
        draft = make_folder(file.parent) / f".{file.name}-{secrets.token_hex(8)}"
        with os.fdopen(opened(draft, os.O_WRONLY), "w", encoding="ascii") as lines:
            lines.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        os.unlink(draft)
    secret = file.read_text(encoding="utf-8", errors="replace").strip()
    check_key(str(file), secret)
    return secret


def check_key(name: str, secret: str) -> None:
    """Refuse a signing key that is too short.

    :param name: the setting or file that holds it.
    :raises BadInput: ``settings.short_secret``.
    """
    found = len(secret.strip())
    if found < SHORTEST_KEY:
        raise BadInput("settings.short_secret", name=name, found=found, limit=SHORTEST_KEY)
