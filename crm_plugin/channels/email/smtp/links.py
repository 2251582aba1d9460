"""Connections of smtplib whose socket is known while they are still being made, under one deadline."""

import smtplib
import socket
import time
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Line:
    """The socket of a connection that is being made.

    :param deadline: monotonic time until which it has to be there, with all addresses of the server tried.
    """

    deadline: float = 0.0
    sock: socket.socket | None = None

    def connect(self, host: str, port: int) -> socket.socket:
        """Connect to the first address of a server that answers; each has its share of the time.

        :raises OSError: as it comes from the last one.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for left, (*_, place) in zip(range(len(found), 0, -1), found, strict=True):
            seconds = max(0.1, self.deadline - time.monotonic())
            try:
                self.sock = socket.create_connection((str(place[0]), int(place[1])), seconds / left)
            except OSError:
                if left == 1:
                    raise
                continue
            self.sock.settimeout(seconds)
            return self.sock
        raise OSError(f"{host} has no address")


class _WholeLines:
    """The lines of a server: one that was cut off is none, though it may begin like a good answer."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readline(self, most: int) -> bytes:
        """Return the next line.

        :raises smtplib.SMTPServerDisconnected: when the connection ends within it.
        """
        line: bytes = self._file.readline(most)
        if line and not line.endswith(b"\n") and len(line) < most:
            raise smtplib.SMTPServerDisconnected("the answer was cut off")
        return line

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class PlainLink(smtplib.SMTP):
    """A connection that begins without TLS."""

    file: Any

    def __init__(self, line: Line, *args: Any, **options: Any) -> None:
        self._line = line
        super().__init__(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        """Return an answer, as far as it came whole."""
        if self.file is None and self.sock is not None:
            self.file = _WholeLines(self.sock.makefile("rb"))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._line.connect(host, port)


class SafeLink(PlainLink, smtplib.SMTP_SSL):
    """A connection under TLS from the first byte."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        line = self._line
        line.sock = self.context.wrap_socket(line.connect(host, port), server_hostname=host)
        return line.sock
