"""A worker of RQ under our supervisor, which says when it cannot work with this Redis."""

import logging
import os
from collections.abc import Sequence
from typing import Any

import redis
from rq import Worker as RqWorker

from crm_plugin.kernel.process import request_stop
from crm_plugin.kernel.queue.queue import Queue

# Short times, so that the job of a killed worker is taken up within about a minute.
_RQ_TIMES: Any = {"worker_ttl": 30, "job_monitoring_interval": 5, "maintenance_interval": 30}

UNUSABLE = 75
"""Exit code of a worker that could not go on with this Redis (EX_TEMPFAIL)."""


class _Worker(RqWorker):
    """An RQ worker that ends its job early when the supervisor above it is gone."""

    supervisor = 0

    def request_stop(self, signum: Any, frame: Any) -> None:
        """Stop after the job; after the message, when nobody is left to look after the job."""
        if os.getppid() != self.supervisor:
            request_stop()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ 2 has no types


class _OneLine(logging.Filter):
    """Puts one warning in the place of what RQ writes, at each failure, about a Redis that takes nothing."""

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._queue = queue

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        said = record.args if isinstance(record.args, tuple) else ()
        for one in (error, *said):
            if isinstance(one, redis.RedisError):
                self._queue.warn(one)
                return False
        return True


def work(queue: Queue, supervisor: int, names: Sequence[str]) -> int:
    """Work for these queues, the first one first, until asked to stop; return the exit code."""
    queue.forget_connections()
    logging.getLogger("rq.worker").addFilter(_OneLine(queue))
    try:
        worker = _Worker(list(names), connection=queue.blocking(), serializer="json", **_RQ_TIMES)
        worker.supervisor = supervisor
        worker.work(logging_level="WARNING")
    except redis.RedisError as error:
        queue.warn(error)
        return UNUSABLE
    return 0 if worker._stop_requested else UNUSABLE
