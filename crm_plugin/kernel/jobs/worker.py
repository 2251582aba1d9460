"""The worker: a supervisor with the processes that work under it, each started again when it dies.

One does the upkeep (:mod:`crm_plugin.kernel.jobs.upkeep`), the others are RQ workers: some that send first,
and one that never sends, so that an export does not stand behind a campaign. Our own command instead of
``rq worker``: with RQ's defaults a dead worker is noticed after 7 to 17 minutes. A tick is a wake-up that
expires when nobody takes it in time, so that ticks never pile up; without a queue the supervisor does the
same work itself. So it does with a queue that takes wake-ups and whose workers cannot live with it: one that
is nearly full, or whose user may not do all that RQ does.
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial

from crm_plugin.kernel.jobs import upkeep
from crm_plugin.kernel.jobs.upkeep import Periodic
from crm_plugin.kernel.process import fork, request_stop, stopping
from crm_plugin.kernel.queue import queue_worker
from crm_plugin.kernel.queue.queue import NAME, SENDS, Queue

log = logging.getLogger(__name__)

_BEAT = 0.5
_GRACE = 10
_KEEP = 5.0
"""Seconds between two attempts to start the queue again."""
_REST = 10.0
"""Seconds in which no RQ worker is started after one that could not work with the queue."""
_TRIAL = 3.0
"""Seconds that RQ workers must live after such a rest before work is left to them again."""


def burst(rounds: Sequence[Callable[[], bool]]) -> None:
    """Do all that is due, round after round, until no capability has anything left to do.

    One that fails is left out from then on; its error is raised when the others are done.
    """
    left, errors = list(rounds), list[Exception]()
    going_on = True
    while not stopping() and going_on:
        going_on = False
        for round_ in tuple(left):
            try:
                going_on = round_() or going_on
            except Exception as error:
                log.warning("a round of work failed", exc_info=True)
                left.remove(round_)
                errors.append(error)
    if errors:
        raise errors[0]


class Supervisor:
    """Runs until SIGTERM or SIGINT; children that die are started again.

    :param queue: where ticks go; one that is not up makes the supervisor work inline.
    :param periodic: what is due how often.
    :param processes: how many RQ workers that send to run under it; one that does the rest comes besides.
    :param keep_queue: starts a queue of our own again when it has died; called while it does not answer.
    :param kept_up: what a process of its own does how often, without the queue.
    """

    def __init__(
        self,
        queue: Queue,
        periodic: Sequence[Periodic],
        processes: int = 1,
        keep_queue: Callable[[], None] | None = None,
        kept_up: Sequence[Periodic] = (),
    ) -> None:
        self._queue = queue
        self._due = {job: 0.0 for job, _ in periodic}
        self._every = dict(periodic)
        self._wanted = processes if queue.redis is not None else 0
        self._children: set[int] = set()
        self._other: int | None = None
        self._kept_up = kept_up
        self._upkeep: int | None = None
        self._keep_queue = keep_queue
        self._kept_at = 0.0
        self._rests_until = float("-inf")

    def run(self) -> None:
        """Tick and look after the children until a signal ends it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: request_stop())
        while not stopping():
            self._look_after_queue(time.monotonic())
            self._look_after_children(time.monotonic())
            self._tick(time.monotonic())
            time.sleep(_BEAT)
        self._end_children()

    def _tick(self, now: float) -> None:
        for job, due in self._due.items():
            if now >= due and not stopping():
                self._due[job] = now + self._every[job]
                if not self._queue.tick(job, self._every[job]):
                    upkeep.do(job)

    def _look_after_queue(self, now: float) -> None:
        if self._keep_queue is None or now < self._kept_at + _KEEP or self._queue.is_up():
            return
        self._kept_at = now
        try:
            self._keep_queue()
        except (OSError, TimeoutError) as error:
            log.warning("the queue does not start again: %s", error.strerror or error)

    def _look_after_children(self, now: float) -> None:
        self._look_only(now)
        if self._kept_up and self._upkeep not in self._children:
            self._upkeep = fork(lambda: upkeep.run(self._kept_up))
            self._children.add(self._upkeep)
        self._queue.rests = now < self._rests_until + _TRIAL
        if now >= self._rests_until and self._is_short() and self._queue.is_up():
            self._start_workers()

    def _is_short(self) -> bool:
        """Return whether RQ workers are missing."""
        return bool(self._wanted) and len(self._children - {self._upkeep}) < self._wanted + 1

    def _start_workers(self) -> None:
        if self._other not in self._children:
            self._other = self._start(NAME)
        while self._is_short():
            self._start(SENDS, NAME)

    def _start(self, *names: str) -> int:
        """Start an RQ worker for these queues, the first one first."""
        child = fork(partial(queue_worker.work, self._queue, os.getpid(), names))
        self._children.add(child)
        return child

    def _end_children(self) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        until = time.monotonic() + _GRACE
        while self._children and time.monotonic() < until:
            self._look_only(time.monotonic())
            time.sleep(0.05)
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def _look_only(self, now: float) -> None:
        for child in list(self._children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended:
                continue
            self._children.discard(child)
            if os.waitstatus_to_exitcode(status) == queue_worker.UNUSABLE:
                self._rests_until = now + _REST
