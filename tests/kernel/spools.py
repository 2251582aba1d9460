"""What lies in spools, as a test sees it."""

from pathlib import Path

from crm_plugin.kernel.spool import SUFFIX


def waiting(folder: Path) -> int:
    """Return how many bytes are spooled and not yet handed on."""
    return sum(path.stat().st_size - _place(path) for path in folder.glob(f"*{SUFFIX}"))


def _place(path: Path) -> int:
    noted = path.with_suffix(".pos")
    return int(noted.read_text()) if noted.exists() else 0
