"""Connections of requests whose socket is known while a call is on, so that it can be cut at its deadline."""

import threading
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_NOW = threading.local()


@dataclass(slots=True)
class Line:
    """The socket of the call that a thread makes; None until it is connected."""

    sock: Any = None


def begin() -> Line:
    """Begin a call of this thread; return its line."""
    line = _NOW.line = Line()
    return line


def session() -> requests.Session:
    """Return a session whose calls note their sockets."""
    made = requests.Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Adapter())
    return made


def _note(sock: Any) -> None:
    line = getattr(_NOW, "line", None)
    if line is not None:
        line.sock = sock


class _Plain(HTTPConnection):
    def getresponse(self) -> Any:
        _note(self.sock)
        return super().getresponse()


class _Safe(HTTPSConnection):
    def getresponse(self) -> Any:
        _note(self.sock)
        return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _Safe


_POOLS = {"http": _PlainPool, "https": _SafePool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
