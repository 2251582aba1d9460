"""What check, launch, freeze and report read, each once: the content, the rules, a tree; and how often
they ask the database.
"""

from pathlib import Path
from typing import Any

import pytest

from crm_plugin.campaigns import prepared_campaign
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.policy.campaign_policy import Policy
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.db.engine import Database
from crm_plugin.segments import service as segments
from tests.campaigns.statements import counted
from tests.web.fixtures import School, open_school
from tests.web.test_pages import BUYERS, campaign, on_sqlite

pytestmark = on_sqlite

MOST = {"check": 12, "launch": 18, "freeze": 15, "page": 4, "report": 11}
"""What is done → the most statements that it may need."""
GOAL: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"field": "paid_count", "operator": ">=", "value": 2}],
}
READS = {
    "check": {"content": 1, "rules": 1, "tree": 2},
    "launch": {"content": 1, "rules": 1, "tree": 2},
    "freeze": {"content": 1, "rules": 1, "tree": 2},
    "page": {"content": 0, "rules": 0, "tree": 1},
    "report": {"content": 0, "rules": 0, "tree": 0},
}
"""What is done → how often a content is compiled, rules are read, a tree (audience and goal) is parsed."""


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    return open_school(database, tmp_path)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Count what is read from now on."""
    found = {"content": 0, "rules": 0, "tree": 0}

    def watch(owner: Any, name: str, what: str) -> None:
        real = getattr(owner, name)

        def counting(*values: Any, **named: Any) -> Any:
            found[what] += 1
            return real(*values, **named)

        monkeypatch.setattr(owner, name, counting)

    watch(CHANNELS["email"], "compile", "content")
    watch(Policy, "of", "rules")
    watch(prepared_campaign, "parse", "tree")
    watch(segments, "parse", "tree")
    return found


@pytest.mark.parametrize("what", MOST)
def test_each_thing_is_read_once(
    database: Database, school: School, reads: dict[str, int], what: str
) -> None:
    token = school.csrf()
    do(school, what, draft(school), token)  # what a process does once is no part of it
    ident = draft(school)
    before = ("launch", "freeze") if what in ("page", "report") else ("launch",) if what == "freeze" else ()
    for one in before:
        do(school, one, ident, token)
    reads.update(dict.fromkeys(reads, 0))
    with counted(database) as asked:
        do(school, what, ident, token)
    assert reads == READS[what]
    assert 0 < len(asked) <= MOST[what], "\n".join(asked.texts)


def do(school: School, what: str, ident: int, token: str) -> None:
    """Look at a draft for the last time, launch it, freeze it, or look at what became of it."""
    if what == "freeze":
        freeze(school.crm, ident)
    elif what == "launch":
        form = {"csrf_token": token, "confirm": "6"}
        answer = school.client.post(f"/admin/crm/campaigns/{ident}/launch", data=form)
        assert answer.location.endswith(f"/campaigns/{ident}")
    else:
        part = "" if what == "page" else f"/{what}"
        answer = school.get(
            f"/campaigns/{ident}{part}", headers={"HX-Request": "true"} if part == "/report" else {}
        )
        assert answer.status_code in (200, 302)


def draft(school: School) -> int:
    """Write a campaign down with a goal, for the six who bought."""
    return campaign(school, audience=BUYERS, policy={"goal": GOAL, "leave_out_days": 7})
