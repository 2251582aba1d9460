"""Which hits came from a person: a judgement that is made apart from the recording, and can be made again.

The judgement of a hit looks at all hits of the same ledger row, so every new hit lets the row's hits be
judged together. Only ``kind`` and ``reasons`` are written; the raw hit stays as it came. Visitors are
never taken together by address: a whole school may stand behind one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

HUMAN, PREFETCH, SCANNER, UNKNOWN = "human", "prefetch", "scanner", "unknown"
CONFIRMED, NEW = "confirmed", "new"

Facts = Mapping[int, tuple[datetime | None, int]]
"""Ledger row → (when it was handed over, our id of the person)."""

AT_ONCE = timedelta(seconds=5)
"""Nobody has read a message that soon after it was handed over."""
BURST = timedelta(seconds=2)
BURST_LINKS = 3
"""So many different links of one message within :data:`BURST` (or all, of two and more) is a machine."""
CROWD = 10
"""Recipients' links opened from one network within a minute: says something only beside other evidence."""

SCANNING_REFERERS = ("safelinks.protection.outlook.com", "urldefense.com", "urldefense.proofpoint.com")
SCANNING_REFERER_ENDS = (".safelinks.protection.outlook.com", "linkprotect.cudasvc.com")


@dataclass(slots=True)
class Raw:
    """A hit as the judgement sees it."""

    id: int
    link_id: int
    at: datetime
    method: str
    agent: str
    network: str
    marks: Mapping[str, Any] = field(default_factory=dict)
    kind: str = NEW


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found about one hit."""

    id: int
    kind: str
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Message:
    """What is known of the message whose links were opened."""

    handed_at: datetime | None
    links: int
    """How many different links it has."""


def judge(
    hits: Sequence[Raw], message: Message | None, crowded: frozenset[str], is_program: Callable[[str], bool]
) -> list[Judged]:
    """Judge all hits of one ledger row; the same input always gives the same result.

    :param message: None when nobody knows that ledger row.
    :param crowded: networks from which many recipients' links were opened at the same time.
    """
    swept = _swept(hits, message.links if message else 0)
    found = []
    for hit in hits:
        reasons = _reasons(hit, message, is_program)
        if hit.id in swept:
            reasons.append("many_links")
        if reasons and hit.network in crowded:
            reasons.append("crowd")
        found.append(Judged(hit.id, _kind(hit, reasons), reasons))
    return found


def _reasons(hit: Raw, message: Message | None, is_program: Callable[[str], bool]) -> list[str]:
    found = {
        "method": hit.method not in ("GET", "POST"),
        "prefetch": any(_announced(hit.marks.get(name, "")) for name in _PREFETCH),
        "program": is_program(hit.agent),
        "referer": _scans(str(hit.marks.get("referer", ""))),
        "at_once": _at_once(hit, message),
        "no_agent": not hit.agent,
        "no_message": message is None,
    }
    return [reason for reason, holds in found.items() if holds]


_PREFETCH = ("purpose", "sec-purpose", "x-purpose", "x-moz")


def _announced(value: Any) -> bool:
    return any(word in str(value).lower() for word in ("prefetch", "preview", "prerender"))


def _scans(host: str) -> bool:
    return host in SCANNING_REFERERS or host.endswith(SCANNING_REFERER_ENDS)


def _at_once(hit: Raw, message: Message | None) -> bool:
    handed = message.handed_at if message else None
    return handed is not None and hit.at - handed < AT_ONCE


def _kind(hit: Raw, reasons: list[str]) -> str:
    if hit.kind == CONFIRMED:
        return CONFIRMED
    if "method" in reasons or "prefetch" in reasons:
        return PREFETCH
    if {"program", "referer", "at_once", "many_links"} & set(reasons):
        return SCANNER
    if "no_agent" in reasons:
        return SCANNER if "crowd" in reasons else UNKNOWN
    return UNKNOWN if "no_message" in reasons else HUMAN


def _swept(hits: Sequence[Raw], links: int) -> set[int]:
    """Return the hits that belong to a sweep over several links of the message."""
    enough = min(BURST_LINKS, links) if links > 1 else BURST_LINKS
    ordered = sorted(hits, key=lambda hit: (hit.at, hit.id))
    swept: set[int] = set()
    start = 0
    for end, hit in enumerate(ordered):
        while hit.at - ordered[start].at >= BURST:
            start += 1
        window = ordered[start : end + 1]
        if len({other.link_id for other in window}) >= enough:
            swept.update(other.id for other in window)
    return swept


def crowded(visits: Iterable[tuple[str, int, datetime]]) -> frozenset[str]:
    """Return networks that opened links of :data:`CROWD` recipients within a minute.

    :param visits: (network, ledger row, time).
    """
    minutes: dict[tuple[str, int], set[int]] = defaultdict(set)
    for network, delivery, at in visits:
        minutes[network, int(at.timestamp()) // 60].add(delivery)
    return frozenset(network for (network, _), rows in minutes.items() if network and len(rows) >= CROWD)
