"""Addresses of the bundle; its names carry a hash, and the manifest of the build lists them."""

import json
import logging
from functools import cache, lru_cache
from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"
log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def _files() -> dict[str, str]:
    manifest = STATIC / "dist" / "manifest.json"
    if not manifest.exists():
        log.warning("the front-end bundle is missing: pages work as plain forms (build it with: make assets)")
        return {}
    files: dict[str, str] = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    return files


@cache
def path_of(name: str) -> str | None:
    """Return where a built file is below ``static``, or None when there is no bundle.

    :param name: ``crm.js`` or ``crm.css``.
    """
    built = _files().get(name)
    return f"dist/{built}" if built else None
