"""A database server that a test can take away: a unix socket that leads to the real one, or to nothing."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa


class Proxy:
    """Forwards connections from ``path`` to ``target`` until it is cut."""

    def __init__(self, path: Path, target: str) -> None:
        self.path = path
        self.target = target
        self._ends: list[socket.socket] = []
        self._listener: socket.socket | None = None

    def open(self) -> None:
        """Let everybody in."""
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        listener, self._listener = self._listener, None
        self.path.unlink(missing_ok=True)
        for one in [*([listener] if listener else []), *self._ends]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._ends.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.target)
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def before(url: sa.URL, folder: Path) -> Iterator[tuple[str, Proxy]]:
    """Put a proxy before a PostgreSQL or MariaDB on a unix socket: its URL, and the proxy itself."""
    if url.get_backend_name() == "postgresql":
        name = f".s.PGSQL.{url.query.get('port', url.port or 5432)}"
        proxy = Proxy(folder / name, f"{url.query['host']}/{name}")
        there = url.update_query_dict({"host": str(folder)})
    else:
        proxy = Proxy(folder / "db.sock", str(url.query["unix_socket"]))
        there = url.update_query_dict({"unix_socket": str(proxy.path)})
    proxy.open()
    try:
        yield there.render_as_string(hide_password=False), proxy
    finally:
        proxy.cut()
