"""The gateway: whatever a host does, the CRM gets checked rows or one clear failure."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from crm_plugin.host.hookspecs import hookimpl
from crm_plugin.host.registration import registered
from crm_plugin.kernel.errors import Unavailable
from tests.fakes.clock import FixedClock
from tests.fakes.host import FakeHost, host_info

FACTS = r.RequestFacts({}, {})
AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
def host() -> FakeHost:
    return FakeHost(*(r.Person(f"p{n}") for n in range(5)), r.Course("c1", "Python"))


@pytest.fixture
def gateway(host: FakeHost, clock: FixedClock) -> Gateway:
    return Gateway(host, clock=clock, budget=0.3, web_budget=0.2)


def _code(work: Callable[[], Any]) -> str:
    with pytest.raises(Unavailable) as caught:
        work()
    return caught.value.code


def _misspelt() -> object:
    class Misspelt(FakeHost):
        @hookimpl
        def host_scann(self) -> None: ...

    return Misspelt()


def _greedy() -> object:
    class Greedy(FakeHost):
        @hookimpl
        def host_estimate(self, stream: str, colour: str) -> int:  # type: ignore[override]
            return 1

    return Greedy()


def test_exactly_one_provider_that_answers_what_is_required() -> None:
    assert registered(FakeHost()).hook.host_info().host_name == "fake"
    assert _code(registered) == "host.none"
    assert _code(lambda: registered(FakeHost(), FakeHost())) == "host.several"
    for wrong in (object(), _misspelt(), _greedy()):
        assert _code(lambda plugin=wrong: registered(plugin)) == "host.not_a_host"  # type: ignore[misc]


def test_without_a_host_every_call_says_so() -> None:
    nobody = Gateway(None)
    assert _code(lambda: nobody.info) == "host.none"
    assert _code(lambda: nobody.current_actor(FACTS)) == "host.none"
    assert nobody.url("person", "1") is None
    assert nobody.send_message(r.MessageRequest("k", "1", "hi")).status == "unavailable"


def test_facts_are_asked_once_and_kept(gateway: Gateway, host: FakeHost) -> None:
    assert gateway.knows("persons", "phone")
    assert not gateway.knows("persons", "shoe_size")
    assert not gateway.knows("planets", "id")
    assert gateway.can("message")
    assert not gateway.can("message.idempotent")
    assert host.called("host_info") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"timezone": "Mars/Olympus"},
        {"currency": "yuan"},
        {"region": "China"},
        {"contract": "2.0"},
        {"streams": ("persons", "courses")},
        {"streams": (*r.STREAMS, "planets")},
        {"streams": "persons"},
        {"fields": {"persons": ("shoe_size",)}},
        {"fields": {"planets": ("id",)}},
        {"capabilities": ("telepathy",)},
        {"site_id": ""},
        {"base_url": None},
    ],
)
def test_inconsistent_facts_are_garbage(wrong: dict[str, Any]) -> None:
    assert _code(lambda: Gateway(FakeHost(info=host_info(**wrong))).info) == "host.garbage"


def test_a_host_that_becomes_another_school_is_refused(gateway: Gateway, host: FakeHost) -> None:
    assert gateway.info.site_id == "fake-1"
    host.info = host_info(site_id="other")
    assert _code(gateway.refresh_info) == "host.garbage"
    assert gateway.info.site_id == "fake-1"


def test_scan_pages_and_bad_rows_apart(gateway: Gateway, host: FakeHost) -> None:
    host.put(r.Person("p1", status="bored"), r.Person("p2", registered_at=datetime(2026, 1, 1)))
    first = gateway.scan("persons", None, 3)
    assert [row.id for row in first.rows] == ["p0"]
    assert [(bad.id, bad.reason.split(":")[0]) for bad in first.bad] == [
        ("p1", "status"),
        ("p2", "registered_at"),
    ]
    last = gateway.scan("persons", first.next, 3)
    assert [row.id for row in last.rows] == ["p3", "p4"]
    assert last.next is None


@pytest.mark.parametrize(
    "value",
    [
        "garbage",
        r.ScanPage((), None),  # type: ignore[arg-type]
        r.ScanPage([r.Course("c", "C")], None),
        r.ScanPage([{"id": "p1"}], None),
        r.ScanPage([r.Person(str(n)) for n in range(11)], None),
        r.ScanPage([], 7),  # type: ignore[arg-type]
        r.ScanPage([], ""),
        r.ScanPage([], "p1"),
    ],
)
def test_a_page_that_is_no_page_is_garbage(gateway: Gateway, host: FakeHost, value: Any) -> None:
    host.garbage("host_scan", value)
    assert _code(lambda: gateway.scan("persons", "p1", 10)) == "host.garbage"


def test_pages_that_come_round_are_garbage(gateway: Gateway, host: FakeHost) -> None:
    def page(next: str) -> None:
        host.garbage("host_scan", r.ScanPage([], next))

    page("b")
    gateway.scan("persons", None, 1)
    page("c")
    gateway.scan("persons", "b", 1)
    gateway.scan("persons", "b", 1)
    page("b")
    assert _code(lambda: gateway.scan("persons", "c", 1)) == "host.garbage"


def test_a_scan_may_resume_anywhere(gateway: Gateway) -> None:
    for after in (None, "p0", "p1", "p0", "p1", "p2", None, "p0", "p2", "p1"):
        gateway.scan("persons", after, 1)


def test_fetch_believes_only_what_was_asked(gateway: Gateway, host: FakeHost) -> None:
    fetched = gateway.fetch("persons", ["p1", "gone"])
    assert [row.id for row in fetched.rows] == ["p1"]
    assert fetched.missing == ["gone"]
    host.garbage("host_fetch", r.FetchPage([r.Person("p1"), r.Person("p3")], ["p1", "p4"]))
    fetched = gateway.fetch("persons", ["p1", "p2"])
    assert [row.id for row in fetched.rows] == ["p1"]
    assert fetched.missing == []


def test_changes_keep_the_last_of_each_row(gateway: Gateway, host: FakeHost) -> None:
    mark = gateway.mark("persons")
    assert mark is not None
    host.put(r.Person("p1", display_name="old"))
    host.remove("persons", "p2")
    host.put(r.Person("p1", display_name="new"), r.Person("p3", status="?"))
    page = gateway.changes("persons", mark, 100)
    assert [c.id for c in page.changes if isinstance(c, r.Delete)] == ["p2"]
    assert {c.row.display_name for c in page.changes if isinstance(c, r.Upsert)} == {"new"}
    assert [bad.id for bad in page.bad] == ["p3"]
    assert not page.more


def test_an_expired_mark_is_an_answer_not_a_failure(gateway: Gateway, host: FakeHost) -> None:
    host.forget_changes("persons")
    with pytest.raises(r.MarkExpired):
        gateway.changes("persons", "0", 10)
    assert not gateway.changes("persons", "1", 10).changes


@pytest.mark.parametrize(
    "value",
    [
        r.ChangePage([], None),  # type: ignore[arg-type]
        r.ChangePage([], "0", True),
        r.ChangePage([r.Person("p1")], "1"),  # type: ignore[list-item]
        r.ChangePage([r.Delete(7)], "1"),  # type: ignore[arg-type]
        r.ChangePage([r.Upsert(r.Course("c", "C"))], "1"),
        [],
    ],
)
def test_changes_that_are_none_are_garbage(gateway: Gateway, host: FakeHost, value: Any) -> None:
    host.garbage("host_changes", value)
    assert _code(lambda: gateway.changes("persons", "0", 10)) == "host.garbage"


def test_failures_are_spaced_out_and_forgotten(gateway: Gateway, host: FakeHost, clock: FixedClock) -> None:
    host.fail("host_scan")
    for pause in (5, 10, 20):
        assert _code(lambda: gateway.scan("persons", None, 1)) == "host.failed"
        clock.move(seconds=pause - 1)
        assert _code(lambda: gateway.scan("persons", None, 1)) == "host.backing_off"
        clock.move(seconds=1)
    assert host.called("host_scan") == 3
    assert gateway.estimate("persons") == 5
    assert not gateway.check()[-1][1]
    host.heal()
    assert gateway.scan("persons", None, 1).rows
    assert gateway.check() == [("books", True, "in memory"), ("gateway", True, "every hook answers")]


def test_a_failing_stream_leaves_the_others_alone(gateway: Gateway, host: FakeHost) -> None:
    host.put(r.Course("c2", "Broken"))
    host.garbage("host_scan", r.ScanPage([r.Course("c", "C")], None))
    assert _code(lambda: gateway.scan("persons", None, 1)) == "host.garbage"
    assert gateway.scan("courses", None, 1).rows


def test_the_pause_never_exceeds_ten_minutes(gateway: Gateway, host: FakeHost, clock: FixedClock) -> None:
    host.fail("host_estimate")
    for _ in range(12):
        assert _code(lambda: gateway.estimate("persons")) == "host.failed"
        clock.move(seconds=600)


def test_a_hanging_call_is_cut_and_its_threads_are_few(
    gateway: Gateway, host: FakeHost, clock: FixedClock
) -> None:
    host.hang("host_scan", 20)
    before = threading.active_count()
    for _ in range(6):
        started = time.monotonic()
        assert _code(lambda: gateway.scan("persons", None, 1)) == "host.slow"
        assert time.monotonic() - started < 2
        clock.move(minutes=10)
    assert threading.active_count() - before <= 3
    host.heal()
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.02)
    clock.move(minutes=10)
    assert gateway.scan("persons", None, 1).rows


def test_even_a_host_that_ends_the_program_only_fails(gateway: Gateway, host: FakeHost) -> None:
    host.fail("host_scan", SystemExit(3))  # type: ignore[arg-type]
    assert _code(lambda: gateway.scan("persons", None, 1)) == "host.failed"


def test_messages_have_three_outcomes_and_not_called(
    gateway: Gateway, host: FakeHost, clock: FixedClock
) -> None:
    def send(person: str) -> str:
        return gateway.send_message(r.MessageRequest("k", person, "hello")).status

    assert send("p1") == "accepted"
    assert send("nobody") == "rejected"
    host.fail("host_send_message")
    assert send("p1") == "unknown"
    assert send("p1") == "unavailable"
    host.garbage("host_send_message", "sure")
    clock.move(minutes=1)
    assert send("p1") == "unknown"
    assert len(host.messages) == 1


def test_consents_and_pins_go_only_to_a_host_that_takes_them(gateway: Gateway, host: FakeHost) -> None:
    assert gateway.push_consent("p1", "sms", "denied", AT, "STOP")
    assert gateway.publish_pins("admin", [r.Pin("Dormant", 3, "/x", AT)])
    assert host.pushed == [("p1", "sms", "denied", AT, "STOP")]
    assert host.pins["admin"][0].count == 3
    simple = Gateway(FakeHost(info=host_info(capabilities=())))
    assert not simple.push_consent("p1", "sms", "denied", AT, "STOP")
    assert not simple.publish_pins("admin", [])
    assert simple.mark("persons") is None


def test_who_is_at_the_screen(gateway: Gateway, host: FakeHost) -> None:
    host.actor = r.Actor("a", "A", frozenset({"crm.view", "crm.fly"}), scope=frozenset())
    actor = gateway.current_actor(FACTS)
    assert actor is not None
    assert actor.permissions == {"crm.view"}
    assert actor.scope == frozenset()
    host.actor = None
    assert gateway.current_actor(FACTS) is None


def test_a_failing_or_lying_actor_hook_is_a_refusal(gateway: Gateway, host: FakeHost) -> None:
    host.fail("host_current_actor")
    assert _code(lambda: gateway.current_actor(FACTS)) == "host.failed"
    for lie in ({"id": "admin"}, r.Actor("a", "A", "crm.admin"), r.Actor("", "A")):  # type: ignore[arg-type]
        host.garbage("host_current_actor", lie)
        assert _code(lambda: gateway.current_actor(FACTS)) == "host.garbage"


def test_addresses_and_layouts_are_checked(gateway: Gateway, host: FakeHost) -> None:
    page = r.LayoutPage("People", "<p>people</p>")
    actor = r.Actor("a", "A")
    assert gateway.url("person", "p1") == "http://school.example/person/p1"
    assert "<p>people</p>" in (gateway.layout(actor, page) or "")
    for bad in ("javascript:alert(1)", "//evil.example/", "/a\nb", "/\\evil.example/", "http://a\\@b/", 7):
        host.garbage("host_url", bad)
        assert gateway.url("person", "p1") is None
    for lost in ("<html></html>", 7):
        host.garbage("host_layout", lost)
        assert gateway.layout(actor, page) is None
    host.fail("host_layout")
    host.fail("host_url")
    assert gateway.layout(actor, page) is None
    assert gateway.url("person", "p1") is None


def test_mount_and_subscribe(gateway: Gateway, host: FakeHost) -> None:
    assert not gateway.mount(None, None, [])
    sink = object()
    assert gateway.subscribe(sink)
    assert host.sink is sink
    host.fail("host_subscribe")
    host.fail("host_mount")
    assert not gateway.subscribe(sink)
    assert not gateway.mount(None, None, [])


def test_a_health_line_that_is_none_does_not_break_the_page(gateway: Gateway, host: FakeHost) -> None:
    host.garbage("host_check", [1, 2])
    assert [name for name, ok, _ in gateway.check() if not ok] == ["host", "host"]
