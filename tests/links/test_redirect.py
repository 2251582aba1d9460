"""The redirect: first, from memory, byte for byte, and never an error for a link that we made."""

import json
import time
from pathlib import Path
from unittest.mock import patch
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import connect
from crm_plugin.kernel.errors import BadInput
from crm_plugin.links import target_cache
from crm_plugin.links.click_line import FOLDER
from crm_plugin.links.codes import ALPHABET, Signer
from crm_plugin.links.ingest import drain_clicks, lost_clicks
from crm_plugin.links.redirect import GUESSES, Answer, Redirector, as_header
from crm_plugin.links.service import KeptSigner, add_key, check_target, make_links, signer, targets_of
from tests.kernel.spools import waiting
from tests.links.conftest import Sent

SCHOOL = Answer(302, "https://school.example/")
SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def go(redirector: Redirector, code: str, method: str = "GET", address: str = "192.0.2.7") -> Answer:
    return redirector.answer(code, method, {"user-agent": "Mozilla/5.0"}, address)


def test_a_launch_is_known_at_once_and_kept_byte_for_byte(crm: Crm, sent: Sent) -> None:
    redirector = Redirector(crm)
    for target in ("https://a.example/x?y=1&amp;z=%2F+{{token}}#top", "http://b.example/" + "k" * 2000):
        (link,) = sent.links(target)
        for method in ("GET", "HEAD", "POST"):
            assert go(redirector, sent.code(link, 5), method) == Answer(302, target)
    assert drain_clicks(crm) == 6


def test_what_we_did_not_sign_is_not_found_and_counted_nowhere(crm: Crm, sent: Sent) -> None:
    redirector = Redirector(crm)
    (link,) = sent.links("https://a.example/")
    code = sent.code(link, 5)
    other = ALPHABET[ALPHABET.index(code[-1]) - 1]
    for bad in (code[:-1] + other, code + "2", "x", "nosuch", "../etc"):
        assert go(redirector, bad) == Answer(404)
    assert drain_clicks(crm) == 0


@SQLITE
def test_bad_codes_of_an_address_harm_no_good_one(
    crm: Crm, sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    redirector = Redirector(crm)
    (link,) = sent.links("https://a.example/")
    good = sent.code(link, 5)
    for number in range(GUESSES):
        assert go(redirector, f"{good}{ALPHABET[number]}") == Answer(404)
    with patch.object(redirector._targets, "_refresh") as refresh:
        assert go(redirector, Signer({99: b"another's"}).code(link, 5)) == SCHOOL
        assert not refresh.called, "a made-up key makes nobody ask the database any more"
    assert go(redirector, "wrong") == SCHOOL
    assert go(redirector, good) == Answer(302, "https://a.example/"), "the neighbours' links work"
    assert go(redirector, "wrong", address="192.0.2.8") == Answer(404)
    assert drain_clicks(crm) == 1
    assert caplog.text.count("bad codes") == 1
    assert "192.0.2" not in caplog.text


@SQLITE
def test_a_cold_start_without_a_database_uses_the_copy_on_disk(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    code = sent.code(link, 5)
    assert go(Redirector(crm), code) == Answer(302, "https://a.example/")
    copy = crm.instance / target_cache.SNAPSHOT
    assert copy.stat().st_mode & 0o077 == 0, "it holds the keys"
    away = connect("sqlite:////nosuch/folder/x.db")
    with patch.object(crm, "db", away):
        assert go(Redirector(crm), code) == Answer(302, "https://a.example/")
        copy.unlink()
        bare = Redirector(crm)
        assert go(bare, code) == SCHOOL
        assert bare.opt_out_signer("x") is None
    assert drain_clicks(crm) == 3, "judged when the database is back"


@SQLITE
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": {"1": "zz"}, "targets": {}}', '{"keys": 1}'])
def test_a_torn_copy_is_no_copy(crm: Crm, text: str) -> None:
    (crm.instance / target_cache.SNAPSHOT).write_text(text)
    with patch.object(crm, "db", connect("sqlite:////nosuch/folder/x.db")):
        assert go(Redirector(crm), "whatever") == SCHOOL


@SQLITE
def test_a_database_that_hangs_holds_only_the_first_visitors_up(crm: Crm, sent: Sent) -> None:
    (known,) = sent.links("https://a.example/")
    redirector = Redirector(crm)
    assert go(redirector, sent.code(known, 1)).location == "https://a.example/"
    (new,) = sent.links("https://b.example/", campaign=2)
    with patch.object(target_cache.Targets, "_read", lambda self: time.sleep(1.5)):
        assert go(redirector, sent.code(new, 1)) == SCHOOL
        started = time.monotonic()
        assert go(redirector, sent.code(new, 2)) == SCHOOL
        assert go(redirector, sent.code(known, 2)).location == "https://a.example/"
        assert time.monotonic() - started < 0.05


@SQLITE
def test_a_disk_that_is_full_costs_a_count_and_nothing_else(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    redirector = Redirector(crm)
    with patch("crm_plugin.kernel.spool.os.write", side_effect=OSError("full")):
        assert go(redirector, sent.code(link, 1)).location == "https://a.example/"
    assert redirector.lost == 1
    assert go(redirector, sent.code(link, 1)).location == "https://a.example/"
    assert waiting(crm.instance / FOLDER) > 0
    assert drain_clicks(crm) == 2, "the click, and the word of the lost one"
    with crm.db.read() as session:
        assert lost_clicks(session) == 1


def test_a_new_key_signs_and_old_codes_go_on(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    redirector, old = Redirector(crm), sent.code(link, 1)
    assert go(redirector, old).location
    with crm.db.begin() as session:
        assert add_key(session, crm.clock()) == 2
    crm.state(KeptSigner).signer = None
    new = sent.code(link, 1)
    assert new != old
    assert signer(crm).newest == 2
    time.sleep(target_cache.PATIENCE / 10)
    with patch.object(target_cache, "PAUSE", 0.0):
        assert go(redirector, new).location == go(redirector, old).location == "https://a.example/"


def test_links_of_a_launch_are_made_once(crm: Crm, sent: Sent) -> None:
    first = sent.links("https://a.example/", "https://b.example/")
    assert sent.links("https://a.example/", "https://b.example/") == first
    with crm.db.read() as session:
        assert list(targets_of(session, 1).values()) == ["https://a.example/", "https://b.example/"]


URLS = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(["a.example", "a.example:8080", "xn--fiq228c.example", "u@a.example"]),
    st.text(st.characters(min_codepoint=0x21, exclude_characters="\x7f", exclude_categories=["Cs"])).map(
        lambda rest: "/" + rest
    ),
)


@SQLITE
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(URLS)
def test_any_address_comes_back_exactly(crm: Crm, url: str) -> None:
    try:
        check_target(url)
    except BadInput:
        return
    with crm.db.begin() as session:
        (link,) = make_links(session, None, [url], crm.clock())
    answer = go(Redirector(crm), signer(crm).code(link, 1))
    assert answer.location is not None
    assert answer.location.isascii()
    if url.isascii():
        assert answer.location == url
    else:
        assert unquote(answer.location) == unquote(url)


def test_idn_and_chinese_paths_become_what_browsers_ask_for() -> None:
    assert (
        as_header("https://例え.jp:8/课程/1?q=a%2Fb")
        == "https://xn--r8jz45g.jp:8/%E8%AF%BE%E7%A8%8B/1?q=a%2Fb"
    )
    assert as_header("https://u@例え.jp") == "https://u@xn--r8jz45g.jp"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://a.example/",
        "javascript:alert(1)",
        "mailto:a@b.c",
        "//a.example",
        "http://",
        "https:///x",
        "http://a.example/\r\nSet-Cookie: x",
        " http://a.example/",
        "http://[bad/",
        "http://a:0/",
        "http://a/" + "x" * 9000,
    ],
)
def test_what_no_redirect_may_lead_to_is_refused(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_target(url, "link")
    assert refused.value.code == "link.bad_url"


@SQLITE
def test_the_copy_is_json_with_keys_and_targets(crm: Crm, sent: Sent, tmp_path: Path) -> None:
    (link,) = sent.links("https://a.example/课")
    go(Redirector(crm), sent.code(link, 1))
    found = json.loads((crm.instance / target_cache.SNAPSHOT).read_text())
    assert found["targets"] == {str(link): "https://a.example/课"}
    assert list(found["keys"]) == ["1"]
