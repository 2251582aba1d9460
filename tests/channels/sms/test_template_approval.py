"""The approval life: only the edges of the table, versions instead of changed texts, one carrier's answer."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.channels.base import SmsText
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.channels.sms import template_states
from crm_plugin.channels.sms.carriers.outcomes import Refusal
from crm_plugin.channels.sms.carriers.template_submission import Filing, Verdict
from crm_plugin.channels.sms.template_states import EDGES, STATES
from crm_plugin.channels.sms.templates import find, listed, load_stock, row_of, stock, versions
from crm_plugin.channels.sms_templates import approval, editing
from crm_plugin.channels.sms_templates.editing import TemplateUsers, Written
from crm_plugin.host.context import Crm
from crm_plugin.host.contributions import Capability
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, NotFound, Refused
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import ALL

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
BOSS = Actor("boss", "Boss", ALL)
EDITOR = Actor("ed", "Ed", frozenset({"crm.view", "crm.edit"}))
VIEWER = Actor("vi", "Vi", frozenset({"crm.view"}))
TEXT = Written("Autumn", "en", "marketing", "Hello ${display_name}, ${coupon}", "", {"coupon": "A-1"})


class TextReview:
    """A carrier's text review that answers what the test says."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.filed: list[Filing] = []

    def file(self, filing: Filing) -> str | Refusal:
        self.filed.append(filing)
        found: str | Refusal = self.answers.pop(0)
        return found

    def verdicts(self, codes: list[str]) -> list[Verdict] | Refusal:
        found: list[Verdict] | Refusal = self.answers.pop(0)
        return found


@pytest.fixture
def crm(database: Database) -> Crm:
    return make_crm(database, sms_carrier="aliyun", **KEYS)


KEYS: dict[str, Any] = {
    "sms_aliyun_key_id": "i",
    "sms_aliyun_key_secret": "s",
    "sms_signature": "网校",
    "sms_aliyun_url": "http://127.0.0.1:1",
}


@pytest.fixture
def text_review(monkeypatch: pytest.MonkeyPatch) -> TextReview:
    found = TextReview("SMS_1", [Verdict("SMS_1", "approved")])
    monkeypatch.setattr(approval, "text_review_of", lambda crm: found)
    return found


def newest(crm: Crm, key: str) -> SmsText:
    with crm.db.read() as session:
        return approval.newest(crm, session, key)


def sent(crm: Crm, key: str) -> SmsText:
    """Return the version that campaigns would send."""
    with crm.db.read() as session:
        found = find(session, key, crm.settings.sms_carrier)
    assert found is not None
    return found


@pytest.mark.parametrize(("verb", "state"), list(product(EDGES, STATES)))
@SQLITE
def test_only_the_edges_of_the_table_are_taken(crm: Crm, verb: str, state: str) -> None:
    template = SmsText("t", "x", "service", state, name="T", carrier="aliyun")
    with crm.db.begin() as session:
        session.add(row_of(template, 1, NOW))
        session.flush()
        moved = template_states.move(session, verb, template, "aliyun", NOW)
        after = session.scalars(sa.select(SmsTemplate.state)).one()
    assert moved is ((state, template_states.target(verb)) in EDGES[verb])
    assert after == (template_states.target(verb) if moved else state)


def test_a_state_that_changed_meanwhile_is_not_overwritten(crm: Crm) -> None:
    seen = SmsText("t", "x", "service", "submitted", name="T", carrier="aliyun")
    with crm.db.begin() as session:
        session.add(row_of(seen, 1, NOW))
        session.flush()
        assert template_states.move(session, "reject", seen, "aliyun", NOW)
        assert not template_states.move(
            session, "take_back", SmsText("t", "x", "service", "draft"), "aliyun", NOW
        )
        assert not template_states.move(session, "reject", seen, "aliyun", NOW)


def test_from_draft_to_approved_by_the_carrier(crm: Crm, text_review: TextReview) -> None:
    key = editing.create(crm, EDITOR, TEXT)
    assert key == "autumn-en"
    assert newest(crm, key).state == "draft"
    assert approval.submit(crm, EDITOR, key, "For our learners") is None
    (filed,) = text_review.filed
    assert filed.text == "Hello ${display_name}, ${coupon} Reply STOP to opt out"
    assert (filed.marketing, filed.signature) == (True, "网校")
    assert filed.remark == "For our learners. coupon = A-1"
    assert (newest(crm, key).state, newest(crm, key).filed_as) == ("submitted", "SMS_1")
    with pytest.raises(Conflict) as refused:
        approval.submit(crm, EDITOR, key)
    assert refused.value.code == "sms.changed"
    assert approval.ask(crm).known == 1
    found = sent(crm, key)
    assert (found.state, found.carrier_codes) == ("approved", {"aliyun": "SMS_1"})
    assert approval.ask(crm).known == 0, "nobody waits any more"
    with crm.db.read() as session:
        actions = session.execute(sa.select(AuditRow.actor, AuditRow.action).order_by(AuditRow.id)).all()
    assert [tuple(row) for row in actions] == [
        ("ed", "sms_template.create"),
        ("ed", "sms_template.submit"),
        ("system", "sms_template.approved"),
    ]


def test_answers_come_twice_in_any_order_and_about_foreign_texts(crm: Crm, text_review: TextReview) -> None:
    key = editing.create(crm, EDITOR, TEXT)
    approval.submit(crm, EDITOR, key)
    rejected = Verdict("SMS_1", "rejected", "no marketing, please")
    assert approval.take(crm, "aliyun", [Verdict("SMS_2", "approved"), Verdict("SMS_1", "submitted")]) == 0
    assert approval.take(crm, "tencent", [rejected]) == 0
    assert approval.take(crm, "aliyun", [rejected, rejected]) == 1
    assert (newest(crm, key).state, newest(crm, key).reason) == ("rejected", "no marketing, please")
    assert approval.take(crm, "aliyun", [Verdict("SMS_1", "approved")]) == 1
    assert newest(crm, key).reason is None
    assert approval.take(crm, "aliyun", [rejected]) == 1, "an approval may be taken back"
    assert newest(crm, key).carrier_codes == {}


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Refusal("carrier_template", "isv.SMS_CONTENT_ILLEGAL"), "draft"),
        (Refusal("carrier_unreachable"), "draft"),
        (Refusal("carrier_timeout"), "submitted"),
    ],
)
def test_a_submission_that_was_not_taken_says_why(
    crm: Crm, text_review: TextReview, answer: Refusal, state: str
) -> None:
    text_review.answers = [answer]
    key = editing.create(crm, EDITOR, TEXT)
    said = approval.submit(crm, EDITOR, key)
    found = newest(crm, key)
    assert (found.state, found.reason, found.filed_as) == (state, said, "")
    assert said is not None
    assert said.startswith(answer.kind)
    if state == "submitted":
        approval.take_back(crm, EDITOR, key)
        assert newest(crm, key).state == "draft"


def test_a_text_that_is_in_force_is_never_changed(crm: Crm, text_review: TextReview) -> None:
    key = editing.create(crm, EDITOR, TEXT)
    assert editing.change(crm, EDITOR, key, Written("Autumn", text="Better")) == 1, "a draft is one's own"
    approval.submit(crm, EDITOR, key)
    approval.ask(crm)
    assert editing.change(crm, EDITOR, key, Written("Autumn", text="Best")) == 2
    assert editing.change(crm, EDITOR, key, Written("Autumn", text="Best of all")) == 2
    assert (sent(crm, key).text, sent(crm, key).version) == ("Better", 1)
    assert (newest(crm, key).text, newest(crm, key).state) == ("Best of all", "draft")
    text_review.answers = ["SMS_2"]
    approval.submit(crm, EDITOR, key)
    assert editing.change(crm, EDITOR, key, Written("Autumn", text="Third")) == 3, "somebody looks at 2"
    approval.take(crm, "aliyun", [Verdict("SMS_2", "approved")])
    assert sent(crm, key).text == "Best of all"
    assert [one.name for one in text_review.filed] == ["Autumn", "Autumn 2"], (
        "carriers want names of their own"
    )
    with crm.db.read() as session:
        kept = find(session, key, "aliyun", 1)
        assert [one.version for one in versions(session, key)] == [3, 2, 1]
    assert kept is not None
    assert (kept.text, kept.state) == ("Better", "approved"), "campaigns under way go on with it"


def test_an_answer_of_one_carrier_says_nothing_of_another(
    database: Database, text_review: TextReview
) -> None:
    crm = make_crm(database, sms_carrier="aliyun", **KEYS)
    key = editing.create(crm, EDITOR, TEXT)
    approval.submit(crm, EDITOR, key)
    approval.ask(crm)
    other = make_crm(database, sms_carrier="twilio")
    assert newest(other, key).state == "draft"
    approval.sign_off(other, BOSS, key)
    assert newest(other, key).state == "approved"
    assert newest(crm, key).state == "approved", "the code is still good there"


@SQLITE
def test_the_stock_is_approved_at_the_outbox_only(database: Database) -> None:
    crm = make_crm(database, sms_carrier="outbox")
    with crm.db.begin() as session:
        load_stock(session, NOW)
    assert newest(crm, "win-back-en").state == "approved"
    http = make_crm(database, sms_carrier="http")
    assert newest(http, "win-back-en").state == "draft"
    with pytest.raises(Refused):
        approval.sign_off(http, EDITOR, "win-back-en")
    approval.sign_off(http, BOSS, "win-back-en")
    crm.db.run(lambda session: load_stock(session, NOW))
    assert newest(http, "win-back-en").state == newest(crm, "win-back-en").state == "approved"
    approval.take_back(http, BOSS, "win-back-en")
    assert newest(http, "win-back-en").state == "draft"


def test_signing_off_at_a_carrier_that_fills_in_needs_its_code(crm: Crm) -> None:
    key = editing.create(crm, EDITOR, TEXT)
    for code, expected in (("", "sms.needs_code"), ("x" * 65, "sms.bad_code")):
        with pytest.raises(BadInput) as refused:
            approval.sign_off(crm, BOSS, key, code)
        assert refused.value.code == expected
    assert newest(crm, key).state == "draft"
    approval.sign_off(crm, BOSS, key, " SMS_7 ")
    assert (sent(crm, key).state, sent(crm, key).carrier_codes) == ("approved", {"aliyun": "SMS_7"})
    with pytest.raises(Refused):
        approval.take_back(crm, EDITOR, key)
    approval.take_back(crm, BOSS, key)
    assert (newest(crm, key).state, newest(crm, key).carrier_codes) == ("draft", {})


def test_an_approval_by_hand_may_be_taken_back_by_the_carrier(crm: Crm) -> None:
    with crm.db.begin() as session:
        load_stock(session, NOW)
    for key, code in (("win-back-zh", "SMS_7"), (editing.create(crm, EDITOR, TEXT), "SMS_8")):
        approval.sign_off(crm, BOSS, key, code)
        both = [Verdict(code, "rejected", "no"), Verdict(code, "approved"), Verdict(code, "rejected", "no")]
        assert approval.take(crm, "aliyun", both) == 3
        assert (newest(crm, key).state, newest(crm, key).carrier_codes) == ("rejected", {})


def test_the_stock_may_be_loaded_by_two_at_once(crm: Crm) -> None:
    with crm.db.begin() as first:
        load_stock(first, NOW)
    with crm.db.begin() as session:
        every = {key: replace(one, text="older") for key, one in stock().items()}
        assert len(every) == load_stock(session, NOW)
        session.execute(sa.update(SmsTemplate).values(text="older"))
    with crm.db.begin() as session, crm.db.read() as other:
        assert load_stock(session, NOW) == len(every)
        assert {one.version for one in listed(other)} == {1}
        assert {one.version for one in listed(session)} == {2}


@SQLITE
def test_a_carrier_without_a_desk_takes_nothing(database: Database) -> None:
    crm = make_crm(database, sms_carrier="outbox")
    key = editing.create(crm, EDITOR, TEXT)
    with pytest.raises(Conflict) as refused:
        approval.submit(crm, EDITOR, key)
    assert refused.value.code == "sms.no_review"
    assert approval.ask(crm).known == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${coupon}${date}", "sms.placeholders_touch"),
        ("${coupon} or ${coupon}", "sms.placeholder_twice"),
        ("【x】", "sms.brackets"),
        ("x" * 490, "sms.text_too_long"),
        ("see ${link}", "sms.personal_link"),
    ],
)
@SQLITE
def test_what_the_carrier_would_refuse_is_not_handed_in(
    crm: Crm, text_review: TextReview, text: str, code: str
) -> None:
    key = editing.create(crm, EDITOR, Written("T", text=text))
    with pytest.raises(BadInput) as refused:
        approval.submit(crm, EDITOR, key)
    assert refused.value.code == code
    assert (text_review.filed, newest(crm, key).state) == ([], "draft")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"text": "\n"}, "text"),
        ({"text": "${Bad}"}, "text"),
        ({"text": "${unclosed"}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"purpose": "spam"}, "purpose"),
        ({"locale": "xx"}, "locale"),
        ({"signature": "【x】"}, "signature"),
        ({"signature": "x" * 33}, "signature"),
    ],
)
def test_what_cannot_be_kept_names_its_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(BadInput) as refused:
        editing.checked(replace(Written("T", text="x"), **changes))
    assert refused.value.place == place


@SQLITE
def test_keys_are_made_of_names_and_never_twice(crm: Crm) -> None:
    names = ["Win back", "Win back", "召回", "召回", "!!"]
    keys = [editing.create(crm, EDITOR, Written(name, text="x")) for name in names]
    assert keys == ["win-back-2-en", "win-back-3-en", "text-en", "text-2-en", "text-3-en"]


def test_two_who_write_the_same_name_at_once_both_keep_theirs(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = editing.create(crm, EDITOR, TEXT)
    free, asked = editing._free_key, [first]
    monkeypatch.setattr(editing, "_free_key", lambda *given: asked.pop() if asked else free(*given))
    assert editing.create(crm, EDITOR, TEXT) == "autumn-2-en"
    assert newest(crm, first).version == newest(crm, "autumn-2-en").version == 1


def test_the_stock_is_put_away_changed_and_stays(crm: Crm) -> None:
    with crm.db.begin() as session:
        load_stock(session, NOW)
    editing.put_away(crm, EDITOR, "win-back-en", True)
    with crm.db.read() as session:
        assert "win-back-en" not in [one.key for one in listed(session)]
        assert [one.key for one in listed(session, archived=True)] == ["win-back-en"]
    editing.put_away(crm, EDITOR, "win-back-en", False)
    with pytest.raises(Conflict) as refused:
        editing.delete(crm, EDITOR, "win-back-en")
    assert refused.value.code == "sms.stock_stays"
    assert editing.change(crm, EDITOR, "win-back-en", Written("Mine", text="Mine")) == 2
    crm.db.run(lambda session: load_stock(session, NOW))
    assert newest(crm, "win-back-en").text == "Mine"


def test_what_is_in_use_is_neither_put_away_nor_deleted(crm: Crm) -> None:
    key = editing.create(crm, EDITOR, TEXT)
    used = {False: ["Running"], True: ["Running", "Done"]}
    users = TemplateUsers(lambda _session, one, ended, _actor: used[ended] if one == key else [])
    crm.capabilities = (*crm.capabilities, Capability("test", (users,)))
    with pytest.raises(Conflict, match=r"in use by Running$"):
        editing.put_away(crm, EDITOR, key, True)
    with pytest.raises(Conflict, match="in use by Running, Done"):
        editing.delete(crm, EDITOR, key)
    used[False] = used[True] = []
    editing.put_away(crm, EDITOR, key, True)
    editing.delete(crm, EDITOR, key)
    with crm.db.read() as session:
        assert versions(session, key) == []


@SQLITE
@pytest.mark.parametrize(
    ("verb", "more"),
    [
        (editing.delete, ()),
        (editing.change, (TEXT,)),
        (editing.put_away, (True,)),
        (approval.submit, ()),
        (approval.sign_off, ("SMS_1",)),
        (approval.take_back, ()),
    ],
)
def test_what_is_not_there_is_missing(
    crm: Crm, text_review: TextReview, verb: Any, more: tuple[Any, ...]
) -> None:
    with pytest.raises(NotFound):
        verb(crm, BOSS, "nosuch", *more)


@SQLITE
def test_each_change_needs_its_permission(crm: Crm) -> None:
    key = editing.create(crm, EDITOR, TEXT)
    tries: list[tuple[Any, ...]] = [
        (editing.create, TEXT),
        (editing.change, key, TEXT),
        (editing.put_away, key, True),
        (editing.delete, key),
        (approval.submit, key),
        (approval.sign_off, key),
        (approval.take_back, key),
    ]
    for verb, *arguments in tries:
        with pytest.raises(Refused):
            verb(crm, VIEWER, *arguments)
