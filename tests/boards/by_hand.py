"""The stages once more, in plain Python over all rows of a school: by the definitions, not the SQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.profiles.models import school as m

Row = dict[str, Any]
Pairs = set[tuple[int, int]]
_GONE = ("refund", "removed", "left")
_ACTS = ("view", "trial", "favourite", "audit", "coupon")


def _since(seat: Row) -> datetime | None:
    since: datetime | None = seat["starts_at"] or seat["enrolled_at"]
    return since


class ByHand:
    """A school at an instant.

    :param tables: rows by their table.
    """

    def __init__(self, tables: dict[Any, list[Row]], at: datetime, zone: ZoneInfo, days: int) -> None:
        self.tables, self.at = tables, at
        wall = at.astimezone(zone)
        since = wall.replace(tzinfo=None) - timedelta(days=days)
        self.since = since.replace(tzinfo=zone, fold=wall.fold).astimezone(UTC)
        self.roots = {course["host_id"]: course["root_id"] for course in tables[m.Course]}
        self.root_of = {course["id"]: course["root_id"] for course in tables[m.Course]}
        self.orders = {order["id"]: order for order in tables[m.Order]}

    def stages(self) -> dict[str, Pairs]:
        """Return the pairs of each stage."""
        people = [one["id"] for one in self.tables[m.Person] if self._counts(one)]
        found: dict[str, Pairs] = {}
        for person in people:
            for root in set(self.roots.values()):
                for stage in self._of(person, root):
                    found.setdefault(stage, set()).add((person, root))
        return found

    def stalled(self) -> Pairs:
        """Return the learners under half of the median pace of their course."""
        found: Pairs = set()
        for root in set(self.roots.values()):
            seats = [one for one in self.tables[m.Enrolment] if one["root_id"] == root and self._learns(one)]
            usual = self._median(seats)
            for person in {seat["person_id"] for seat in seats} if usual is not None else ():
                if self._falls_behind([one for one in seats if one["person_id"] == person], usual or 0):
                    found.add((person, root))
        nobody = {one["id"] for one in self.tables[m.Person] if not self._counts(one)}
        return {pair for pair in found if pair[0] not in nobody}

    def _learns(self, seat: Row) -> bool:
        begun = seat["starts_at"] is None or seat["starts_at"] <= self.at
        return seat["role"] == "learner" and self._is_held(seat) and begun

    def _median(self, seats: list[Row]) -> float | None:
        known = [seat for seat in seats if seat["progress"] is not None and _since(seat) is not None]
        paces = [self._pace(seat["progress"], _since(seat), seat["completed_at"]) for seat in known]
        return median(paces) if len(paces) >= 5 else None

    def _falls_behind(self, seats: list[Row], usual: float) -> bool:
        progress = [seat["progress"] for seat in seats if seat["progress"] is not None]
        since = [_since(seat) for seat in seats if _since(seat) is not None]
        if not progress or not since or any(seat["completed_at"] for seat in seats):
            return False
        return self._pace(max(progress), min(since), None) < usual * 0.499999  # type: ignore[type-var]

    def _pace(self, progress: float, since: datetime | None, until: datetime | None) -> float:
        assert since is not None
        return progress / max(((until or self.at) - since) / timedelta(days=1), 1.0)

    def _counts(self, person: Row) -> bool:
        merged = person["merged_into"] is not None
        return not merged and person["status"] != "erased" and not person["is_staff"]

    def _of(self, person: int, root: int) -> Iterator[str]:
        seats = list(self._rows(m.Enrolment, person, root))
        seats = [seat for seat in seats if seat["role"] == "learner"]
        lines = list(self._rows(m.OrderLine, person, root))
        held = [seat for seat in seats if self._is_held(seat)]
        begun = [seat for seat in held if seat["starts_at"] is None or seat["starts_at"] <= self.at]
        owing = any(self._order(line)["state"] == "pending" for line in lines)
        if owing:
            yield "pending"
        if begun:
            yield "learners"
        if held and not begun:
            yield "upcoming"
        if not held:
            yield from self._without_seat(seats)
            yield from self._interested(person, root, seats, lines) if not owing else ()

    def _without_seat(self, seats: list[Row]) -> Iterator[str]:
        if any(seat["state"] == "ended" and seat["end_kind"] in _GONE for seat in seats):
            yield "left"
        if any(self._ran_out(seat) for seat in seats):
            yield "expired"

    def _interested(self, person: int, root: int, seats: list[Row], lines: list[Row]) -> Iterator[str]:
        ends = [seat["ended_at"] for seat in seats if seat["state"] == "ended" and seat["end_kind"] in _GONE]
        ends += [self._order(line)["refunded_at"] for line in lines if self._was_refunded(line)]
        acts = [act for act in self._acts(person, root) if self.since <= act <= self.at]
        if any(all(end is not None and act > end for end in ends) for act in acts):
            yield "potential"
        closed = [self._closing(line) for line in lines if self._order(line)["state"] == "closed"]
        if any(not self._followed(at, seats, lines) for at in closed):
            yield "closed_unpaid"

    def _acts(self, person: int, root: int) -> Iterator[datetime]:
        contained = {
            self.roots[link["host_id"]]
            for link in self.tables[m.CourseLink]
            if link["kind"] == "contains" and self.root_of[link["course_id"]] == root
            if link["host_id"] in self.roots
        }
        for course in {root, *contained}:
            for signal in self._rows(m.Signal, person, course):
                if signal["kind"] in _ACTS:
                    yield signal["at"]
            for line in self._rows(m.OrderLine, person, course):
                closing = self._closing(line)
                if self._order(line)["state"] == "closed" and closing is not None:
                    yield closing

    def _followed(self, closed: datetime | None, seats: list[Row], lines: list[Row]) -> bool:
        """Return whether somebody bought or enrolled since a closing; of unknown days, a purchase counts."""
        for line in lines:
            order = self._order(line)
            bought = order["paid_at"] or order["created_at"]
            if line["held_money"] and (bought is None or closed is None or bought > closed):
                return True
        taken = [seat["enrolled_at"] for seat in seats if seat["enrolled_at"] is not None]
        return closed is not None and any(at > closed for at in taken)

    def _rows(self, table: Any, person: int, root: int) -> Iterator[Row]:
        for row in self.tables[table]:
            if row["person_id"] == person and row["root_id"] == root:
                yield row

    def _order(self, line: Row) -> Row:
        return self.orders[line["order_id"]]

    def _closing(self, line: Row) -> datetime | None:
        order = self._order(line)
        closed: datetime | None = order["closed_at"] or order["created_at"]
        return closed

    def _is_held(self, seat: Row) -> bool:
        lasts = seat["expires_at"] is None or seat["expires_at"] > self.at
        return seat["state"] in ("active", "suspended") and lasts

    def _ran_out(self, seat: Row) -> bool:
        if seat["state"] == "ended":
            return bool(seat["end_kind"] == "expired")
        return seat["expires_at"] is not None and seat["expires_at"] <= self.at

    def _was_refunded(self, line: Row) -> bool:
        whole = line["refunded"] > 0 and line["refunded"] >= line["amount"]
        return bool(line["held_money"]) and (whole or self._order(line)["state"] == "refunded")
