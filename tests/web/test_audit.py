"""Every change by a person or a program is on record, and every right stands alone.

Each route that takes more than GET has a case here: what it does, or why it changes nothing. A new one
without a case fails the first test.
"""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.check import check
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.channels import suppressions
from crm_plugin.channels.sms_templates import approval, editing
from crm_plugin.channels.sms_templates.editing import Written
from crm_plugin.host import token_actors
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.credentials.tokens import Grant
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.streams import Stream
from crm_plugin.profiles.staff import follow_ups
from crm_plugin.profiles.staff.follow_ups import Entry
from crm_plugin.segments.bulk.bulk_tagging import put_tag
from crm_plugin.segments.saved import quick_queries
from crm_plugin.web.shell.guard import Route
from tests.servers.conflicts import each_first_try_fails
from tests.web.automation_changes import AUTOMATIONS
from tests.web.board_changes import BOARD_CHANGES
from tests.web.course_changes import COURSES
from tests.web.limits import ADMIN, EVERYBODY, Limits, a_reply, file_of_campaign, open_limits
from tests.web.routes import ROUTES
from tests.web.text_review import Takes, take_texts
from tests.web.topic_changes import TOPICS

API = "/api/v1"
SMS = API + "/sms-templates/{}"
pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
TEMPLATE: dict[str, Any] = {
    **{"name": "Hello", "text": "Hello ${display_name}", "locale": "en", "purpose": "service"}
}
ADDRESS = {"channel": "email", "address": "a@example.com"}
Change = tuple[str, Any, str]
"""(path, what is sent, the action on record)."""


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Limits:
    """The school of the tests of limits, with a colleague without limits at the screen."""
    limits = open_limits(database, tmp_path)
    limits.school.host.actor = ADMIN
    return limits


def _draft(world: Limits) -> int:
    return drafts.create(world.crm, ADMIN, file_of_campaign())


def _in(world: Limits, stage: str, **row: Any) -> int:
    """Return a campaign that is in a state, and one row of its ledger with these values."""
    ident = _draft(world)
    reason = "by_hand" if stage == "paused" else None
    values = {"state": stage, "freeze_step": "done", "reason": reason}
    line = {"channel": "email", "campaign_id": ident, "person_id": world.ids["in1"], **row}
    with world.crm.db.begin() as session:
        session.execute(sa.update(Campaign).where(Campaign.id == ident).values(values))
        if row:
            session.add(Delivery(**line))
    return ident


def _query(world: Limits) -> int:
    return quick_queries.save(world.crm, ADMIN, "A search", EVERYBODY)


def _note(world: Limits) -> int:
    return follow_ups.add(world.crm, ADMIN, world.ids["in1"], Entry("note", "x"))


def _blocked(world: Limits) -> int:
    suppressions.block(world.crm, ADMIN, **ADDRESS)
    return suppressions.listed(world.crm, ADMIN)[0].id


def _template(world: Limits) -> str:
    return editing.create(world.crm, ADMIN, Written(**TEMPLATE))


def _approved(world: Limits) -> str:
    key = _template(world)
    approval.sign_off(world.crm, ADMIN, key)
    return key


def _token(world: Limits) -> int:
    return token_actors.create(world.crm, ADMIN, Grant("Program", ["crm.view"]))[0]


def _stopped(world: Limits) -> str:
    """Return a stream that waits for somebody's word."""
    gone = {"error_code": "sync.too_many_gone", "state": "stopped"}
    with world.crm.db.begin() as session:
        session.execute(sa.update(Stream).where(Stream.stream == "signals").values(**gone))
    return "signals"


_sending, _paused = partial(_in, stage="sending"), partial(_in, stage="paused")


def _at(rule: str, made: Callable[[Limits], object], sent: Any, action: str) -> Callable[[Limits], Change]:
    """Return a change at a rule, its one place filled in with what was made for it."""
    return lambda world: (rule.format(made(world)), sent, action)


def _launch(world: Limits, ident: int) -> Change:
    reached = check(world.crm, ADMIN, ident).found.reach.reached
    return f"/campaigns/{ident}/launch", {"confirm": str(reached)}, "campaign.launch"


@pytest.fixture(autouse=True)
def review_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let texts be handed in; the outbox itself looks at none."""
    take_texts(monkeypatch)


def _handed_in(world: Limits) -> str:
    key = _template(world)
    world.crm.state(Takes).next = True
    return key


def _removed(world: Limits) -> int:
    ident = _draft(world)
    drafts.remove(world.crm, ADMIN, ident)
    return ident


_HTML = {"subject": "x", "html": "<p>x</p>"}
_UNKNOWN: dict[str, Any] = {"state": "unknown", "tries": 1}
_FAILED: dict[str, Any] = {"state": "failed_transient", "tries": 5}
_OTHERS = TOPICS | AUTOMATIONS | COURSES
CHANGES: dict[str, Callable[[Limits], Change]] = _OTHERS | {
    "campaign_new": lambda _w: ("/campaigns/new", {}, "campaign.create"),
    "campaign_copy": _at("/campaigns/{}/copy", _draft, {}, "campaign.create"),
    "campaign_discard": _at("/campaigns/{}/discard", _draft, {}, "campaign.remove"),
    "campaign_restore": _at("/campaigns/{}/restore", _removed, {}, "campaign.restore"),
    "campaign_pause": _at("/campaigns/{}/pause", _sending, {}, "campaign.pause"),
    "campaign_resume": _at("/campaigns/{}/resume", _paused, {}, "campaign.resume"),
    "campaign_cancel": _at("/campaigns/{}/cancel", _paused, {}, "campaign.cancel"),
    "campaign_retry": _at("/campaigns/{}/retry", lambda w: _in(w, "paused", **_FAILED), {}, "campaign.retry"),
    "campaign_resolve": _at(
        "/campaigns/{}/resolve",
        lambda w: _in(w, "paused", **_UNKNOWN),
        {"decision": "sent"},
        "campaign.resolve",
    ),
    "campaign_export": _at("/campaigns/{}/export", lambda w: w.ids["theirs"], {}, "campaign.export"),
    "audit_export": lambda _w: ("/audit/export", {}, "audit.export"),
    "campaign_launch": lambda w: _launch(w, _draft(w)),
    "campaign_test": _at(
        "/campaigns/{}/test", _draft, {"address": "a@example.com", "as": "in1"}, "campaign.test"
    ),
    "compose_audience_save": _at(
        "/campaigns/{}/audience/save",
        _draft,
        {"name": "x", "channel": "email", "purpose": "marketing"},
        "campaign.update",
    ),
    "compose_content_save": _at("/campaigns/{}/content/save", _draft, _HTML, "campaign.update"),
    "compose_lacking": _at("/campaigns/{}/lacking", _draft, {"do": "leave_out"}, "campaign.update"),
    "compose_policy_save": _at("/campaigns/{}/policy/save", _draft, {"when": "now"}, "campaign.update"),
    **BOARD_CHANGES,
    "person_note": lambda w: (
        f"/people/{w.ids['in1']}/notes",
        {"kind": "note", "text": "x"},
        "follow_up.add",
    ),
    "person_note_edit": lambda w: (
        f"/people/{w.ids['in1']}/notes/{_note(w)}",
        {"kind": "note", "text": "y"},
        "follow_up.edit",
    ),
    "person_note_done": lambda w: (
        f"/people/{w.ids['in1']}/notes/{_note(w)}/done",
        {"done": "1"},
        "follow_up.done",
    ),
    "person_reply_done": lambda w: (
        f"/people/{w.ids['in1']}/replies/{a_reply(w)}/done",
        {"from": "home"},
        "reply.done",
    ),
    "person_intention": lambda w: (
        f"/people/{w.ids['in1']}/intention",
        {"course": "c1", "level": "high"},
        "intention.set",
    ),
    "person_message": lambda w: (
        f"/people/{w.ids['in1']}/message",
        {"channel": "email"},
        "campaign.create",
    ),
    "query_rename": _at("/queries/{}/rename", _query, {"name": "y"}, "query.rename"),
    "query_share": _at("/queries/{}/share", _query, {"shared": "1"}, "query.share"),
    "query_move": _at("/queries/{}/move", _query, {"to": "up"}, "query.move"),
    "query_pin": _at("/queries/{}/pin", _query, {"pinned": "1"}, "query.pin"),
    "query_delete": _at("/queries/{}/delete", _query, {}, "query.delete"),
    "data_start": lambda _w: ("/data/start", {}, "data.read_all"),
    "data_confirm": lambda w: ("/data/confirm", {"stream": _stopped(w)}, "data.confirm_gone"),
    "token_new": lambda _w: ("/tokens/new", {"name": "x", "permission": "crm.view"}, "token.create"),
    "token_revoke": _at("/tokens/{}/revoke", _token, {}, "token.revoke"),
    "api_create_campaign": lambda _w: (f"{API}/campaigns", file_of_campaign(), "campaign.create"),
    "api_replace_campaign": _at(
        API + "/campaigns/{}", _draft, {**file_of_campaign(), "name": "Other news"}, "campaign.update"
    ),
    "api_delete_campaign": _at(API + "/campaigns/{}", _draft, None, "campaign.remove"),
    "api_restore_campaign": _at(API + "/campaigns/{}/restore", _removed, None, "campaign.restore"),
    "api_copy_campaign": _at(API + "/campaigns/{}/copy", _draft, {"name": "Copy"}, "campaign.create"),
    "api_test_campaign": _at(
        API + "/campaigns/{}/test", _draft, {"address": "a@example.com", "person": "in1"}, "campaign.test"
    ),
    "api_launch_campaign": _at(API + "/campaigns/{}/launch", _draft, None, "campaign.launch"),
    "api_pause_campaign": _at(API + "/campaigns/{}/pause", _sending, None, "campaign.pause"),
    "api_resume_campaign": _at(API + "/campaigns/{}/resume", _paused, None, "campaign.resume"),
    "api_cancel_campaign": _at(API + "/campaigns/{}/cancel", _paused, None, "campaign.cancel"),
    "api_resolve_campaign": _at(
        API + "/campaigns/{}/resolve",
        lambda w: _paused(w, **_UNKNOWN),
        {"decision": "sent"},
        "campaign.resolve",
    ),
    "api_retry_campaign": _at(
        API + "/campaigns/{}/retry", lambda w: _paused(w, **_FAILED), None, "campaign.retry"
    ),
    "api_create_export": lambda _w: (f"{API}/exports", {"tree": EVERYBODY}, "people.export_asked"),
    "api_stop_address": lambda _w: (f"{API}/stopped", ADDRESS, "address.block"),
    "api_lift_stopped_address": _at(API + "/stopped/{}", _blocked, None, "address.lift"),
    "stopped_block": lambda _w: ("/stopped/block", ADDRESS, "address.block"),
    "stopped_lift": _at("/stopped/{}/lift", _blocked, {}, "address.lift"),
    "person_consent": lambda w: (
        f"/people/{w.ids['in1']}/consent",
        {"channel": "email", "answer": "denied"},
        "consent.deny",
    ),
    "api_mark_reply_done": _at(API + "/replies/{}/done", a_reply, None, "reply.done"),
    "api_add_follow_up": lambda _w: (
        f"{API}/people/in1/follow-ups",
        {"kind": "note", "text": "x"},
        "follow_up.add",
    ),
    "api_replace_follow_up": _at(
        API + "/people/in1/follow-ups/{}", _note, {"kind": "note", "text": "y"}, "follow_up.edit"
    ),
    "api_mark_follow_up": _at(
        API + "/people/in1/follow-ups/{}/done", _note, {"done": True}, "follow_up.done"
    ),
    "api_set_intention": lambda _w: (f"{API}/people/in1/intentions/c1", {"level": "low"}, "intention.set"),
    "api_set_consent": lambda _w: (f"{API}/people/in1/consent/email", {"granted": False}, "consent.deny"),
    "api_create_message": lambda _w: (
        f"{API}/people/in1/messages",
        {"channel": "email", "purpose": "service", **_HTML},
        "campaign.create",
    ),
    "api_erase_person": lambda _w: (f"{API}/people/f1", None, "person.forget"),
    "api_get_held_data": lambda _w: (f"{API}/people/in1/held", None, "person.disclosed"),
    "api_create_quick_query": lambda _w: (f"{API}/queries", {"name": "x", "tree": EVERYBODY}, "query.save"),
    "api_change_quick_query": _at(API + "/queries/{}", _query, {"name": "y"}, "query.rename"),
    "api_delete_quick_query": _at(API + "/queries/{}", _query, None, "query.delete"),
    "api_read_school": lambda _w: (f"{API}/data/read", None, "data.read_all"),
    "api_confirm_gone_rows": lambda w: (f"{API}/data/confirm", {"stream": _stopped(w)}, "data.confirm_gone"),
    "api_create_token": lambda _w: (
        f"{API}/tokens",
        {"name": "x", "permissions": ["crm.view"]},
        "token.create",
    ),
    "api_revoke_token": _at(API + "/tokens/{}", _token, None, "token.revoke"),
    "api_create_sms_template": lambda _w: (f"{API}/sms-templates", TEMPLATE, "sms_template.create"),
    "api_replace_sms_template": _at(SMS, _template, TEMPLATE, "sms_template.change"),
    "api_delete_sms_template": _at(SMS, _template, None, "sms_template.delete"),
    "api_archive_sms_template": _at(SMS + "/away", _template, {"away": True}, "sms_template.archive"),
    "api_submit_sms_template": _at(SMS + "/submit", _handed_in, {"remark": ""}, "sms_template.submit"),
    "api_take_back_sms_template": _at(SMS + "/take-back", _approved, None, "sms_template.take_back"),
    "sms_template_create": lambda _w: ("/sms-templates/new/save", TEMPLATE, "sms_template.create"),
    "sms_template_save": _at("/sms-templates/{}/save", _template, TEMPLATE, "sms_template.change"),
    "sms_template_delete": _at("/sms-templates/{}/delete", _template, {}, "sms_template.delete"),
    "sms_template_archive": _at(
        "/sms-templates/{}/archive", _template, {"away": "1"}, "sms_template.archive"
    ),
    "sms_template_submit": _at("/sms-templates/{}/submit", _handed_in, {}, "sms_template.submit"),
    "sms_template_sign_off": _at("/sms-templates/{}/sign-off", _template, {}, "sms_template.sign_off"),
    "sms_template_take_back": _at("/sms-templates/{}/take-back", _approved, {}, "sms_template.take_back"),
    "person_tag": lambda w: (f"/people/{w.ids['in1']}/tag", {"tag": "vip"}, "tag.put"),
    "undo_change": _at("/undo/{}", lambda w: put_tag(w.crm, ADMIN, EVERYBODY, "vip").undo, {}, "undo"),
    "api_sign_off_sms_template": _at(SMS + "/sign-off", _template, {"code": ""}, "sms_template.sign_off"),
}
"""Name of a route → the change that it does."""


CHANGE_NOTHING = {
    "topics_start": "four of the change of a new topic; tests of the page hold it",
    "people_count": "counts",
    "people_sample": "shows",
    "people_build": "does nothing without a button; its buttons are services with cases of their own",
    "compose_reach": "counts",
    "compose_preview": "renders",
    "sms_template_preview": "renders",
    "sms_template_ask": "asks the carrier, whose answer is on record where it changes a state",
    "api_count_people": "counts",
    "api_list_person_ids": "reads",
    "api_list_people": "reads",
    "api_list_stage_people": "reads",
    "api_explain_person": "reads",
    "api_describe_segment": "reads",
    "api_count_reach": "counts",
}


def _changes(route: Route) -> bool:
    return route.methods != ("GET",) or route.name in CHANGES


def test_every_route_that_changes_something_has_a_case(world: Limits) -> None:
    without = [one.name for one in ROUTES if _changes(one) and one.name not in {*CHANGES, *CHANGE_NOTHING}]
    assert without == []


def test_every_change_is_on_record_with_who_and_what(world: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is made once, though another's change comes between at first."""
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)
    methods = {route.name: route.methods[0] for route in ROUTES}
    wrong: dict[str, Any] = {}
    for name, change in CHANGES.items():
        path, sent, action = change(world)
        before = _newest(world)
        with each_first_try_fails(world.crm.db):
            status, told = _send(world, methods[name], path, sent)
        rows = _since(world, before)
        mine = [row for row in rows if row.actor == ADMIN.id and row.action == action]
        if status >= 400 or len(mine) != 1:
            wrong[name] = (status, [(row.actor, row.action) for row in rows], told[:200])
    assert wrong == {}


HOW_MANY = {
    "people.export": 19,
    "campaign.frozen": 2,
    "campaign.test": 1,
    **{"campaign.cancel": 0, "campaign.resolve": 1, "campaign.retry": 1, "person.forget": 1},
}


def test_what_touches_people_says_how_many(world: Limits) -> None:
    methods = {route.name: route.methods[0] for route in ROUTES}
    by_api = ("api_cancel_campaign", "api_resolve_campaign", "api_retry_campaign", "api_erase_person")
    for name in ("people_selected", "campaign_test", *by_api):
        path, sent, _action = CHANGES[name](world)
        _send(world, methods[name], path, sent)
    found = {row.action: row.count for row in _since(world, 0) if row.count is not None}
    assert {action: found.get(action) for action in HOW_MANY} == HOW_MANY


def test_a_refused_change_leaves_no_record(world: Limits) -> None:
    world.school.host.actor = Actor("eve", "Eve", frozenset({"crm.view"}))
    methods = {route.name: route.methods[0] for route in ROUTES}
    for name, change in CHANGES.items():
        world.school.host.actor = ADMIN
        path, sent, _action = change(world)
        before = _newest(world)
        world.school.host.actor = Actor("eve", "Eve", frozenset({"crm.view"}))
        status, _told = _send(world, methods[name], path, sent)
        assert status == 403, name
        assert _since(world, before) == [], name


def _send(world: Limits, method: str, path: str, sent: Any) -> tuple[int, str]:
    host = world.school.host
    who, host.actor = host.actor, ADMIN
    headers = {"X-CSRFToken": world.school.csrf()}  # from a page with a form; the session is the same
    host.actor = who
    form = "json" if path.startswith(API) else "data"
    options = {} if sent is None else {form: sent}
    answer = world.school.client.open(f"/admin/crm{path}", method=method, headers=headers, **options)
    return answer.status_code, answer.text


def _newest(world: Limits) -> int:
    with world.crm.db.read() as session:
        return session.scalar(sa.select(sa.func.max(AuditRow.id))) or 0


def _since(world: Limits, ident: int) -> list[AuditRow]:
    with world.crm.db.read() as session:
        return list(session.scalars(sa.select(AuditRow).where(AuditRow.id > ident).order_by(AuditRow.id)))
