"""Data initialisation: how far the school has been read, live, and the start of a full reading."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.host.permissions import need_whole
from crm_plugin.profiles.sync import admin
from crm_plugin.profiles.sync.health import StreamHealth, bad_rows, streams_for
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import fragment, render

ROUTES = Routes()

BAD_ROWS = 50
"""Rows set aside that the page shows at most; the command and the API show more."""
TONES = {"current": "good", "scanning": "busy", "failing": "warn", "stopped": "bad", "new": "muted"}


@dataclass(frozen=True)
class Shown:
    """A stream as the pages show it."""

    stream: str
    state: str
    tone: str
    ok_at: datetime | None
    rows: int | None
    scanned: int | None
    whole: int
    estimate: int | None
    part: float | None
    """How much of a running scan is done, 0 to 1; None when none runs or nobody knows."""
    parked: int | None
    quarantined: int | None
    error: str | None
    retry_at: datetime | None
    needs_word: bool
    """It stopped because many rows are gone: a person must say that they are."""


def shown_streams() -> list[Shown]:
    """Return the streams as stored; the school is not called."""
    with crm().db.read() as session:
        return [_shown(row) for row in streams_for(session, crm().clock(), actor())]


def _shown(row: StreamHealth) -> Shown:
    scanning = row.state == "scanning"
    scanned = row.scanned or 0
    whole = max(row.estimate or 0, scanned)
    return Shown(
        *(
            row.stream,
            row.state,
            TONES.get(row.state, ""),
            row.ok_at,
            row.rows,
            row.scanned,
            whole,
            row.estimate,
        ),
        part=scanned / whole if scanning and whole else None,
        parked=row.parked,
        quarantined=row.quarantined,
        error=row.error,
        retry_at=row.retry_at,
        needs_word=row.error_code == "sync.too_many_gone",
    )


def _progress() -> dict[str, Any]:
    rows = shown_streams()
    with crm().db.read() as session:
        bad = bad_rows(session, limit=BAD_ROWS)
    return {
        "streams": rows,
        "bad_rows": bad,
        "bad_count": sum(row.quarantined or 0 for row in rows),
        "running": any(row.state in ("scanning", "new") for row in rows),
        "started": any(row.state != "new" for row in rows),
        "now": crm().clock(),
    }


@ROUTES.page("/data", "crm.admin")
def data() -> ResponseReturnValue:
    """Show the progress of each stream, to who sees the whole school."""
    need_whole(actor())
    return render("admin/initialisation.html", title=say("Data initialisation"), active="data", **_progress())


@ROUTES.page("/data/progress", "crm.admin")
def data_progress() -> ResponseReturnValue:
    """Return the moving part of the page."""
    need_whole(actor())
    return fragment("admin/initialisation_progress.html", **_progress())


@ROUTES.page("/data/start", "crm.admin", post=True)
def data_start() -> ResponseReturnValue:
    """Let everything be read again, by a worker."""
    if admin.read_all(crm(), actor()):
        tell(say("A worker starts now."), "good")
    else:
        tell(say("Noted. A worker (crm worker) starts with its next round."), "note")
    return redirect(url_for("crm.data"))


@ROUTES.page("/data/confirm", "crm.admin", post=True)
def data_confirm() -> ResponseReturnValue:
    """Let a stream go on that stopped because many of its rows are gone from the school."""
    admin.confirm_gone(crm(), actor(), request.form.get("stream", ""))
    tell(say("Continued."), "good")
    return redirect(url_for("crm.data"))
