"""Whose address counts: what visitors make up, what proxies say, and what the doctor says of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import responses
from werkzeug.test import Client

from crm_plugin.cli.doctor.address import client_address_line
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.network.client_address import seen
from crm_plugin.kernel.settings import Settings
from crm_plugin.web.public import PublicApp
from tests.fakes.crm import make_crm

LOCAL = "127.0.0.0/8 ::1"
TWO = f"{LOCAL} 10.0.0.0/8, 2001:db8:1::/48"
VISITOR, LIE = "198.51.100.1", "203.0.113.9"
URL = "https://crm.example"


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("93.184.215.14", LIE, LOCAL, "93.184.215.14"),
        ("10.0.0.1", LIE, LOCAL, "10.0.0.1"),  # a pupil in the school's own network
        ("127.0.0.1", "", LOCAL, "127.0.0.1"),
        ("127.0.0.1", VISITOR, LOCAL, VISITOR),
        ("127.0.0.1", f"{LIE}, {VISITOR}", LOCAL, VISITOR),
        ("127.0.0.1", f"{LIE}, {VISITOR}, 10.0.0.9", LOCAL, "10.0.0.9"),
        ("127.0.0.1", f"{LIE}, {VISITOR}, 10.0.0.9", TWO, VISITOR),
        ("10.0.0.1", f"{LIE}, {VISITOR}", TWO, VISITOR),
        ("", f"{LIE},{VISITOR}", LOCAL, VISITOR),
        ("", VISITOR, "", VISITOR),
        ("127.0.0.1", VISITOR, "", "127.0.0.1"),
        ("unix:", VISITOR, LOCAL, "unix:"),
        ("::1", "2001:db8:1::5, 2001:DB8::0:7", TWO, "2001:db8::7"),
        ("::ffff:127.0.0.1", f"::ffff:{VISITOR}", LOCAL, VISITOR),
        ("127.0.0.1", f"{LIE}, {VISITOR}:41022", LOCAL, VISITOR),
        ("127.0.0.1", f"{LIE}, [2001:db8::7]:41022", LOCAL, "2001:db8::7"),
        ("127.0.0.1", f"{LIE}, unknown", LOCAL, "127.0.0.1"),
        ("127.0.0.1", f"{VISITOR}, {'x' * 70_000}, 10.0.0.9", TWO, "10.0.0.9"),
        ("127.0.0.1", f"{LIE},", LOCAL, "127.0.0.1"),
        ("127.0.0.1", "127.0.0.2, 127.0.0.3", LOCAL, "127.0.0.2"),
    ],
)
def test_only_the_words_of_trusted_proxies_count(
    peer: str, forwarded: str, trusted: str, address: str
) -> None:
    assert seen(peer, forwarded, trusted) == address


@pytest.mark.parametrize("value", ["*", "10.0.0.0/33", "proxy.example", "10.0.0.1/8"])
def test_what_is_no_network_is_refused_at_the_start(value: str) -> None:
    with pytest.raises(BadInput, match="trusted_proxies"):
        Settings(trusted_proxies=value)


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_an_installation_says_who_asks(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, instance=str(tmp_path), public_url="https://s.example/crm")
    client = Client(PublicApp(crm, lambda *_: [b""]))
    headers = {"X-Forwarded-For": f"{LIE}, <b>, {VISITOR}"}
    for path in ("/c/address", "/crm/c/address"):
        answer = client.get(path, headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"})
        assert (answer.status_code, answer.text) == (200, VISITOR)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.mimetype == "text/plain"
    assert client.post("/c/address").status_code == 405


@pytest.fixture
def asked() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def examined(
    asked: responses.RequestsMock, plain: str, forged: str, database: Database, url: str = URL
) -> str:
    asked.add("GET", f"{url}/c/address", plain)
    asked.add("GET", f"{url}/c/address", forged)
    ok, detail = client_address_line(make_crm(database, public_url=url))
    return f"{'ok' if ok else 'FAIL'} {detail}"


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_the_doctor_shows_the_address_that_is_seen(asked: responses.RequestsMock, database: Database) -> None:
    here = "93.184.215.14"
    assert examined(asked, here, here, database) == f"ok this machine is seen as {here}"
    assert asked.calls[1].request.headers["X-Forwarded-For"] == "192.0.2.1"
    said = examined(asked, here, "192.0.2.1", database)
    assert said.startswith("FAIL anybody can choose the address that counts")
    assert "if that is your proxy, name it" in examined(asked, "172.18.0.2", "172.18.0.2", database)
    assert "one of trusted_proxies" in examined(asked, "127.0.0.1", "192.0.2.1", database)
    local = examined(asked, "127.0.0.1", "192.0.2.1", database, "http://127.0.0.1:5000")
    assert local == "ok this machine is seen as 127.0.0.1"


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("answer", ["<html>", "", requests.ConnectionError("away"), RuntimeError("odd")])
def test_the_doctor_says_when_it_cannot_see(
    asked: responses.RequestsMock, database: Database, answer: str | Exception
) -> None:
    asked.add("GET", f"{URL}/c/address", answer)
    ok, detail = client_address_line(make_crm(database, public_url=URL))
    assert ok
    assert detail.startswith(f"not seen: {URL}/c/address does not answer from here (")
