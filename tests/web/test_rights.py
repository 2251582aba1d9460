"""Services check the right themselves, and what may not be seen may not be asked."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.boards.board.tabs import Tab
from crm_plugin.campaigns import access, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.check import check
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.delivery.retry import retry_failed
from crm_plugin.campaigns.ready.start import Wanted, start
from crm_plugin.campaigns.reporting import messages
from crm_plugin.channels import suppressions
from crm_plugin.channels.sms_templates import editing
from crm_plugin.channels.sms_templates.editing import Written
from crm_plugin.host import token_actors
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.credentials.tokens import Grant
from crm_plugin.kernel.errors import Refused
from crm_plugin.profiles.consent import staff_entry
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.staff import follow_ups, purchase_intent
from crm_plugin.profiles.staff.follow_ups import Entry
from crm_plugin.profiles.sync import admin
from crm_plugin.segments.bulk import exports
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.saved import quick_queries
from tests.web.limits import EVERYBODY, Limits, file_of_campaign
from tests.web.routes import ROUTES
from tests.web.test_audit import _HTML, ADDRESS, API, TEMPLATE, _newest, _send, _since, world

__all__ = ["world"]
pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
ALL_BUT_ADMIN = frozenset(PERMISSIONS) - {"crm.admin"}
BAND = BoardCourse(1, "c1", "Piano", "course", "published", None, None, None, None, False)
SERVICES: dict[str, tuple[str, Callable[[Limits, Actor], object]]] = {
    "campaign": ("crm.send", lambda w, a: drafts.create(w.crm, a, file_of_campaign())),
    "single": ("crm.send", lambda w, a: drafts.create_single(w.crm, a, "in1", {"channel": "email", **_HTML})),
    "update": ("crm.send", lambda w, a: drafts.update(w.crm, a, w.ids["draft"], file_of_campaign())),
    "copy": ("crm.send", lambda w, a: drafts.copy(w.crm, a, w.ids["draft"], "x")),
    "remove": ("crm.send", lambda w, a: drafts.remove(w.crm, a, w.ids["draft"])),
    "launch": ("crm.send", lambda w, a: service.launch(w.crm, a, w.ids["draft"])),
    "pause": ("crm.send", lambda w, a: service.pause(w.crm, a, w.ids["theirs"])),
    "resume": ("crm.send", lambda w, a: service.resume(w.crm, a, w.ids["theirs"])),
    "cancel": ("crm.send", lambda w, a: service.cancel(w.crm, a, w.ids["theirs"])),
    "resolve": ("crm.send", lambda w, a: service.resolve(w.crm, a, w.ids["theirs"], "sent")),
    "retry": ("crm.send", lambda w, a: retry_failed(w.crm, a, w.ids["theirs"])),
    "test": ("crm.send", lambda w, a: send_test(w.crm, a, w.ids["draft"], "a@example.com", "in1")),
    "preflight": ("crm.send", lambda w, a: check(w.crm, a, w.ids["draft"])),
    "outbox": ("crm.send", lambda w, a: messages.latest_messages(w.crm, a)),
    "message": ("crm.send", lambda w, a: messages.message(w.crm, a, w.ids["message"])),
    "report": ("crm.view", lambda w, a: access.get(w.crm, a, w.ids["theirs"])),
    "export": (
        "crm.export",
        lambda w, a: exports.queue(w.crm, a, exports.Wanted(Part(EVERYBODY), ["host_id"], "csv")),
    ),
    "follow-up": ("crm.edit", lambda w, a: follow_ups.add(w.crm, a, w.ids["in1"], Entry("note", "x"))),
    "intention": ("crm.edit", lambda w, a: purchase_intent.put(w.crm, a, w.ids["in1"], "c1", "high")),
    "intentions": (
        "crm.edit",
        lambda w, a: purchase_intent.put_many(w.crm, a, sa.select(Person.id), "c1", "high"),
    ),
    "ready": (
        "crm.send",
        lambda w, a: start(w.crm, a, Tab(BAND, "learners"), Wanted("bring_to_finish", "sms")),
    ),
    "query": ("crm.edit", lambda w, a: quick_queries.save(w.crm, a, "x", EVERYBODY)),
    "consent": ("crm.edit", lambda w, a: staff_entry.set_consent(w.crm, a, w.ids["in1"], "email", False)),
    "block": ("crm.admin", lambda w, a: suppressions.block(w.crm, a, **ADDRESS)),
    "blocked": ("crm.admin", lambda w, a: suppressions.listed(w.crm, a)),
    "template": ("crm.edit", lambda w, a: editing.create(w.crm, a, Written(**TEMPLATE))),
    "token": ("crm.admin", lambda w, a: token_actors.create(w.crm, a, Grant("x", ["crm.view"]))),
    "tokens": ("crm.admin", lambda w, a: token_actors.listed(w.crm, a)),
    "read": ("crm.admin", lambda w, a: admin.read_all(w.crm, a)),
    "disclose": ("crm.admin", lambda w, a: requests.disclose(w.crm, a, w.ids["in1"])),
    "erase": ("crm.admin", lambda w, a: requests.erased_by(w.crm, a, w.ids["in1"])),
}


def test_services_check_the_right_themselves(world: Limits) -> None:
    for name, (permission, call) in SERVICES.items():
        before = _newest(world)
        with pytest.raises(Refused) as refused:
            call(world, Actor("eve", "Eve", ALL_BUT_ADMIN - {permission}))
        assert refused.value.params == {"permission": permission}, name
        assert _since(world, before) == [], name


def test_conditions_and_orders_ask_for_the_right_to_see(world: Limits) -> None:
    phone = {"field": "phone", "operator": "contains", "value": "1390"}
    spent = {"field": "paid_total", "operator": ">", "value": "100"}
    total = {"field": "orders", "aggregate": "sum:amount", "operator": ">", "value": "100"}
    for rule, right in ((phone, "crm.contacts"), (spent, "crm.money"), (total, "crm.money")):
        world.school.host.actor = Actor("eve", "Eve", ALL_BUT_ADMIN - {right})
        tree = {"combinator": "and", "rules": [{"combinator": "or", "not": True, "rules": [rule]}]}
        status, told = _send(world, "POST", f"{API}/segments/count", tree)
        assert (status, "rules[0].rules[0]" in told, right in told) == (403, True, True)
        draft = {**file_of_campaign(), "audience": tree}
        assert _send(world, "POST", f"{API}/campaigns", draft)[0] == 403
        draft = {**file_of_campaign(), "policy": {"goal": tree}}
        assert _send(world, "POST", f"{API}/campaigns", draft)[0] == 403
    assert _send(world, "POST", f"{API}/segments/people?sort=paid_total", EVERYBODY)[0] == 403
    answer = _send(world, "POST", f"{API}/segments/people?sort=id", EVERYBODY)[1]
    assert '"paid_total":null' in answer.replace(" ", "")


def test_each_right_alone_opens_its_routes_and_no_other(world: Limits) -> None:
    """A right is needed where it is named, and all others together do not stand in for it."""
    for route in ROUTES:
        others = frozenset(PERMISSIONS) - {route.permission, "crm.admin"}
        world.school.host.actor = Actor("eve", "Eve", others)
        path = re.sub("<int:(note|topic|reply)>", "1", route.rule.replace("<int:ident>", "999999"))
        path = path.replace("<path:course>", "nothing")
        for place in ("what", "person_id", "kind", "key", "course_id", "channel"):
            path = path.replace(f"<{place}>", "nothing")
        answer = world.school.client.open(f"/admin/crm{path}", method=route.methods[0])
        assert answer.status_code == 403, route.name
        assert route.permission in answer.text, route.name
