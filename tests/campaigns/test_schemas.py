"""A campaign file: every mistake is told with its place."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.campaigns.document.schemas import Checks, read
from crm_plugin.campaigns.policy.campaign_policy import Policy
from crm_plugin.campaigns.policy.rules import CAP, REST
from crm_plugin.kernel.errors import BadInput

TREE: dict[str, Any] = {"combinator": "and", "rules": []}
GOOD: dict[str, Any] = {"name": "x", "channel": "sms", "audience": TREE}


def tree(document: Any, place: str) -> None:
    if not isinstance(document, dict) or set(document) != {"combinator", "rules"}:
        raise BadInput("segment.not_a_tree", place, found="that")


CHECKS = Checks(("sms", "email", "message"), tree, {1: 1, "Offers": 1}.get)


def quiet(start: str, end: str) -> dict[str, Any]:
    return {"policy": {"quiet_hours": {"from": start, "to": end}}}


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"colour": 1}, "", "campaign.unknown_key"),
    ({"name": ""}, "name", "campaign.bad_value"),
    ({"name": 3}, "name", "campaign.bad_value"),
    ({"name": "x" * 192}, "name", "campaign.bad_value"),
    ({"channel": "pigeon"}, "channel", "campaign.unknown_channel"),
    ({"channel": ["sms"]}, "channel", "campaign.unknown_channel"),
    ({"purpose": "spam"}, "purpose", "campaign.bad_value"),
    ({"purpose": []}, "purpose", "campaign.bad_value"),
    ({"audience": []}, "audience", "segment.not_a_tree"),
    ({"holdout": 1.1}, "holdout", "campaign.bad_value"),
    ({"holdout": True}, "holdout", "campaign.bad_value"),
    ({"holdout": float("nan")}, "holdout", "campaign.bad_value"),
    ({"at": "2026-01-01T00:00:00"}, "at", "campaign.bad_value"),
    ({"at": "soon"}, "at", "campaign.bad_value"),
    ({"at": 17}, "at", "campaign.bad_value"),
    ({"text": 5}, "text", "campaign.bad_value"),
    ({"text": "x" * 20_001}, "text", "campaign.bad_value"),
    ({"html": "x" * 100_001}, "html", "campaign.bad_value"),
    ({"variables": []}, "variables", "campaign.bad_value"),
    ({"variables": {"a b": "x"}}, "variables.a b", "campaign.bad_value"),
    ({"name": "\ud800"}, "name", "campaign.bad_value"),
    ({"text": "a\0b"}, "text", "campaign.bad_value"),
    ({"variables": {"a": "\udfff"}}, "variables.a", "campaign.bad_value"),
    ({"link": "javascript:alert(1)"}, "link", "link.bad_url"),
    ({"link": "https://school.example/\r\nX: y"}, "link", "link.bad_url"),
    ({"variables": {"a": 1}}, "variables.a", "campaign.bad_value"),
    ({"policy": []}, "policy", "campaign.bad_value"),
    ({"policy": {"caps": {}}}, "policy", "campaign.unknown_key"),
    ({"policy": {"cap": {"n": 0, "days": 1}}}, "policy.cap.n", "campaign.bad_value"),
    ({"policy": {"cap": {"n": True, "days": 1}}}, "policy.cap.n", "campaign.bad_value"),
    ({"policy": {"cap": {"n": 1}}}, "policy.cap", "campaign.missing_key"),
    ({"policy": {"cap": 3}}, "policy.cap", "campaign.bad_value"),
    ({"policy": {"cap": {"n": 1, "days": 10**9}}}, "policy.cap.days", "campaign.bad_value"),
    ({"policy": {"leave_out_days": 0}}, "policy.leave_out_days", "campaign.bad_value"),
    ({"policy": {"leave_out_days": 1.5}}, "policy.leave_out_days", "campaign.bad_value"),
    ({"policy": {"quiet_hours": {"from": "21:00"}}}, "policy.quiet_hours", "campaign.missing_key"),
    (
        {"policy": {"quiet_hours": {"from": "9", "to": "10:00"}}},
        "policy.quiet_hours.from",
        "campaign.bad_value",
    ),
    (
        {"policy": {"quiet_hours": {"from": "24:00", "to": "10:00"}}},
        "policy.quiet_hours.from",
        "campaign.bad_value",
    ),
    (
        {"policy": {"quiet_hours": {"from": "10:00", "to": "10:00"}}},
        "policy.quiet_hours",
        "campaign.bad_value",
    ),
    ({"policy": {"goal": 1}}, "policy.goal", "segment.not_a_tree"),
    ({"policy": {"expires_at": "x"}}, "policy.expires_at", "campaign.bad_value"),
    ({"policy": {"rate": {"n": 1, "per_seconds": 0}}}, "policy.rate.per_seconds", "campaign.bad_value"),
]


@pytest.mark.parametrize(("values", "place", "code"), BAD, ids=[json.dumps(row[0])[:60] for row in BAD])
def test_a_mistake_names_its_place(values: dict[str, Any], place: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        read({**GOOD, **values}, CHECKS)
    assert (caught.value.place, caught.value.code) == (place, code)
    assert "\n" not in str(caught.value)


def test_a_design_may_be_longer_than_a_text() -> None:
    assert len(read({**GOOD, "html": "x" * 100_000}, CHECKS).content["html"]) == 100_000


@pytest.mark.parametrize("key", ["name", "channel", "audience"])
def test_what_must_be_there(key: str) -> None:
    with pytest.raises(BadInput, match=f"{key} is missing"):
        read({name: value for name, value in GOOD.items() if name != key}, CHECKS)


def test_a_whole_file() -> None:
    policy = {
        "leave_out_days": 7,
        "cap": {"n": 3, "days": 30},
        "quiet_hours": {"from": "21:00", "to": "09:00"},
        "goal": TREE,
        "expires_at": "2026-03-01T09:00:00+08:00",
        "rate": {"n": 200, "per_seconds": 1},
    }
    draft = read(
        {**GOOD, "text": "Hi", "holdout": 0.5, "policy": policy, "at": "2026-02-01T09:00:00Z"}, CHECKS
    )
    assert draft.content == {"text": "Hi"}
    assert draft.planned_at is not None
    found = Policy.of(draft.policy)
    assert (CAP.read(draft.policy), REST.read(draft.policy)) == ((3, 30), (7,))
    assert (found.rate, found.goal) == ((200, 1), TREE)
    assert found.expires_at is not None
    assert found.expires_at.isoformat() == "2026-03-01T01:00:00+00:00"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    "name",
    "channel",
    "purpose",
    "audience",
    "policy",
    "holdout",
    "at",
    "text",
    "variables",
    "link",
    "x",
]


@given(values=st.dictionaries(st.sampled_from(NAMES), JSON))
def test_garbage_is_bad_input_and_never_another_error(values: dict[str, Any]) -> None:
    with suppress(BadInput):
        read({**GOOD, **values}, CHECKS)


@given(
    policy=st.dictionaries(
        st.sampled_from(["leave_out_days", "cap", "quiet_hours", "goal", "expires_at", "rate"]), JSON
    )
)
def test_a_garbage_policy_too(policy: dict[str, Any]) -> None:
    with suppress(BadInput):
        Policy.of(read({**GOOD, "policy": policy}, CHECKS).policy)
