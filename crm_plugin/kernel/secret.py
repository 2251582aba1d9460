"""A secret of this installation, made once and kept in a file that only its owner reads."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path


def kept_secret(file: Path) -> str:
    """Return the secret in ``file``; make it first when it is not there.

    Processes that start at once agree: the file appears whole or not at all, and the first one stays.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "w", encoding="ascii") as lines:
            lines.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        os.unlink(draft)
    return file.read_text(encoding="ascii").strip()
