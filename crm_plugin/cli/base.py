"""What all commands share: which CRM they speak to, and how they print."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, cast

import click

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, Unavailable
from crm_plugin.kernel.migrate import is_migrated
from crm_plugin.kernel.settings import load
from crm_plugin.plugin import open_crm
from crm_plugin.segments.language.json_input import load as load_json

IDENT = click.IntRange(1, 2**63 - 1)
"""What an id of ours can be on every database."""
PORT = click.IntRange(1, 65535)

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


def find_crm() -> Crm:
    """Return the Flask host's CRM under ``flask crm``, else one made of the settings."""
    context = click.get_current_context()
    kept = context.meta.get(__name__)
    if kept is None:
        kept = _of_flask(context)
    if kept is None:
        kept = open_crm(load())
        context.find_root().call_on_close(kept.close)
    context.meta[__name__] = kept
    return cast(Crm, kept)


def _of_flask(context: click.Context) -> Crm | None:
    from flask.cli import ScriptInfo

    info = context.find_object(ScriptInfo)
    if info is None:
        return None
    crm = info.load_app().extensions.get("crm")
    if crm is None:
        raise BadInput("host.none")
    return cast(Crm, crm)


def with_crm(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the command a :class:`Crm` with migrated tables as its first argument."""

    @wraps(function)
    def command(*args: Any, **options: Any) -> Any:
        crm = find_crm()
        if not is_migrated(crm.db):
            raise Unavailable("database.not_migrated")
        return function(crm, *args, **options)

    return command


def show(document: Any, as_json: bool, text: str | None = None) -> None:
    """Print a result: as JSON, or as text for people."""
    click.echo(json.dumps(document, ensure_ascii=False, default=str) if as_json else text or str(document))


def read_document(file: str) -> Any:
    """Read a JSON file, ``-`` for standard input; a key that stands twice and NaN are refused.

    :raises BadInput: ``input.bad``, ``input.not_json``.
    """
    try:
        text = (
            sys.stdin.buffer.read().decode("utf-8-sig") if file == "-" else Path(file).read_text("utf-8-sig")
        )
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a name that no file can have
        raise BadInput("input.bad", reason=f"{file} cannot be read: {error}") from error
    return load_json(text)
