"""Opt-out pages and short links as somebody would misuse them: guessed, altered, stuffed, scripted."""

from pathlib import Path

import pytest
from werkzeug.test import Client

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links.codes import ALPHABET, LONGEST
from crm_plugin.links.service import signer
from crm_plugin.web.public import PublicApp
from tests.fakes.crm import make_crm
from tests.web.test_public import SQLITE, add_person, kept
from tests.web.test_public import school as host_app

pytestmark = SQLITE


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    made = make_crm(database, instance=str(tmp_path), public_url="https://s.example")
    signer(made)  # the first message of an installation makes its key
    return made


@pytest.fixture
def client(crm: Crm) -> Client:
    return Client(PublicApp(crm, host_app))


@pytest.fixture
def token(crm: Crm) -> str:
    ann = add_person(crm, "ann", email_key="ann@a.example", phone_key="+8613800138000")
    add_person(crm, "bob", email_key="bob@a.example")
    return signer(crm).opt_out_token(ann, "email", 7)


def test_no_letter_of_a_token_can_be_changed(crm: Crm, client: Client, token: str) -> None:
    channel, _, code = token.partition("-")
    for place in range(len(code)):
        other = ALPHABET[(ALPHABET.index(code[place]) + 1) % len(ALPHABET)]
        changed = f"{channel}-{code[:place]}{other}{code[place + 1 :]}"
        assert client.post(f"/u/{changed}", data={"scope": "all"}).status_code == 404
    assert kept(crm) == (set(), set(), 0)


def test_a_token_is_good_for_nothing_else(crm: Crm, client: Client, token: str) -> None:
    code = token.partition("-")[2]
    keys = signer(crm)
    for other in (
        f"sms-{code}",
        f"message-{code}",
        f"nosuch-{code}",
        code,
        f"-{code}",
        f"email-{keys.code(1, 7)}",
        f"email-{keys.bounce_code(1, 7)}",
    ):
        assert client.post(f"/u/{other}").status_code == 404
    assert client.get(f"/r/{code}").status_code == 404
    assert keys.read_bounce(code) is None
    assert kept(crm) == (set(), set(), 0)


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "email-",
        "-",
        "email-" + "z" * (LONGEST + 1),
        "z" * 100_000,
        "%00",
        "email-%0d%0aX",
        "<script>",
        "'--",
    ],
)
def test_junk_gets_the_same_helpful_page(client: Client, path: str) -> None:
    answer = client.get(f"/u/{path}")
    assert answer.status_code == 404
    assert "This link is not valid" in answer.text
    assert "<script>" not in answer.text
    assert "'--" not in answer.text


@pytest.mark.parametrize("path", ["../page.css", "..%2fwords.py", "page.css/../../x", "words.py", "PAGE.CSS"])
def test_no_file_but_the_style_is_served(client: Client, path: str) -> None:
    answer = client.get(f"/u/{path}")
    assert answer.status_code in (401, 404)
    assert b"WORDS" not in answer.data


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=y>',
    "zh\r\nSet-Cookie: a=b",
    "../../zh",
    "课" * 5000,
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:20]))
def test_nothing_of_a_request_comes_back(client: Client, token: str, value: str) -> None:
    sent = {"lang": value, "scope": value, "channel": value}
    latin = value.encode().decode("latin-1").replace("\r", "").replace("\n", "")
    headers = {"Accept-Language": latin, "User-Agent": latin, "X-Forwarded-For": latin, "Referer": latin}
    for answer in (
        client.get(f"/u/{token}", query_string=sent, headers=headers),
        client.post(f"/u/{token}", query_string=sent, data=sent, headers=headers),
    ):
        assert answer.status_code == 200
        assert value not in answer.text
        assert "onerror" not in answer.text
        assert "Set-Cookie" not in answer.headers


def test_a_form_names_only_channels_of_this_person(crm: Crm, client: Client, token: str) -> None:
    junk = {f"on:{name}": "1" for name in ("bob", "email'", "../sms", "", "person")}
    for scope in ("choices", "undo"):
        assert client.post(f"/u/{token}", data={"scope": scope, **junk}).status_code == 200
    assert kept(crm) == (set(), set(), 0)


def test_a_thousand_wrong_codes_tell_nothing_more(client: Client) -> None:
    answers = [client.get(f"/r/{'x' * 12}{n}").status_code for n in range(60)]
    assert answers[0] == 404
    assert answers[-1] == 302, "from here on good codes and bad ones look the same"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "\u00e9"])
def test_other_methods_do_nothing(crm: Crm, client: Client, token: str, method: str) -> None:
    assert client.open(f"/u/{token}", method=method).status_code == 405
    assert kept(crm) == (set(), set(), 0)
