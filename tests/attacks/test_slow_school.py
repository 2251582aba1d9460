"""A school that stalls for one person, or for all: nobody is locked out for another's slow answer."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.serve.host import OWN
from tests.fakes.host import ALL, FakeHost

BUDGET = 0.1
ANN, BOB = (r.RequestFacts({}, {"session": name}) for name in ("ann", "bob"))


class Moody(FakeHost):
    """A school that answers some people late: whose session is a key of ``stalls``, when its event is set."""

    def __init__(self) -> None:
        super().__init__()
        self.stalls: dict[str, threading.Event] = {}

    def host_current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        if stall := self.stalls.get(request.cookies.get("session", "")):
            stall.wait(20)
        return self.actor

    host_current_actor.__dict__.update(FakeHost.host_current_actor.__dict__)  # the mark of a hook


@pytest.fixture
def host() -> Moody:
    return Moody()


@pytest.fixture
def gateway(host: Moody) -> Gateway:
    return Gateway(host, web_budget=BUDGET)


@contextmanager
def hanging(host: Moody, *calls: tuple[str, Callable[[], Any]]) -> Iterator[None]:
    """Let each of these calls hang while the block lasts; they count as hanging when it begins."""
    release = threading.Event()
    threads = []
    with ExitStack() as ends:
        for name, call in calls:
            host.stalls[name] = release
            threads.append(threading.Thread(target=call))
            threads[-1].start()
            ends.callback(threads[-1].join)
        ends.callback(release.set)
        time.sleep(2 * BUDGET)
        yield


def asked(gateway: Gateway, name: str) -> tuple[str, Callable[[], Any]]:
    return name, lambda: gateway.current_actor(r.RequestFacts({}, {"session": name}))


def test_a_slow_answer_locks_nobody_out(gateway: Gateway, host: Moody) -> None:
    for _ in range(3):
        host.hang("host_layout", 2 * BUDGET)
        assert gateway.layout(r.Actor("ann", "Ann"), r.LayoutPage("People", "<p>people</p>"))
    for _ in range(2):
        with hanging(host, asked(gateway, "ann")):
            pass
        host.stalls.clear()
        assert gateway.current_actor(ANN) is not None
        assert gateway.current_actor(BOB) is not None


def test_the_stall_of_one_is_not_that_of_others(gateway: Gateway, host: Moody) -> None:
    with hanging(host, asked(gateway, "ann")):
        for _ in range(3):
            assert gateway.current_actor(BOB) is not None
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:  # she takes no second thread of the school's
            gateway.current_actor(ANN)
        assert caught.value.code == "host.slow"
        assert time.monotonic() - started < BUDGET
    host.stalls.clear()
    assert gateway.current_actor(ANN) is not None


def test_those_who_are_nobody_yet_are_not_one_person(gateway: Gateway, host: Moody) -> None:
    with hanging(host, ("", lambda: gateway.current_actor(r.RequestFacts({}, {})))):
        host.stalls.clear()
        assert gateway.current_actor(r.RequestFacts({}, {})) is not None


def test_where_several_hang_others_look_now_and_then_and_all_go_on_with_the_first_answer(
    gateway: Gateway, host: Moody
) -> None:
    names = ("ann", "bea", "cid")
    with hanging(host, *(asked(gateway, name) for name in names)):
        assert gateway.current_actor(BOB) is not None  # it goes for him: he was let through to look
        assert gateway.current_actor(BOB) is not None
        time.sleep(2 * BUDGET)
        host.stalls["bob"] = host.stalls["ann"]
        late = threading.Thread(target=asked(gateway, "bob")[1])
        late.start()
        time.sleep(BUDGET / 10)
        with pytest.raises(Unavailable):  # he looks for all
            gateway.current_actor(r.RequestFacts({}, {"session": "dan"}))
        host.stalls["ann"].set()
        late.join()
        assert gateway.current_actor(r.RequestFacts({}, {"session": "dan"})) is not None


def test_what_the_shell_answers_itself_has_no_limit_and_speaks_for_itself(host: Moody) -> None:
    own = Gateway(host, web_budget=BUDGET, own=OWN)
    with hanging(host, *(asked(own, name) for name in ("ann", "ann", "bea", "cid"))):
        assert own.current_actor(r.RequestFacts({}, {"session": "dan"})) is not None
        host.actor = r.Actor("ann", "Ann", ALL)
    host.fail("host_url", OperationalError("SELECT 1", None, Exception("gone")))
    with pytest.raises(OperationalError):
        own.url("login", "")
    assert own.url("person", "p1") is None  # the school's own
