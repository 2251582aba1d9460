"""Health and settings: what is stored about the school, whether database and queue answer."""

from datetime import datetime, timedelta
from typing import Any

from flask.typing import ResponseReturnValue

from crm_plugin.channels.email.feedback.bounces import SHOWN_DAYS, figures
from crm_plugin.channels.suppressions import REASONS
from crm_plugin.kernel.jobs import daily, failed_items
from crm_plugin.kernel.settings import TABLE
from crm_plugin.links.ingest import lost_clicks
from crm_plugin.profiles.sync.host_checks import Check, last
from crm_plugin.web.admin.initialisation import shown_streams
from crm_plugin.web.shell.bundle import path_of
from crm_plugin.web.shell.formatting import ago, number
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import render

ROUTES = Routes()

SHOWN = 50
"""Items that jobs left aside, the latest ones."""

_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB", "mariadb": "MariaDB"}
"""Dialect → the name that people know."""


@ROUTES.page("/health")
def health() -> ResponseReturnValue:
    """Show streams, checks and, for administrators, settings."""
    with crm().db.read() as session:
        asked_at, checks = last(session)
        lost = lost_clicks(session)
        failed_count = failed_items.count(session, crm().clock())
        failed = failed_items.listed(session, crm().clock(), SHOWN) if _may_know_all() else []
        failing = daily.failing(session, crm().clock().date() - timedelta(days=2), crm().clock())
    return render(
        "admin/health.html",
        title=say("Health"),
        active="health",
        streams=shown_streams(),
        checks=[*_own(asked_at), _clicks(lost), _daily(failing), _items(failed_count), *checks],
        failed=failed,
        failed_more=failed_count - len(failed),
        settings=_settings() if actor().may("crm.admin") else None,
        mail=_mail() if actor().scope is None else None,
    )


def _mail() -> dict[str, Any]:
    """What came back from e-mail, and after how many of it an address is stopped."""
    with crm().db.read() as session:
        found = figures(session, crm().clock())
    set_to = crm().settings
    limits = {"hard": set_to.bounce_hard, "soft": set_to.bounce_soft, "complaint": set_to.bounce_complaints}
    return {
        "rows": [(kind, count, limits.get(kind)) for kind, count in found.came_back.items()],
        "soft_days": set_to.bounce_soft_days,
        "days": SHOWN_DAYS,
        "stopped": [(reason, found.stopped.get(reason, 0)) for reason in REASONS],
    }


def _own(asked_at: datetime | None) -> list[Check]:
    return [
        Check(say("Database"), True, _DATABASES.get(crm().db.dialect, crm().db.dialect)),
        _queue(),
        Check(
            say("Front end"),
            path_of("crm.js") is not None,
            say("bundled") if path_of("crm.js") else say("the bundle is missing; pages work as plain forms"),
        ),
        Check(
            say("School's own checks"),
            asked_at is not None,
            say("checked %(when)s", when=ago(asked_at))
            if asked_at
            else say("not checked yet: is a worker running?"),
        ),
    ]


def _queue() -> Check:
    queue, name = crm().queue, say("Queue")
    if not queue.url:
        return Check(name, True, say("none: a worker does the work without it"))
    fault = queue.trouble()
    if fault is None:
        return Check(name, True, say("takes wake-ups"))
    text = say("%(fault)s; a worker does the work without it", fault=say(fault.words))
    return Check(name, False, text)


def _clicks(lost: int) -> Check:
    if not lost:
        return Check(say("Clicks"), True, say("the disk has refused none"))
    text = say("the disk refused %(count)s: make room for the folder of the CRM", count=number(lost))
    return Check(say("Clicks"), False, text)


def _daily(failing: list[tuple[str, str]]) -> Check:
    if not failing:
        return Check(say("Daily jobs"), True, say("none has failed"))
    names = ", ".join(f"{job.rpartition('.')[2]} ({error})" for job, error in failing)
    return Check(say("Daily jobs"), False, say("failed: %(names)s; the log says why", names=names))


def _may_know_all() -> bool:
    """Return whether the names of items may be shown: they may be those of people and of others' drafts."""
    return actor().may("crm.admin") and actor().scope is None


def _items(count: int) -> Check:
    name = say("Work in the background")
    if not count:
        return Check(name, True, say("nothing was left aside"))
    return Check(name, False, say("%(count)s left aside for a while; all others go on", count=number(count)))


def _settings() -> list[tuple[str, str, str]]:
    shown = crm().settings.shown()
    return [(row.name, _set_to(shown[row.name]), say(row.help)) for row in TABLE]


def _set_to(value: object) -> str:
    """What a setting is set to, in words; empty where it is not set at all."""
    if value == "(set)":
        return say("set, not shown")
    if value in ("yes", "no"):
        return say("yes") if value == "yes" else say("no")
    return str(value) if value or value == 0 else ""
