"""Wake-ups for workers, by RQ; the database is the truth, so a lost or doubled wake-up is harmless."""

import importlib
import logging
from collections.abc import Callable
from typing import Any

import redis
from rq import Queue as RqQueue

log = logging.getLogger(__name__)

NAME = "crm"
"""Name of the RQ queue."""
JOB_SECONDS = 180
"""A job drains for at most 20 s; RQ may kill it after this long."""


class Queue:
    """A queue of jobs, each a dotted path of a function that takes ids and returns nothing.

    :param url: of Redis or Valkey; empty = there is none, and :meth:`wake` does nothing.
    """

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.redis = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2) if url else None

    def wake(self, job: str, *ids: int | str) -> bool:
        """Ask a worker to run ``job(*ids)`` soon; return False when no queue could be reached.

        Never raises: whoever wakes has committed already, and the ticker finds what is due anyway.
        """
        if self.redis is None:
            return False
        try:
            rq = RqQueue(NAME, connection=self.redis, serializer="json")
            rq.enqueue(job, *ids, job_timeout=JOB_SECONDS, result_ttl=0, failure_ttl=3600)
        except redis.RedisError as error:
            log.warning("the queue does not answer: %s", error)
            return False
        return True

    def is_up(self) -> bool:
        """Tell whether the queue answers now."""
        try:
            return self.redis is not None and bool(self.redis.ping())
        except redis.RedisError:
            return False


def resolve(job: str) -> Callable[..., Any]:
    """Return the function that a job's dotted path names."""
    module, _, name = job.rpartition(".")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
