"""A Valkey of a test's own, which the test may fill, make a replica, or lock."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.servers import valkey


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    client: redis.Redis
    """Signed in as its administrator, whatever happens to others."""
    folder: Path
    """Of its data."""

    def command(self, *words: str) -> Any:
        """Run a command that the client has no name for."""
        client: Any = self.client
        return client.execute_command(*words)

    def fill(self) -> None:
        """Let it take nothing more, as ``noeviction`` does with a full memory."""
        self.client.config_set("maxmemory-policy", "noeviction")
        self.client.config_set("maxmemory", "1")

    def make_room(self) -> None:
        """Let it take everything again."""
        self.client.config_set("maxmemory", "0")


@contextmanager
def own_server(*options: str) -> Iterator[Server]:
    """Start a server with some options, and end it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="crm-redis-"))
    folder.chmod(0o711)  # the server's own account must be able to pass through
    process, url = valkey.start(folder, *options)
    try:
        with redis.Redis.from_url(url) as client:
            _wait(client)
            yield Server(url, client, folder / "data")
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(client: redis.Redis) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            client.ping()
            return
        except redis.RedisError:
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.02)
