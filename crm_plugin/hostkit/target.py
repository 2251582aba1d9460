"""Finds the host that the kit is to look at, and a clock that lets it be called again at once."""

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from crm_plugin.kernel.settings import load


def load_host(target: str) -> object:
    """Return what ``module:name`` makes: a factory is called, with the settings if it wants an argument.

    :raises LookupError: there is no such module or name, or the factory raises.
    """
    module_name, colon, name = target.partition(":")
    if not colon:
        raise LookupError(f"{target!r} is not module:factory")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        factory = getattr(importlib.import_module(module_name), name)
        made: object = _called(factory) if callable(factory) else factory
    except Exception as error:
        raise LookupError(f"{target}: {error}") from error
    return made


def _called(factory: Callable[..., object]) -> object:
    parameters = inspect.signature(factory).parameters.values()
    named = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    wanted = any(one.default is one.empty or one.name == "settings" for one in named)
    return factory(load()) if wanted else factory()


class HurriedClock:
    """A clock on which an hour passes at each look: no failure of one check makes the next one wait."""

    def __init__(self) -> None:
        self._at = datetime(2000, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._at += timedelta(hours=1)
        return self._at
