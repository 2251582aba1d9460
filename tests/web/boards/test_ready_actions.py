"""Ready actions: each opens a draft with audience, course, text, link and goal; by page and by API."""

from typing import Any

from crm_plugin.boards.stages.stage_trees import people_of
from crm_plugin.campaigns import access
from crm_plugin.campaigns.document.goals import goal_of
from crm_plugin.campaigns.ready.actions import ACTIONS, ReadyAction
from crm_plugin.campaigns.ready.texts import text_of
from crm_plugin.channels.content import VARIABLES, parse
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.channels.sms.templates import stock
from crm_plugin.host.records import Actor
from crm_plugin.segments import service
from tests.fakes.host import ALL
from tests.web.boards.stages import PEOPLE
from tests.web.fixtures import School
from tests.web.test_pages import on_sqlite

pytestmark = on_sqlite
ADMIN = Actor("ann", "Ann", ALL)


def act(school: School, action: ReadyAction, channel: str, **more: Any) -> Any:
    """Press an action's button for all of a tab, and return the draft that it leads to."""
    form = {
        **{"course": "b1", "stage": action.stages[0], "do": f"ready/{action.name}:all"},
        **{f"by-{action.name}": channel, f"to-{action.name}": "n1"},
    }
    answer = school.post("/boards/selected", {**form, **more})
    assert answer.status_code == 302, answer.text[:300]
    assert answer.location.endswith("/content"), answer.location
    return access.get(school.crm, ADMIN, int(answer.location.split("/")[-2]))


def test_each_action_fills_in_the_draft(board: School) -> None:
    for action in ACTIONS:
        about = "n1" if action.invites else "b1"
        for channel in CHANNELS:
            draft = act(board, action, channel)
            assert draft.audience == people_of(action.stages[0], "b1"), action.name
            assert draft.policy["goal"] == goal_of(action.goal, about), action.name
            assert (draft.content["course"], draft.purpose) == (about, action.purpose)
            assert draft.content["link"] == board.host.host_url("course", about)
            if channel == "sms":
                assert draft.content["template"] == f"{action.template}-en", action.name
            else:
                assert "{{ course_title }}" in draft.content["text"]
                assert set(action.words) == set(draft.content["variables"]) - {"course_title"}
    composer = board.get(f"/campaigns/{draft.id}/content").text
    assert "your code for" in composer
    assert "Drums" in board.get(f"/campaigns/{draft.id}/policy").text


def test_the_goal_takes_out_who_needs_it_no_longer(board: School) -> None:
    for name, stage, reached in (
        ("remind_to_learn", "learners", {"fast", "half", "slow", "done", "even"}),
        ("bring_to_finish", "learners", {"done"}),
        ("chase_payment", "pending", set()),
    ):
        action = next(one for one in ACTIONS if one.name == name)
        draft = act(board, action, "message")
        there = set(service.ids(board.crm, draft.policy["goal"])) & set(PEOPLE[stage])
        assert there == reached, name


def test_the_readers_language_and_a_class(board: School) -> None:
    board.sign_in(locale="zh")
    action = ACTIONS[0]
    sms = act(board, action, "sms", course="k1")
    assert (sms.content["template"], sms.content["class"]) == ("interested-zh", "k1")
    assert sms.content["variables"]["course_title"] == "Band"
    mail = act(board, action, "email", course="k1")
    assert "还在考虑吗" in mail.content["html"]
    assert "{{ class_title }}" in mail.content["subject"]
    assert mail.name == "邀请报名: Band"


def test_only_those_who_are_selected(board: School) -> None:
    action = next(one for one in ACTIONS if one.name == "chase_payment")
    form = {"shown": '["owing", "late"]', "pick": "late", "do": "ready/chase_payment:some"}
    draft = act(board, action, "sms", **form)
    assert set(service.ids(board.crm, draft.audience)) == {"late"}
    nobody = board.post("/boards/selected", {"course": "b1", "stage": "pending", "do": "write:some"})
    assert "stage=pending" in nobody.location
    assert "Nobody is selected" in board.client.get(nobody.location.partition("#")[0]).text


def test_filters_come_along(board: School) -> None:
    action = next(one for one in ACTIONS if one.name == "chase_payment")
    draft = act(board, action, "sms", waits="3")
    assert set(service.ids(board.crm, draft.audience)) == {"late"}


def test_an_invitation_needs_a_course_of_the_reader(board: School) -> None:
    form = {"course": "b1", "stage": "left", "do": "ready/invite_to_next:all", "by-invite_to_next": "sms"}
    answer = board.post("/boards/selected", form)
    page = board.client.get(answer.location.partition("#")[0]).text
    assert "choose the course that it invites to" in page
    board.sign_in(scope=frozenset({"b1"}))
    assert board.post("/boards/selected", {**form, "to-invite_to_next": "n1"}).status_code == 404


def test_a_course_is_found_by_words_of_its_title(board: School) -> None:
    """A browser without JavaScript sends what was typed, not the id that the picker would put."""
    form = {"course": "b1", "stage": "left", "do": "ready/invite_to_next:all", "by-invite_to_next": "email"}
    answer = board.post("/boards/selected", {**form, "to-invite_to_next": "rhyt"})
    draft = access.get(board.crm, ADMIN, int(answer.location.split("/")[-2]))
    assert draft.policy["goal"] == goal_of("seated", "n1")
    answer = board.post("/boards/selected", {**form, "to-invite_to_next": "m"})
    page = board.client.get(answer.location.partition("#")[0]).text
    assert "several courses have these words: Drums, Rhythm" in page


def test_many_intentions_are_set_and_undone(board: School) -> None:
    form = {"course": "b1", "stage": "potential", "do": "level:all", "level-all": "high"}
    answer = board.post("/boards/selected", form)
    page = board.client.get(answer.location.partition("#")[0]).text
    assert "Intention set for 3 people." in page
    assert page.count(">Set by hand") == 3
    undo = page.partition("/undo/")[2].partition('"')[0]
    board.post(f"/undo/{undo}")
    page = board.get("/courses/b1?stage=potential").text
    assert "Set by hand" not in page
    assert page.count("withdrawn") == 3


def test_one_intention_is_set_in_its_row(board: School) -> None:
    page = board.get("/courses/b1?stage=potential").text
    ident = page.partition('<tr id="p')[2].partition('"')[0]
    answer = board.post("/boards/intention", {"course": "b1", "person": ident, f"level-{ident}": "medium"})
    assert answer.location.endswith(f"#p{ident}")
    page = board.get("/courses/b1?stage=potential&level=medium").text
    assert (page.count('name="pick"'), page.count(">Set by hand")) == (1, 1)


def test_a_tab_is_saved_as_a_quick_query(board: School) -> None:
    form = {"course": "b1", "stage": "pending", "waits": "3", "do": "save:all", "save-name": "Slow payers"}
    board.post("/boards/selected", form)
    assert "Slow payers" in board.get("/queries").text


def test_the_api_does_the_same(board: School) -> None:
    def call(path: str, body: Any = None) -> Any:
        headers = {"X-CSRFToken": board.csrf()}
        if body is None:
            return board.get(f"/api/v1{path}").json
        return board.client.post(f"/admin/crm/api/v1{path}", json=body, headers=headers).json

    stages = call("/board/stages?course=b1")
    assert (stages["stages"]["learners"], stages["title"]) == (6, "Drums")
    stage = {"course": "b1", "stage": "learners", "filters": {"idle": "14"}}
    found = call("/board/people", {**stage, "limit": 5})
    assert ([one["host_id"] for one in found["items"]], found["next"]) == (["idle"], None)
    assert {"bring_to_finish"} < {one["name"] for one in call("/board/actions?stage=learners")["items"]}
    wanted = {"action": "bring_to_finish", "channel": "email", "locale": "zh", "ids": ["idle", "half"]}
    ident = call("/board/actions", {**stage, **wanted})["id"]
    draft = access.get(board.crm, ADMIN, ident)
    assert list(service.ids(board.crm, draft.audience)) == ["idle"]
    assert draft.policy["goal"] == goal_of("finished", "b1")
    done = call("/board/intentions", {"course": "b1", "stage": "potential", "level": "low"})
    assert done["count"] == 3
    leaving = call("/board/leaving?course=b1")["items"]
    assert {one["text"] or one["kind"]: one["total"] for one in leaving} == {"Too hard": 2, "removed": 1}


def test_every_text_is_there_in_both_languages_and_can_be_read(db_kind: str) -> None:
    known = {*VARIABLES, "title", "code", "date"}
    for action in ACTIONS:
        for locale in ("en", "zh"):
            text = text_of(action.name, locale)
            for one in (text.subject, text.heading, *text.paragraphs, text.button, text.message):
                parse(one, known, "text")
            assert "{{ title }}" in text.message
            assert stock()[f"{action.template}-{locale}"].purpose == action.purpose
        assert text_of(action.name, "en") != text_of(action.name, "zh")
