"""Jobs of the worker's tests: each writes a line into the book named by TEST_BOOK."""

import os


def tick() -> None:
    """Write down who ran, then fail: a failing job must not stop the next one."""
    _write("tick")
    raise RuntimeError("this job fails on purpose")


def woken(number: int) -> None:
    """Write down that the wake-up came with its id."""
    assert number == 17
    _write("woken")


def _write(word: str) -> None:
    with open(os.environ["TEST_BOOK"], "a", encoding="ascii") as book:
        book.write(f"{word} {os.getpid()}\n")
