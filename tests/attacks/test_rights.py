"""Rights: what outlives its owner, a colleague's words, names that a refusal gives away, the whole school."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.models import Campaign
from crm_plugin.channels.sms_templates import approval, editing
from crm_plugin.channels.sms_templates.editing import Written
from crm_plugin.host import records as r
from crm_plugin.host import token_actors
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.credentials.tokens import Grant, Token
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, Refused
from crm_plugin.profiles.extension import Window
from crm_plugin.profiles.people.queries import person_id_of
from crm_plugin.profiles.people.timeline import timeline
from crm_plugin.profiles.privacy.requests import export, forget
from crm_plugin.profiles.staff import follow_ups
from crm_plugin.profiles.staff.follow_ups import Entry
from crm_plugin.profiles.staff.undo import undo
from crm_plugin.segments.models import QuickQuery
from crm_plugin.segments.saved import quick_queries
from crm_plugin.segments.wording.describe import describe
from tests.fakes.crm import NOW, make_crm
from tests.web.fixtures import open_school
from tests.web.limits import ADMIN, EVERYBODY, LIMITED, Limits, file_of_campaign, open_limits

DAY = timedelta(days=1)
ANN = r.Actor("ann", "Ann", frozenset({"crm.view", "crm.edit"}))
TEXT = Written("Hello", text="Hello ${display_name}", purpose="service")
pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.fixture
def limits(database: Database, tmp_path: Path) -> Limits:
    return open_limits(database, tmp_path)


@pytest.fixture
def crm(database: Database) -> Crm:
    """A CRM without a school: tokens need none."""
    return make_crm(database)


def program(crm: Crm, maker: Actor, ends_in: timedelta | None) -> tuple[Actor, int, str]:
    """Make a token with every right; return it as an actor, its number and its text."""
    ends = None if ends_in is None else NOW + ends_in
    ident, text = token_actors.create(crm, maker, Grant("Program", ["crm.admin"], None, ends))
    found = token_actors.actor_of(crm, text)
    assert found is not None
    return found, ident, text


def test_a_token_mints_nothing_that_outlives_it(crm: Crm) -> None:
    thief, _, _ = program(crm, ADMIN, DAY)
    for longer in (None, 2 * DAY):
        with pytest.raises(BadInput) as refused:
            program(crm, thief, longer)
        assert refused.value.code == "token.outlives"
    child, _, _ = program(crm, thief, DAY)
    with pytest.raises(BadInput):
        program(crm, child, 2 * DAY)
    assert program(crm, program(crm, ADMIN, None)[0], None), "one without an end may"


def test_what_a_token_minted_ends_with_it(crm: Crm) -> None:
    thief, parent, _ = program(crm, ADMIN, None)
    child, _, text = program(crm, thief, None)
    _, _, below = program(crm, child, None)
    token_actors.revoke(crm, ADMIN, parent)
    assert [token_actors.actor_of(crm, one) for one in (text, below)] == [None, None]
    rows = token_actors.listed(crm, ADMIN)
    assert sum(row.revoked_at is not None for row in rows) == 3
    with crm.db.read() as session:
        revoked = sa.select(sa.func.count()).where(AuditRow.action == "token.revoke")
        assert session.scalar(revoked) == 3


def test_a_token_that_was_minted_before_there_was_this_rule_ends_too(crm: Crm) -> None:
    thief, _, _ = program(crm, ADMIN, DAY)
    _, ident, text = program(crm, thief, DAY)
    with crm.db.begin() as session:
        session.execute(sa.update(Token).where(Token.id == ident).values(expires_at=None))
    clock: Any = crm.clock
    clock.move(days=2)
    assert token_actors.actor_of(crm, text) is None
    row = next(row for row in token_actors.listed(crm, ADMIN) if row.id == ident)
    assert not row.in_force


def test_bad_tokens_are_on_record_and_a_flood_is_two_rows(database: Database, tmp_path: Path) -> None:
    school = open_school(database, tmp_path, read=False)
    clock: Any = school.crm.clock
    for _ in range(20):
        answer = school.get("/api/v1/me", headers={"Authorization": "Bearer crm_guessed"})
        assert answer.status_code == 401
        clock.move(minutes=1)
    with school.crm.db.read() as session:
        columns = AuditRow.action, AuditRow.count, AuditRow.details
        rows = [tuple(row) for row in session.execute(sa.select(*columns).order_by(AuditRow.id))]
    assert rows == [
        ("token.refuse", 1, {"client": "127.0.0.1"}),
        ("token.refuse", 10, {"client": "127.0.0.1"}),
    ]


def test_a_colleagues_note_keeps_what_it_said_and_names_the_changer(
    database: Database, tmp_path: Path
) -> None:
    school = open_school(database, tmp_path)
    crm = school.crm
    with crm.db.read() as session:
        ina = person_id_of(session, "p3")
    note = follow_ups.add(crm, ADMIN, ina, Entry("call", "She wants the course"))
    follow_ups.edit(crm, ADMIN, ina, note, Entry("call", "She wants the course"))
    follow_ups.edit(crm, ANN, ina, note, Entry("note", "She wants her money back"))
    with crm.db.read() as session:
        row = next(one for one in follow_ups.of_person(session, ADMIN, ina) if one.id == note)
        moments = timeline(crm, session, ina, Window(50), only=["notes"]).moments
    assert (row.author_name, row.changed_by, row.text) == ("Boss", "Ann", "She wants her money back")
    assert [(one.text, one.kind, one.changed_by) for one in row.versions] == [
        ("She wants the course", "call", "Ann")
    ]
    assert moments[0].details["changed_by"] == "Ann"
    school.host.actor = ADMIN
    page = school.get(f"/people/{ina}").text
    assert page.count("changed by Ann") == 2, "beside the note, and in the timeline"
    assert "She wants the course" in page
    answer = school.get("/api/v1/people/p3/follow-ups").get_json()["items"][0]
    assert (answer["changed_by"], answer["versions"][0]["text"]) == ("Ann", "She wants the course")
    assert [one["text"] for one in export(crm, ina)["follow_up_changes"]] == ["She wants the course"]
    forget(crm, ina)
    assert export(crm, ina)["follow_up_changes"] == []


def test_in_use_names_nothing_that_the_reader_may_not_see(limits: Limits) -> None:
    crm = limits.crm
    used = quick_queries.save(crm, LIMITED, "Used", EVERYBODY, shared=True)
    inside = {"combinator": "and", "rules": [{"field": "segment", "operator": "=", "value": used}]}
    quick_queries.save(crm, ADMIN, "Complainers", inside)
    drafts.create(crm, ADMIN, {**file_of_campaign(), "name": "Secret offer", "audience": inside})
    quick_queries.save(crm, LIMITED, "Own", inside)
    with pytest.raises(Conflict) as refused:
        quick_queries.delete(crm, LIMITED, used)
    assert str(refused.value) == "in use by Own and 2 that you may not see"
    with crm.db.read() as session:
        assert quick_queries.using(crm, session, ADMIN, used) == ["Complainers", None, "Secret offer"]

    key = editing.create(crm, LIMITED, TEXT)
    sms = {"name": "Secret offer", "channel": "sms", "purpose": "service", "audience": EVERYBODY}
    drafts.create(crm, ADMIN, {**sms, "template": key})
    with pytest.raises(Conflict, match="in use by 1 that you may not see"):
        editing.delete(crm, LIMITED, key)
    page = limits.school.get(f"/sms-templates/{key}").text
    assert "Secret offer" not in page
    assert "1 that you may not see" in page
    with pytest.raises(Conflict, match="in use by Secret offer"):
        editing.delete(crm, ADMIN, key)
    private = quick_queries.save(crm, ADMIN, "Private", EVERYBODY)
    tree = {"combinator": "and", "rules": [{"field": "segment", "operator": "=", "value": private}]}
    assert "Private" in describe(crm, tree, "en", ADMIN)
    with pytest.raises(BadInput) as unknown:
        describe(crm, tree, "en", replace(ADMIN, id="other"))
    assert "Private" not in str(unknown.value)


def approved(limits: Limits) -> str:
    key = editing.create(limits.crm, ADMIN, TEXT)
    approval.sign_off(limits.crm, ADMIN, key)
    return key


WHOLE: dict[str, Callable[[Limits], object]] = {
    "rename a shared quick query": lambda w: quick_queries.rename(
        w.crm, LIMITED, w.ids["shared"], "Mine now"
    ),
    "change its conditions": lambda w: quick_queries.change(w.crm, LIMITED, w.ids["shared"], EVERYBODY),
    "stop sharing it": lambda w: quick_queries.share(w.crm, LIMITED, w.ids["shared"], False),
    "take it off the home": lambda w: quick_queries.pin(w.crm, LIMITED, w.ids["shared"], False),
    "move it": lambda w: quick_queries.move(w.crm, LIMITED, w.ids["shared"], 0),
    "delete it": lambda w: quick_queries.delete(w.crm, LIMITED, w.ids["shared"]),
    "approve a text": lambda w: approval.sign_off(w.crm, LIMITED, editing.create(w.crm, ADMIN, TEXT)),
    "stop an approved text": lambda w: approval.take_back(w.crm, LIMITED, approved(w)),
    "change an approved text": lambda w: editing.change(w.crm, LIMITED, approved(w), TEXT),
    "archive an approved text": lambda w: editing.put_away(w.crm, LIMITED, approved(w), True),
    "delete an approved text": lambda w: editing.delete(w.crm, LIMITED, approved(w)),
}


def is_refused(change: Callable[[], object]) -> bool:
    try:
        change()
    except Refused:
        return True
    return False


def test_a_limited_administrator_changes_nothing_of_the_whole_school(limits: Limits) -> None:
    assert [what for what, change in WHOLE.items() if not is_refused(partial(change, limits))] == []
    quick_queries.rename(limits.crm, LIMITED, limits.ids["mine"], "Mine still")
    key = editing.create(limits.crm, LIMITED, TEXT)
    editing.change(limits.crm, LIMITED, key, replace(TEXT, text="Hi ${display_name}"))
    editing.delete(limits.crm, LIMITED, key)
    _reordering_moves_nothing_unseen(limits)
    _a_right_that_is_gone_undoes_nothing(limits.crm, limits.ids["mine"])
    _no_word_about_a_copy(limits.crm, limits.ids["own_draft"])


def _a_right_that_is_gone_undoes_nothing(crm: Crm, mine: int) -> None:
    quick_queries.share(crm, LIMITED, mine, True)
    demoted = replace(ADMIN, permissions=frozenset({"crm.edit"}))
    changes = partial(quick_queries.rename, name="x"), quick_queries.delete
    for change in changes:
        ident = change(crm, ADMIN, mine)
        assert is_refused(partial(undo, crm, demoted, ident))
        undo(crm, ADMIN, ident)


def _no_word_about_a_copy(crm: Crm, own: int) -> None:
    """Their campaign is held in a copied installation, and the word that lets all go on is not theirs."""
    crm.settings.public_url = "https://copy.example"
    assert service.launch(crm, LIMITED, own) == "held"
    with pytest.raises(Refused) as refused:
        service.resume(crm, LIMITED, own)
    assert refused.value.code == "access.limited"
    with crm.db.read() as session:
        assert session.scalar(sa.select(Campaign.state).where(Campaign.id == own)) == "held"
    assert service.resume(crm, ADMIN, own) != "held"


def _reordering_moves_nothing_unseen(limits: Limits) -> None:
    def places() -> dict[int, int]:
        with limits.crm.db.read() as session:
            rows = session.execute(sa.select(QuickQuery.id, QuickQuery.position))
            return {row.id: row.position for row in rows}

    before = places()
    quick_queries.move(limits.crm, LIMITED, limits.ids["mine"], 0)
    after = places()
    assert after[limits.ids["private"]] == before[limits.ids["private"]]
    assert after[limits.ids["mine"]] < after[limits.ids["shared"]]
    assert sorted(after.values()) == sorted(before.values())
