"""A carrier with books of its own: an append-only file that survives the death of whoever calls."""

import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from crm_plugin.channels.base import Message, Receipt, Status, not_called


class BookCarrier:
    """Takes messages into a file, one line each, written before it answers.

    :param books: the file; several processes append to it.
    :param answer: decides about a message; by default everything is accepted.
    :param delay: seconds that a call takes, half before and half after the taking.
    """

    name = "books"
    idempotent = False
    call_seconds = 1.0

    def __init__(
        self,
        books: Path,
        *,
        in_flight: int = 20,
        batch: int = 20,
        delay: float = 0.0,
        answer: Callable[[Message], Receipt] | None = None,
    ) -> None:
        self.books = books
        self.in_flight = in_flight
        self.batch = batch
        self.delay = delay
        self.answer = answer or (lambda message: receipt(message))
        self.calls = 0

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Take the messages in calls of ``batch``."""
        receipts: list[Receipt] = []
        for start in range(0, len(messages), self.batch):
            if not may_call():
                return receipts + not_called(messages[start:])
            receipts += self._call(messages[start : start + self.batch])
        return receipts

    def _call(self, messages: Sequence[Message]) -> list[Receipt]:
        self.calls += 1
        time.sleep(self.delay * random.random())
        answers = [self.answer(message) for message in messages]
        taken = [
            message
            for message, answer in zip(messages, answers, strict=True)
            if answer.status in ("accepted", "unknown")
        ]
        self._write(taken)
        time.sleep(self.delay * random.random())
        return answers

    def _write(self, messages: Sequence[Message]) -> None:
        lines = "".join(f"{message.key} {message.address}\n" for message in messages)
        # One O_APPEND write: lines of several processes never mix, and a SIGKILL cannot take it back.
        handle = os.open(self.books, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, lines.encode())
        finally:
            os.close(handle)

    def close(self) -> None:
        """Nothing is kept open."""


def receipt(message: Message, status: Status = "accepted", **more: object) -> Receipt:
    """Make an answer for a message; an accepted one has the reference ``ref-<key>``."""
    ref = f"ref-{message.key}" if status == "accepted" else None
    return Receipt(message.key, status, ref=ref, **more)  # type: ignore[arg-type]


def taken(books: Path) -> list[str]:
    """Return the addresses that the carrier took, in order, doubles included."""
    if not books.exists():
        return []
    return [line.split(" ", 1)[1] for line in books.read_text().splitlines()]
