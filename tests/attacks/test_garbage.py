"""Bodies from outside that are no documents at all: each reader refuses in its own words, none breaks."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_plugin.channels.email.feedback import dsn, webhook
from crm_plugin.channels.email.feedback.providers.form import read as read_form
from crm_plugin.channels.email.feedback.providers.registry import PROVIDERS
from crm_plugin.kernel.errors import BadInput
from crm_plugin.links.click_line import load, load_lost

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("id", "kind", "status", "at", "address", "code", "message_id", "reason")
EVENTS = st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES | st.just("hard"), max_size=6) | VALUES)


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=60)
def test_a_body_of_a_provider_that_is_nothing_is_refused(body: bytes) -> None:
    with contextlib.suppress(BadInput):
        assert not webhook.read(body).events


@given(EVENTS)
@settings(max_examples=80)
def test_events_of_a_provider_are_read_or_refused_with_their_place(events: Any) -> None:
    found = webhook.read(json.dumps({"events": events}).encode())
    assert len(found.events) + len(found.bad) == len(events)
    assert all(str(error.place).startswith(f"events[{place}]") for place, error in found.bad)
    assert all(one.address or one.code or one.row for one in found.events)


NAMES = st.sampled_from(
    "event type RecordType notificationType bounce complaint mail recipient email Email data rcpt timestamp"
    " event-data signature id reason events destination bouncedRecipients failed_type".split()
)
DOCUMENTS = st.recursive(
    VALUES | st.sampled_from(["Bounce", "bounce", "failed", "spamreport", "hard_bounce"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)


@pytest.mark.parametrize("name", PROVIDERS)
@given(document=DOCUMENTS)
@settings(max_examples=60)
def test_a_document_of_a_provider_is_read_or_refused(name: str, document: Any) -> None:
    provider = PROVIDERS[name]
    with contextlib.suppress(BadInput):
        batch = read_form(name, provider.form, provider.unwrap(document))
        assert all(one.address or one.row for one in batch.events)


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_a_returned_mail_that_is_none_says_nothing(body: bytes) -> None:
    assert dsn.read(body, "").kind is None


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{", b"\xff", b"[1,2,3,4,5,6]", b'{"lost":"x"}', b"null", b"7"]
)
def test_a_torn_line_of_a_spool_is_no_click(line: bytes) -> None:
    assert load_lost(line) == 0
    assert load(line) is None or line.startswith(b"[1,")
