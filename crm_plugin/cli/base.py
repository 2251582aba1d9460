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
    """Read a JSON file, ``-`` for standard input; duplicate keys and NaN are refused.

    :raises BadInput: ``input.bad``, ``input.not_json``.
    """
    try:
        text = (
            sys.stdin.buffer.read().decode("utf-8-sig") if file == "-" else Path(file).read_text("utf-8-sig")
        )
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("input.bad", reason=f"{file} cannot be read: {error}") from error
    return parse_json(text)


def parse_json(text: str) -> Any:
    """Parse JSON strictly."""
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput("input.not_json", reason=str(error)) from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return dict(pairs)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")
