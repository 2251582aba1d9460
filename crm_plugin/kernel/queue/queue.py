"""Wake-ups for workers, by RQ; the database is the truth, so a lost or doubled wake-up is harmless."""

import importlib
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
from rq import Queue as RqQueue
from rq.exceptions import DuplicateJobError

from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.process import forget_after_fork
from crm_plugin.kernel.queue.queue_faults import Fault, fault_of
from crm_plugin.kernel.rare_warnings import RareWarnings

log = logging.getLogger(__name__)

NAME = "crm"
"""Name of the RQ queue."""
SENDS = "crm-sends"
"""Name of the queue of campaigns: what stands there holds up nothing else."""
JOB_SECONDS = 180
"""A job drains for at most 20 s; RQ may kill it after this long."""
LONG_SECONDS = 4 * 3600
"""For the jobs whose one statement takes as long as the data are large, such as a freeze."""
TICK_SECONDS = 3600
"""For a periodic job: counts and daily work of a large school take minutes."""
_TRIED = "crm:tried:"
"""Begin of the keys that are written to see whether anything can be."""
_TRIED_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Memory:
    """What a Redis says of its memory, in bytes."""

    used: int
    limit: int
    """0: none."""
    policy: str
    """What it does when it is full, such as ``noeviction``."""

    @property
    def evicts(self) -> bool:
        """Return whether it throws keys away when it is full."""
        return self.limit > 0 and self.policy not in ("", "noeviction")


class Queue:
    """A queue of jobs, each a dotted path of a function that takes ids and returns nothing.

    :param url: of Redis or Valkey; empty = there is none, and nothing is ever woken.
    :param remembered: folder in which processes note what they have warned of; None: each for itself.
    :raises BadInput: ``settings.bad_value`` when it is no such address.
    """

    def __init__(self, url: str = "", remembered: Path | None = None) -> None:
        self.url = url
        self.redis = _client(url) if url else None
        self.rests = False
        """This process puts nothing into it: workers could not work with it."""
        self._warnings = RareWarnings(log, remembered)
        forget_after_fork(self, "forget_connections")

    def wake(self, job: str, *ids: int | str, seconds: int = JOB_SECONDS, sends: bool = False) -> bool:
        """Ask a worker to run ``job(*ids)`` soon; return False when no queue could be reached.

        Never raises: the caller has committed already, and the ticker finds what is due anyway.

        :param seconds: after which RQ may kill the job.
        :param sends: it freezes or sends a campaign.
        """
        return self._put(SENDS if sends else NAME, job, *ids, timeout=seconds)

    def tick(self, job: str, every: int) -> bool:
        """Ask for a periodic job once in ``every`` seconds, however many tickers there are.

        A tick that no worker took in time expires, so that ticks never pile up.
        """
        bucket = int(time.time()) // every
        name = f"{job.replace('.', '_')}-{bucket}"
        return self._put(NAME, job, job_id=name, unique=True, ttl=max(every, 5), timeout=TICK_SECONDS)

    def _put(self, queue: str, job: str, *ids: int | str, **options: Any) -> bool:
        if self.redis is None or self.rests:
            return False
        try:
            rq = RqQueue(queue, connection=self.redis, serializer="json")
            rq.enqueue_call(job, args=ids, result_ttl=0, failure_ttl=3600, **options)
        except DuplicateJobError:
            return True
        except redis.RedisError as error:
            self.warn(error)
            return False
        return True

    def warn(self, error: Exception) -> None:
        """Write into the log what keeps Redis from taking anything: each kind once an hour."""
        fault = fault_of(error)
        self._warnings.warn(f"queue {fault.kind}", f"workers do without Redis: {fault.words}")

    def trouble(self) -> Fault | None:
        """Return why the queue takes nothing now; None when a key could be written, read and removed.

        Asking only whether it answers is not enough: a full one does, and so does a read-only replica.
        """
        if self.redis is None:
            return None
        key, value = f"{_TRIED}{uuid4().hex}", b"1"
        try:
            self.redis.set(key, value, ex=_TRIED_SECONDS)
            kept = self.redis.get(key)
            self.redis.delete(key)
        except redis.RedisError as error:
            return fault_of(error)
        return None if kept == value else fault_of(redis.ResponseError("a key that was written is not there"))

    def is_up(self) -> bool:
        """Return whether there is a queue that takes wake-ups now."""
        return self.redis is not None and self.trouble() is None

    def memory(self) -> Memory | None:
        """Return what Redis says of its memory; None when it does not, or may not, say."""
        if self.redis is None:
            return None
        try:
            # Services in the cloud forbid CONFIG GET; this they answer.
            said: Any = self.redis.info("memory")
            limit, policy = int(said.get("maxmemory", 0)), str(said.get("maxmemory_policy", ""))
            return Memory(int(said.get("used_memory", 0)), limit, policy)
        except redis.RedisError:
            return None

    def length(self) -> int | None:
        """Return how many wake-ups wait, or None when the queue does not answer."""
        if self.redis is None:
            return None
        try:
            return sum(
                RqQueue(name, connection=self.redis, serializer="json").count for name in (NAME, SENDS)
            )
        except redis.RedisError:
            return None

    def blocking(self) -> "redis.Redis":
        """Return a connection without a time-out, as a worker that waits for jobs needs."""
        return redis.Redis.from_url(self.url, **_checks(self.url))

    def close(self) -> None:
        """Close the connections."""
        if self.redis is not None:
            self.redis.close()

    def forget_connections(self) -> None:
        """Drop the connections inherited by a fork without closing the parent's."""
        self.rests = False
        if self.url:
            self.redis = _client(self.url)


def _client(url: str) -> "redis.Redis":
    try:
        return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2, **_checks(url))
    except ValueError:
        # The address itself may hold a password: it is not repeated.
        expected = "an address that begins with redis://, rediss:// or unix://"
        raise BadInput("settings.bad_value", name="redis_url", value="…", expected=expected) from None


def _checks(url: str) -> dict[str, Any]:
    """Return what else a client takes: certificates must have the right name, as redis-py 6 wants."""
    chosen = re.search(r"[?&]ssl_(cert_reqs|check_hostname)=", url)
    return {"ssl_check_hostname": True} if url.startswith("rediss:") and not chosen else {}


def resolve(job: str) -> Callable[..., Any]:
    """Return the function that a job's dotted path names."""
    module, _, name = job.rpartition(".")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
