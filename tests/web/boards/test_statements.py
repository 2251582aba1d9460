"""A tab needs as many statements for many people as for one."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from crm_plugin.host import records as r
from crm_plugin.profiles.sync.service import sync
from tests.fakes.crm import NOW
from tests.web.fixtures import School
from tests.web.test_pages import on_sqlite
from tests.web.test_statements import asked

pytestmark = on_sqlite
MOST = {"potential": 9, "learners": 7, "left": 11}
"""Tab → the most statements that it needs; for a tab not named, six."""
MORE = 20


def _more() -> list[Any]:
    """Twenty people more in each of three stages."""
    found: list[Any] = []
    for place in range(MORE):
        order = r.OrderLine("course", "b1", Decimal(9))
        pending: dict[str, Any] = {"created_at": NOW - timedelta(hours=place + 1), "lines": (order,)}
        found += [
            *(r.Person(f"{kind}{place}", display_name=f"{kind} {place}") for kind in ("v", "w", "x")),
            r.Signal(f"sv{place}", f"v{place}", "view", NOW - timedelta(days=1), course_id="b1"),
            r.Enrolment(f"ew{place}", f"w{place}", "b1", progress=place / MORE, enrolled_at=NOW),
            r.Order(f"ox{place}", f"x{place}", "pending", Decimal(9), "CNY", **pending),
        ]
    return found


def test_a_tab_needs_no_more_statements_for_more_people(board: School) -> None:
    def statements() -> dict[str, int]:
        found = {}
        for stage in ("potential", "pending", "learners", "left"):
            board.get(f"/courses/b1?stage={stage}")
            with asked(board) as run:
                board.get(f"/courses/b1?stage={stage}")
            found[stage] = len(run)
        return found

    board.host.put(*_more())
    sync(board.crm, full=True)
    assert {stage: count for stage, count in statements().items() if count > MOST.get(stage, 6)} == {}
