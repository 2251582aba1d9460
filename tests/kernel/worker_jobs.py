"""Jobs of the worker's tests: each writes a line into the book named by TEST_BOOK."""

import os
import time

from crm_plugin.kernel.process import stopping


def tick() -> None:
    """Write down who ran, then fail: a failing job must not stop the next one."""
    _write("tick")
    raise RuntimeError("this job fails on purpose")


def beat() -> None:
    """Write down who ran."""
    _write("beat")


def woken(number: int) -> None:
    """Write down that the wake-up came with its id."""
    assert number == 17
    _write("woken")


def drain() -> None:
    """Work as a drain does: until the word to stop comes."""
    _write("draining")
    until = time.monotonic() + 30
    while not stopping():
        assert time.monotonic() < until
        time.sleep(0.02)
    _write("stopped")


def hang() -> None:
    """Take longer than anybody waits."""
    until = time.monotonic() + 60
    while not stopping() and time.monotonic() < until:
        time.sleep(0.05)


def _write(word: str) -> None:
    with open(os.environ["TEST_BOOK"], "a", encoding="ascii") as book:
        book.write(f"{word} {os.getpid()}\n")
