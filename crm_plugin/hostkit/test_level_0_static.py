"""Level 0: the plug-in itself is a host, and its facts agree with each other and with its hooks."""

import pytest

from crm_plugin.host.answer_checks import info_problem, known_fields
from crm_plugin.host.gateway import Gateway
from crm_plugin.host.records import STREAMS
from crm_plugin.host.registration import registered
from crm_plugin.kernel.errors import Unavailable

HOOKS = {
    "message": ("host_send_message",),
    "layout": ("host_layout",),
    "pins": ("host_publish_pins",),
    "figures": ("host_publish_figures",),
    "consent.write": ("host_push_consent",),
    "convert": ("host_create_person",),
    **{f"changes.{stream}": ("host_mark", "host_changes") for stream in STREAMS},
}
"""Capability → hooks that must be there when it is claimed."""


def test_the_plug_in_is_a_host(host_plugin: object) -> None:
    """It answers the required hooks, misspells none and asks for no argument that there is not."""
    try:
        registered(host_plugin)
    except Unavailable as error:
        pytest.fail(str(error), pytrace=False)


def test_the_facts_are_consistent(host_gateway: Gateway) -> None:
    """Zone, codes, streams, fields and capabilities are such as the contract names."""
    assert info_problem(host_gateway.info) is None


def test_the_facts_stay_the_same(host_gateway: Gateway) -> None:
    """Called twice, the host answers the same."""
    first = host_gateway.info
    assert host_gateway.refresh_info() == first


def test_every_stream_lists_its_fields(host_gateway: Gateway) -> None:
    """A stream without fields would hide every condition on it."""
    info = host_gateway.info
    missing = [stream for stream in info.streams if "id" not in info.fields.get(stream, ())]
    assert not missing, "streams whose fields are not listed (id is one of them)"


def test_claimed_capabilities_have_their_hooks(host_gateway: Gateway, host_plugin: object) -> None:
    """A host that claims a capability answers the hooks that it needs."""
    hook = registered(host_plugin).hook
    lacking = [
        f"{claim} needs {name}"
        for claim in host_gateway.info.capabilities
        for name in HOOKS.get(claim, ())
        if not getattr(hook, name).get_hookimpls()
    ]
    assert not lacking
    if host_gateway.can("message.idempotent"):
        assert host_gateway.can("message"), "message.idempotent without message"


def test_lags_name_what_there_is(host_gateway: Gateway) -> None:
    """A lag is that of a stream or of one of its fields, in seconds."""
    info = host_gateway.info
    for name, seconds in info.lag.items():
        stream, _, field = name.partition(".")
        assert stream in info.streams, name
        known = not field or field in known_fields(stream) or field.startswith("attributes.")
        assert known, f"{name}: {stream} has no such field"
        assert seconds > 0, name
