"""Marked steps of the sending protocol, at which a test can have a process killed.

In production a step is one look at a variable of this module. With ``CRM_KILL_AT=marked`` in the
environment the process SIGKILLs itself at the step *marked*; with ``CRM_KILL_AT=marked:3`` at the third
time it comes by.
"""

import os
import signal

STEPS = (
    "freeze_staged",
    "freeze_chunk",
    "leased",
    "rendered",
    "marked",
    "before_call",
    "after_call",
    "before_settle",
    "settled",
)
"""Every step of a campaign, in the order of its life."""

_wanted, _left = "", 0


def kill_at(plan: str) -> None:
    """Plan this process's end: ``name`` or ``name:n``; empty = it lives."""
    global _wanted, _left
    _wanted, _, times = plan.partition(":")
    _left = int(times or 1)


def step(name: str) -> None:
    """Pass the step ``name``; ends the process at once when its end was planned here."""
    if _wanted == name:
        _count()


def _count() -> None:
    global _left
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


kill_at(os.environ.get("CRM_KILL_AT", ""))
