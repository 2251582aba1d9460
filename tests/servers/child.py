"""Starting a server process that cannot outlive the process that started it."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # Linux, prctl(2)
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent is gone (Linux only)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def unprivileged_user() -> str | None:
    """The account that a server runs under: `nobody` for root, whom servers refuse; else ourselves."""
    return "nobody" if os.geteuid() == 0 else None


def own(folder: Path) -> None:
    """Make `folder` and give it to the account that servers run under."""
    folder.mkdir(parents=True, exist_ok=True)
    user = unprivileged_user()
    if user is not None:
        shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)


def run(command: Sequence[object], **environment: str) -> None:
    """Run a set-up command to its end as the server's account; its output is shown if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        user=unprivileged_user(),
        cwd="/",
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def spawn(command: Sequence[object], log: Path, *, as_root: bool = False) -> "subprocess.Popen[bytes]":
    """Start a server as its account, output to the file `log`; it is killed when this process dies.

    :param as_root: it changes its account by itself.
    """
    with log.open("wb") as output:
        # A change of account clears the death signal; Popen runs preexec_fn after the change.
        return subprocess.Popen(
            [str(word) for word in command],
            user=None if as_root else unprivileged_user(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
