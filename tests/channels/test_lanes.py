"""Lanes: as many as slowness makes worthwhile, results in order, and a slow one holds up no other."""

import threading
import time

import pytest

from crm_plugin.channels import lanes
from crm_plugin.channels.lanes import Lanes


class Connection:
    """Remembers what went over it, and that two threads never use it at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sent: list[int] = []

    def send(self, item: int, seconds: float = 0.0) -> int:
        """Send something over it."""
        assert self.lock.acquire(blocking=False), "used by two threads at once"
        try:
            time.sleep(seconds)
            self.sent.append(item)
            return item * 2
        finally:
            self.lock.release()


def test_results_come_in_the_order_of_the_items() -> None:
    found = Lanes(Connection, 10)
    for _ in range(3):
        assert found.run(range(40), lambda one, item: one.send(item, 0.02)) == [2 * n for n in range(40)]
    assert 5 <= len(found.lanes) <= 10, "a message of 20 ms"
    found.close()


def test_what_is_quick_goes_over_one() -> None:
    found = Lanes(Connection, 10)
    for _ in range(3):
        found.run(range(100), lambda one, item: one.send(item))
    assert len(found.lanes) == 1
    assert threading.active_count() < 50


def test_never_more_than_allowed() -> None:
    found = Lanes(Connection, 3)
    for _ in range(3):
        found.run(range(9), lambda one, item: one.send(item, 0.05))
    assert len(found.lanes) == 3
    found.close()


def test_a_slow_one_holds_up_no_other() -> None:
    found = Lanes(Connection, 4)
    found.run(range(4), lambda one, item: one.send(item, 0.03))
    began = time.monotonic()
    found.run(range(41), lambda one, item: one.send(item, 0.6 if item == 0 else 0.03))
    assert time.monotonic() - began < 1.3, "one after the other takes 1.8"
    found.close()


def test_a_carrier_that_wants_fewer_gets_fewer_and_later_more(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Lanes(Connection, 10)
    found.run(range(5), lambda one, item: one.send(item, 0.05))
    found.fewer()
    found.fewer()
    busy: set[int] = set()

    def noted(one: Connection, item: int) -> int:
        busy.add(id(one))
        return one.send(item, 0.05)

    found.run(range(30), noted)
    assert len(busy) == 8
    monkeypatch.setattr(lanes, "RECOVER", 0.0)
    busy.clear()
    found.run(range(30), noted)
    assert len(busy) > 8
    found.close()


def test_what_a_crowded_carrier_allows_no_more_is_given_back() -> None:
    """Idle connections counted at the server, which turned away those that were in use."""
    given_back: list[int] = []
    found = Lanes(Connection, 10, lambda lane: given_back.append(id(lane)))
    found.run(range(5), lambda one, item: one.send(item, 0.05))
    found.run(range(30), lambda one, item: one.send(item, 0.05))
    assert given_back == []
    for _ in range(7):
        found.fewer()
    found.run(range(6), lambda one, item: one.send(item, 0.05))
    assert given_back == [id(lane) for lane in found.lanes[3:]]
    found.close()


def test_an_error_of_one_is_raised_after_all_have_ended() -> None:
    found = Lanes(Connection, 4)
    found.run(range(4), lambda one, item: one.send(item, 0.03))

    def work(one: Connection, item: int) -> int:
        if item == 3:
            raise RuntimeError("a fault of ours")
        return one.send(item, 0.01)

    with pytest.raises(RuntimeError, match="a fault"):
        found.run(range(12), work)
    found.close()
