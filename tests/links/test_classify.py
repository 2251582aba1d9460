"""The judgement of hits: what makes a program, what must never make one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.links.bot_agents import is_program
from crm_plugin.links.classify import CROWD, Message, Raw, crowded, judge
from crm_plugin.links.click_line import Click, dump, load, marks_of, network_of

SENT = datetime(2026, 11, 15, 12, 0, tzinfo=UTC)
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; CUBOT NOTE 50) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36"
    " MicroMessenger/8.0.50"
)


def hit(number: int = 1, seconds: float = 600, link: int = 1, **changes: Any) -> Raw:
    at = SENT + timedelta(seconds=seconds)
    values: dict[str, Any] = {"id": number, "link_id": link, "at": at, "method": "GET", "agent": PHONE}
    return Raw(**values | {"network": "n"} | changes)


def kinds(*hits: Raw, links: int = 1, crowds: frozenset[str] = frozenset()) -> list[str]:
    return [found.kind for found in judge(hits, Message(SENT, links), crowds, is_program)]


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({}, "human", None),
        ({"method": "HEAD"}, "prefetch", "method"),
        ({"method": "OPTIONS"}, "prefetch", "method"),
        ({"marks": {"sec-purpose": "prefetch;prerender"}}, "prefetch", "prefetch"),
        ({"marks": {"x-moz": "prefetch"}}, "prefetch", "prefetch"),
        ({"agent": "python-requests/2.32"}, "scanner", "program"),
        ({"agent": "Barracuda Sentinel (EE)"}, "scanner", "program"),
        ({"agent": "facebookexternalhit/1.1"}, "scanner", "program"),
        ({"agent": "WhatsApp/2.24.1 A"}, "scanner", "program"),
        ({"agent": ""}, "unknown", "no_agent"),
        ({"marks": {"referer": "eur01.safelinks.protection.outlook.com"}}, "scanner", "referer"),
        ({"marks": {"referer": "mail.example"}}, "human", None),
        ({"at": SENT + timedelta(seconds=4.9)}, "scanner", "at_once"),
        ({"at": SENT + timedelta(seconds=5)}, "human", None),
        ({"agent": "Mozilla/5.0 (Windows NT 10.0; ms-office; MSOffice 16) Chrome/120"}, "human", None),
    ],
)
def test_one_hit(changes: dict[str, Any], kind: str, reason: str | None) -> None:
    (found,) = judge([hit(**changes)], Message(SENT, 1), frozenset(), is_program)
    assert found.kind == kind
    assert found.reasons == ([reason] if reason else [])


def test_a_sweep_over_several_links_is_a_scanner_even_for_the_hit_that_came_first() -> None:
    sweep = [hit(n, 60 + n / 2, link=n) for n in (1, 2, 3)]
    assert kinds(*sweep, links=5) == ["scanner"] * 3
    assert kinds(*sweep[:2], links=5) == ["human"] * 2
    assert kinds(*sweep[:2], links=2) == ["scanner"] * 2, "all links of the message"
    slow = [hit(n, 60 + n * 2, link=n) for n in (1, 2, 3)]
    assert kinds(*slow, links=3) == ["human"] * 3


def test_a_reader_after_a_sweep_is_still_a_person() -> None:
    sweep = [hit(n, 60 + n / 2, link=n) for n in (1, 2, 3)]
    assert kinds(*sweep, hit(9, 4000, link=2), links=3) == ["scanner"] * 3 + ["human"]


def test_pupils_behind_one_address_are_people() -> None:
    crowds = crowded(("n", row, SENT + timedelta(seconds=600)) for row in range(300))
    assert crowds == {"n"}
    assert kinds(hit(), crowds=crowds) == ["human"]
    assert kinds(hit(agent=""), crowds=crowds) == ["scanner"], "only beside other evidence"
    assert crowded(("n", row, SENT) for row in range(CROWD - 1)) == frozenset()


def test_a_row_that_nobody_knows_is_unknown() -> None:
    assert [found.kind for found in judge([hit()], None, frozenset(), is_program)] == ["unknown"]


def test_a_confirmed_hit_stays_confirmed() -> None:
    assert kinds(hit(kind="confirmed", method="HEAD")) == ["confirmed"]


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 4)), max_size=12), st.randoms())
def test_the_judgement_does_not_depend_on_the_order(visits: list[tuple[float, int]], random: Any) -> None:
    hits = [hit(number, seconds, link) for number, (seconds, link) in enumerate(visits)]
    shuffled = random.sample(hits, len(hits))
    by_id = {found.id: found for found in judge(shuffled, Message(SENT, 4), frozenset(), is_program)}
    assert [by_id[one.id] for one in hits] == judge(hits, Message(SENT, 4), frozenset(), is_program)


@given(st.text(max_size=40), st.text(max_size=500), st.dictionaries(st.text(max_size=5), st.text(max_size=9)))
def test_a_line_holds_any_click(code: str, agent: str, marks: dict[str, str]) -> None:
    click = Click(code, SENT, "GET", agent, "n", marks)
    assert b"\n" not in dump(click)
    assert load(dump(click)) == click


@pytest.mark.parametrize(
    "line", [b"", b"[", b"[]", b'["a",1]', b'{"a":1}', b"\xff", b'["a","b","c","d","e",{}]']
)
def test_a_torn_line_is_no_click(line: bytes) -> None:
    assert load(line) is None


def test_marks_and_networks_name_nobody() -> None:
    marks = marks_of(
        {"referer": "https://user:pw@Mail.Example/inbox?id=7", "purpose": "prefetch", "cookie": "x"}
    )
    assert marks == {"referer": "mail.example", "purpose": "prefetch"}
    assert marks_of({"referer": "http://[bad"}) == {}
    one, two = network_of("192.0.2.1", b"k"), network_of("192.0.2.2", b"k")
    assert one != two
    assert "192" not in one
    assert network_of("192.0.2.1", b"other") != one
    assert (
        network_of("2001:db8::1", b"k") == network_of("2001:db8::2", b"k") != network_of("2001:db9::1", b"k")
    )
    assert network_of("", b"k") == network_of("192.0.2.1", None) == ""
