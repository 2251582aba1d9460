"""Who counts as reachable by e-mail can be sent to: fields, check, reach and books agree (AC-70)."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.launch.reach import funnel
from crm_plugin.channels.email.smtp.offers import note
from crm_plugin.channels.email.smtp.probe import probe
from crm_plugin.channels.registry import carrier_for
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service as segments
from tests.campaigns.fixtures import EVERYBODY, books, launched, preflight, run
from tests.channels.email.test_smtp import Sink, free_port
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost, staff

WRITTEN = {
    "plain": ("Ada@school.example", "Ada@school.example"),
    "byte order mark": ("\ufeffbob@school.example\u200b", "bob@school.example"),
    "a full stop": ("eve@school.example.", "eve@school.example"),
    "two": ("fay@school.example; gus@school.example", "fay@school.example"),
    "docomo": ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp"),
    "no address": ("none", ""),
    "hidden": ("joe@school.invalid", ""),
}
INTERNATIONAL = {"accent": "josé@school.example", "han": "王芳@school.example"}
HAS_EMAIL = {"combinator": "and", "rules": [{"field": "has_email", "operator": "=", "value": True}]}
MAIL: dict[str, Any] = {
    "name": "News",
    "channel": "email",
    "template": None,
    "purpose": "service",
    "subject": "News",
    "text": "Hello",
}


@contextmanager
def server(utf8: bool) -> Iterator[tuple[Sink, int]]:
    sink, port = Sink(), free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port, enable_SMTPUTF8=utf8)
    controller.start()
    try:
        yield sink, port
    finally:
        controller.stop()


def sign_off(crm: Crm) -> None:
    """Let the carrier say goodbye before its server goes."""
    carrier_for(crm, "email").close()


def school(database: Database, folder: Path, port: int) -> tuple[Crm, FakeHost]:
    addresses = {**{name: text for name, (text, _) in WRITTEN.items()}, **INTERNATIONAL}
    people = [r.Person(name, display_name=name, email=text) for name, text in addresses.items()]
    settings: dict[str, Any] = {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "s@school.example"}
    host = FakeHost(*people)
    crm = make_crm(database, host, instance=str(folder), consent_unknown="send", **settings)
    sync(crm)
    return crm, host


@pytest.mark.parametrize("utf8", [False, True])
def test_every_number_is_of_those_who_get_it(database: Database, tmp_path: Path, utf8: bool) -> None:
    with server(utf8) as (sink, port):
        crm, _ = school(database, tmp_path, port)
        assert probe(crm, partial(note, crm))[0]
        expected = {address for _, address in WRITTEN.values() if address}
        expected |= set(INTERNATIONAL.values()) if utf8 else set()
        campaign = launched(crm, MAIL | {"audience": EVERYBODY})
        assert preflight(
            crm, drafts.create(crm, staff("a"), MAIL | {"audience": EVERYBODY})
        ).reach.reached == len(expected)
        assert funnel(crm, EVERYBODY, "email", 7).steps["reached"] == len(expected)
        assert segments.count(crm, HAS_EMAIL).count == len(expected)
        run(crm)
        found = books(crm, campaign)
        assert (found["sent"], found.get("failed", 0)) == (len(expected), 0)
        assert {address for one in sink.got for address in one.rcpt_tos} == expected
        assert {one.smtp_utf8 for one in sink.got} == {False, utf8}
        sign_off(crm)


def test_addresses_follow_what_the_server_offers(database: Database, tmp_path: Path) -> None:
    with server(True) as (_, port):
        crm, host = school(database, tmp_path, port)
        known = segments.count(crm, HAS_EMAIL).count
        with pytest.raises(BadInput, match="josé"):
            send_test(
                crm,
                staff("a"),
                drafts.create(crm, staff("a"), MAIL | {"audience": EVERYBODY}),
                "josé@x.example",
            )
        probe(crm, partial(note, crm))
        assert segments.count(crm, HAS_EMAIL).count == known + 2
        host.put(r.Person("late", display_name="Late", email="léa@school.example"))
        sync(crm)
        assert segments.count(crm, HAS_EMAIL).count == known + 3
    with server(False) as (_, other):
        crm.settings.smtp_url = f"smtp://127.0.0.1:{other}"
        probe(crm, partial(note, crm))
        assert segments.count(crm, HAS_EMAIL).count == known


def test_a_test_goes_to_an_address_that_the_server_takes(database: Database, tmp_path: Path) -> None:
    with server(True) as (sink, port):
        crm, _ = school(database, tmp_path, port)
        probe(crm, partial(note, crm))
        campaign = drafts.create(crm, staff("a"), MAIL | {"audience": EVERYBODY})
        assert send_test(crm, staff("a"), campaign, "josé@x.example").status == "accepted"
        assert "To: josé@x.example" in sink.got[0].content.decode()
        sign_off(crm)
