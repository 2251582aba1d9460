"""A disk whose power can be cut: what was written since the last sync is gone."""

import random
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("power_cut.c")
FILES = ("crm.db", "crm.db-wal")
"""What SQLite keeps on disk; the index of the WAL is memory that processes share."""


def find() -> str | None:
    """Why no power can be cut here, or None when it can."""
    return None if shutil.which("cc") else "a C compiler (Debian: gcc)"


class Disk:
    """The folder of a SQLite database ``crm.db``, and what a power cut would leave of it.

    :param folder: where the database lies, closed by everybody and with nothing to be synced.
    :param work: a folder for the library and the kept files.
    """

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self.kept = work / "kept"
        self.kept.mkdir(parents=True)
        library = work / "power_cut.so"
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        self.sync()
        self.environment = {"LD_PRELOAD": str(library), "CRM_DISK": str(folder), "CRM_KEPT": str(self.kept)}
        """Of processes that write to this disk."""

    def cut(self, luck: random.Random | None = None) -> None:
        """Leave what was synced; every process that had the database open must be dead.

        :param luck: decides for each file whether what was only written reached the disk after all.
        """
        for name in FILES:
            file, kept = self.folder / name, self.kept / name
            if luck is not None and luck.random() < 0.5:
                continue
            file.unlink(missing_ok=True)
            if kept.exists():
                shutil.copyfile(kept, file)
        (self.folder / "crm.db-shm").unlink(missing_ok=True)
        self.sync()

    def sync(self) -> None:
        """Take what is there for synced: a next cut leaves it."""
        for name in FILES:
            (self.kept / name).unlink(missing_ok=True)
            if (self.folder / name).exists():
                shutil.copyfile(self.folder / name, self.kept / name)
