"""Files and folders of an installation: for its account alone, or for the group that the settings name.

A file is as open as its folder: what is made in a shared one is shared. So the setting is needed only where
the folder of the installation is made. Modes are set and not left to the umask, which is the school's in its
own processes.
"""

import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from crm_plugin.kernel.errors import BadInput

_ALONE, _SHARED = 0o600, 0o660
_FOLDER_ALONE, _FOLDER_SHARED = 0o700, 0o2770
"""The files of a folder with the second mode get its group."""


def make_folder(path: Path, group: str = "") -> Path:
    """Return a folder; make it first, with those above it, where it is not there.

    :param group: name or number of the group that shares it; empty: shared if the one above is.
    :raises BadInput: ``settings.bad_value`` when there is no such group, or our account is not in it.
    """
    if not path.is_dir():
        make_folder(path.parent)
        with suppress(FileExistsError):
            path.mkdir(mode=_FOLDER_ALONE)
            if not group and is_shared(path.parent):
                path.chmod(_FOLDER_SHARED)
    if group and not is_shared(path):
        _share(path, group)
    return path


def is_shared(folder: Path) -> bool:
    """Return whether a folder's files are for its group too."""
    mode = folder.stat().st_mode
    return bool(mode & stat.S_ISGID and mode & stat.S_IWGRP)


def opened(path: Path, flags: int, mode: int | None = None) -> int:
    """Open a file, made where it is not there; return its descriptor.

    :param mode: of a new one; None: as its folder is.
    """
    if mode is None:
        mode = _SHARED if is_shared(path.parent) else _ALONE
    with suppress(FileExistsError):
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
        os.fchmod(descriptor, mode)
        return descriptor
    return os.open(path, flags)


def make_file(path: Path) -> Path:
    """Return a file; make it first, empty, where it is not there."""
    os.close(opened(path, os.O_WRONLY))
    return path


def make_unopened(path: Path) -> None:
    """Make an empty file where none is, without opening it under its name.

    Closing a file takes away the locks that SQLite, in this process, has on it.
    """
    if path.exists():
        return
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    make_file(draft)
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def exposed(folder: Path) -> list[str]:
    """Return what everybody on the machine can read in a folder of an installation of an earlier version."""
    if not folder.stat().st_mode & stat.S_IXOTH:
        return []
    names = ("crm.db", "secret_key", "links.json", "events", "clicks", "exports", "appendonlydir")
    found = (folder / name for name in names)
    return [one.name for one in found if one.exists() and one.stat().st_mode & stat.S_IROTH]


def _share(path: Path, group: str) -> None:
    try:
        shutil.chown(path, group=int(group) if group.isdecimal() else group)
        path.chmod(_FOLDER_SHARED)
    except (LookupError, PermissionError):
        expected = "a group that our account belongs to"
        raise BadInput("settings.bad_value", name="file_group", value=group, expected=expected) from None
