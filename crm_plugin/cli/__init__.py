"""The commands: ``crm …`` on its own, ``flask crm …`` inside a Flask host; the same ones.

Words, options and exit codes; what a command does is a verb of a capability. One module for each group of
commands. Three rooms: ``doctor``; ``server``, the web server of ``crm serve``; and ``demo_contents``, what a
new demo shows.
"""

import errno
import signal
import sys
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from crm_plugin import __version__
from crm_plugin.cli import (
    audit,
    bounce,
    campaigns,
    clicks,
    demo,
    segments,
    serve,
    sms_templates,
    sync,
    worker,
)
from crm_plugin.cli.doctor import commands as doctor_commands
from crm_plugin.kernel.db.faults import words_of
from crm_plugin.kernel.errors import BadInput, CrmError, Unavailable

_SHOWS_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
# Click's own way, since 8.2, to show the commands of a group that was named alone.


class Commands(click.Group):
    """A group that turns every failure into one clear line and the right exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; 2 on bad input, 1 on other failures."""
        try:
            return super().invoke(ctx)
        except _SHOWS_HELP:
            raise
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        except CrmError as error:
            _fail(str(error), error.exit_code)
        except DBAPIError as error:
            _fail(str(Unavailable("database.unreachable", reason=words_of(error))), 1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # click ends quietly when the reader has had enough
            _fail(str(error), 1)


def _fail(text: str, code: int) -> None:
    click.echo(f"crm: {' '.join(text.split())}", err=True)
    sys.exit(code)


_MODULES: Any = (
    *(demo, serve, sync, worker, doctor_commands),
    *(segments, campaigns, clicks, sms_templates, bounce, audit),
)


def _group(name: str) -> click.Group:
    group = Commands(name, help="The CRM of an online school.")
    for module in _MODULES:
        for command in module.COMMANDS:
            group.add_command(command)
    return group


flask_group = _group("crm")
"""What Flask's entry-point group ``flask.commands`` finds."""

_console = click.version_option(__version__, prog_name="crm")(_group("crm"))


def main(args: list[str] | None = None) -> None:
    """Run the console script ``crm``."""
    # As after Ctrl-C: leases are given back, children ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        _console.main(args=args, prog_name="crm")
    except BadInput as error:  # raised while the command line itself was read
        _fail(str(error), error.exit_code)
