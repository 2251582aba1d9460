"""What keeps Redis from taking wake-ups, in words that say what to do."""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import redis
from redis import exceptions as r

from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.network.tls_faults import certificate_fault, is_plain


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason for which Redis takes nothing."""

    kind: str
    """The same for all faults of one cause; the log has one warning of each."""
    words: Text


_FULL = Text("its memory is full: raise maxmemory, or remove what other programs keep there")
_DISK = Text("it cannot write to its disk: make room there")
_READ_ONLY = Text("it is a read-only replica: redis_url must name the primary")
_ALONE = Text("it misses its replicas: see min-replicas-to-write")
_LOADING = Text("it is still reading its data: wait")
_PASSWORD = Text("it does not accept the user and password of redis_url, or wants some")
_FORBIDDEN = Text("the user of redis_url may not do all that is needed: see Redis in docs/install.md")
_NO_REDIS = Text("what answers there is no Redis")

_BY_CLASS: tuple[tuple[type[Exception], str, Text], ...] = (
    (r.OutOfMemoryError, "full", _FULL),
    (r.ReadOnlyError, "read_only", _READ_ONLY),
    (r.BusyLoadingError, "loading", _LOADING),
    (r.NoPermissionError, "forbidden", _FORBIDDEN),
    (r.AuthenticationError, "password", _PASSWORD),
    (r.AuthenticationWrongNumberOfArgsError, "password", _PASSWORD),
    (r.InvalidResponse, "no_redis", _NO_REDIS),
)
_BY_CODE = (
    ("OOM", "full", _FULL),
    ("MISCONF", "disk", _DISK),
    ("READONLY", "read_only", _READ_ONLY),
    ("MASTERDOWN|Link with MASTER is down", "read_only", _READ_ONLY),
    ("NOREPLICAS", "alone", _ALONE),
    ("NOPERM", "forbidden", _FORBIDDEN),
    ("ACL failure", "forbidden", _FORBIDDEN),
    ("NOAUTH", "password", _PASSWORD),
    ("LOADING", "loading", _LOADING),
)
"""Codes that stand in the text, where the client has no class of its own, or a script met them."""


def fault_of(error: Exception) -> Fault:
    """Return what an error of the Redis client says about Redis."""
    for one in _chain(error):
        if isinstance(one, ssl.SSLError):
            return Fault("tls", _tls(one))
    for kind, name, words in _BY_CLASS:
        if isinstance(error, kind):
            return Fault(name, words)
    said = str(error)
    for code, name, words in _BY_CODE:
        if re.search(rf"\b{code}\b", said):
            return Fault(name, words)
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return Fault("away", Text("it does not answer"))
    # Behind the first sign it quotes what was sent to it.
    return Fault("other", Text("it says: {said}", said=re.split(r"[:'\"`(\n]", said)[0].strip()[:60]))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _tls(error: ssl.SSLError) -> Text:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = certificate_fault(error, "the one that redis_url says")
    elif is_plain(error):
        said = "it speaks no TLS on this port: write redis://"
    else:
        said = error.reason or str(error)
    return Text("no safe connection: {said}", said=said)
