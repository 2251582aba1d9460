"""Addresses that colleagues type and others redirect us to: none leads into the school's network."""

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from urllib3.util import parse_url

import crm_plugin
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.network import public_fetch
from crm_plugin.kernel.network.public_fetch import NotAsked, NotFetched, fetch
from crm_plugin.kernel.network.web_address import parse
from crm_plugin.links import draft_link_check
from crm_plugin.links.service import check_target
from tests.fakes.crm import make_crm

CONNECT = socket.create_connection
PUBLIC = "93.184.216.34"
NAMES = {
    "school.example": ["10.1.2.3"],
    "good.example": [PUBLIC],
    "inside.example": ["127.0.0.1"],
    "mixed.example": [PUBLIC, "10.0.0.5"],
    "six.example": ["fd00:ec2::254"],
}
"""What the name service says."""
NOT_PUBLIC = """
    0.0.0.0 10.0.0.5 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254
    172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.9
    224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::a00:1
    100::1 2001::1 2001:db8::1 2002:7f00:1::1 2002:a00:1:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1
    fec0::1 ff02::1 ff0e::1
""".split()
SPELLED = """
    127.1 127.0.1 2130706433 017700000001 0177.0.0.1 0x7f.0.0.1 0x7f000001 0x7F.1 127.0.0.01 127.000.000.001
    4294967297 127.0.0.1.5 256.1.1.1 1.2.3 0 00000000 0x 10.1 192.168.257 3232235777 ①②⑦.0.0.1x.1 127。1
""".split()
"""Numbers as some programs read them and others do not."""
BROKEN = [
    "http://127.0.0.1:5846\\@8.8.8.8/",
    "http://good.example\\@inside.example/",
    "http://good.example\\.inside.example/",
    "http:\\\\inside.example/",
    "http:/\\inside.example/",
    "http://inside.example\\",
    "http://good.example/a\\b",
    "http://good.example/?q=\\",
    "http://good.example/#\\",
    "http://good.example@inside.example@good.example/",
    "http://a:b@c:d@good.example/",
    "http://[good.example]/",
    "http://[127.0.0.1]/",
    "http://[::1",
    "http://::1/",
    "http://[::1]x/",
    "http://[::1]:x/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[v1.a]/",
    "http://[bad",
    "http://[]/",
    "http://www..example.com/",
    "http://.example.com/",
    "http://good.example../",
    "http://./",
    "http://../",
    "http:///inside.example/",
    "http:////inside.example/",
    "http:inside.example",
    "http:/inside.example",
    "http://",
    "http://?q",
    "http://#x",
    "http://:80/",
    "http://@/",
    "http://user@/",
    "http://good.example:0/",
    "http://good.example:65536/",
    "http://good.example:99999/",
    "http://good.example:000080/",
    "http://good.example:-80/",
    "http://good.example:+80/",
    "http://good.example:８０/",
    "http://good.example:80:80/",
    "http://good.example:80x/",
    "http://good.example:8 0/",
    "http://%31%32%37.0.0.1/",
    "http://inside%2eexample/",
    "http://good.example%2f@inside.example:x/",
    "http://good.example%00.inside.example/",
    "http://a／b.example/",
    "http://a＠inside.example/",
    "http://a：80.example/",
    "http://a？b.example/",
    "http://a＃b.example/",
    "http://a＼b.example/",
    "http://a<b>.example/",
    "http://a|b.example/",
    "http://a^b.example/",
    "http://a'b.example/",
    "http://a,b.example/",
    "http://a;b.example/",
    "http://a*b.example/",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 130 + "example/",
    "http://" + "é" * 300 + ".example/",
    "//good.example/",
    "/path",
    "good.example",
    "ftp://good.example/",
    "file:///etc/passwd",
    "gopher://inside.example:70/_x",
    "dict://inside.example:11211/stat",
    "ldap://inside.example/",
    "jar:http://good.example!/",
    "javascript:alert(1)",
    "javascript://good.example/%0aalert(1)",
    "data:text/html,x",
    "view-source:http://good.example/",
    "url:http://good.example/",
    "http://good.example/\udc80",
    "ｈttp://good.example/",
    "",
    "http",
    "http:",
]
BLANKS = ["\t", "\n", "\r", "\x00", "\x0b", "\x0c", "\x1f", " ", "\x7f", "\x85", "\xa0", "\u2003", "\u2028"]
BLANKS += ["\u3000", "\u200b", "\ufeff", "\u202e", "\u2066"]
PLACES = [
    "{}http://good.example/",
    "ht{}tp://good.example/",
    "http:{}//good.example/",
    "http://{}good.example/",
]
PLACES += [
    "http://good{}.example/",
    "http://good.example{}/",
    "http://good.example/{}x",
    "http://good.example/{}",
]
REFUSED = [
    *BROKEN,
    *(f"http://{number}/" for number in SPELLED),
    *(place.format(blank) for place, blank in product(PLACES, BLANKS)),
]
READ = {
    "HTTP://Good.Example": "good.example",
    "https://good.example.": "good.example",
    "http://good.example:80": "good.example",
    "http://good.example:/x": "good.example",
    "http://user:word@good.example/": "good.example",
    "http://inside.example:80@good.example/": "good.example",
    "http://good.example?@inside.example/": "good.example",
    "http://good.example#@inside.example/": "good.example",
    "http://good.example/@inside.example/": "good.example",
    "http://good.example/{{token}}%2F&amp;+": "good.example",
    "http://ｇood.example/": "good.example",
    "http://good。example/": "good.example",
    "http://１２７.0.0.1/": "127.0.0.1",
    "http://ⓘnside.example/": "inside.example",
    "https://例え.jp/课程": "xn--r8jz45g.jp",
    "http://my_shop.example/": "my_shop.example",
    "http://[::FFFF:127.0.0.1]/": "::ffff:7f00:1",
}
INSIDE = [
    *(f"http://{f'[{one}]' if ':' in one else one}/" for one in NOT_PUBLIC),
    *("http://inside.example/", "http://mixed.example/", "https://six.example/", "http://nowhere.example/"),
    *("http://localhost/", "http://LOCALHOST./", "http://ⓘnside.example/", "http://１２７.0.0.1/"),
    *("https://user:word@inside.example/", "http://good.example@inside.example/"),
]


def test_two_hundred_addresses_are_tried() -> None:
    assert len({*REFUSED, *READ, *INSIDE}) > 200


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Answer look-ups by the table, and refuse connections; what we would have connected to."""
    tried: list[tuple[str, int]] = []

    def look_up(host: str, port: int, *_rest: Any, **_named: Any) -> list[Any]:
        found = NAMES.get(host)
        if found is None:
            try:
                found = [str(ipaddress.ip_address(host))]
            except ValueError:
                found = ["127.0.0.1"] if host == "localhost" else []
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    def connect(number: tuple[str, int], *_rest: Any) -> Any:
        tried.append(number)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


@pytest.mark.parametrize("url", REFUSED)
def test_what_programs_read_in_different_ways_is_no_target(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_target(url)
    assert refused.value.code == "link.bad_url"


@pytest.mark.parametrize(("url", "host"), READ.items())
def test_what_all_read_alike_is_read_so(url: str, host: str) -> None:
    address = parse(url)
    assert address.host == host
    # The library that carriers are called with, and browsers, come to the same host.
    assert one_spelling(parse_url(address.ascii).host or "") == host


def one_spelling(host: str) -> str:
    bare = host.strip("[]").removesuffix(".")
    return str(ipaddress.IPv6Address(bare)) if ":" in bare else bare


@pytest.mark.parametrize("url", INSIDE)
def test_nothing_inside_is_asked(url: str, numbers: list[tuple[str, int]]) -> None:
    with pytest.raises(NotAsked) as refused:
        fetch(parse(url))
    assert (refused.value.args, numbers) == (("private",), [])


@pytest.mark.parametrize("port", [22, 25, 79, 81, 444, 5846, 6379, 8080, 65535])
def test_only_the_ports_of_the_web_are_opened(port: int, numbers: list[tuple[str, int]]) -> None:
    address = parse(f"http://good.example:{port}/")
    with pytest.raises(NotAsked, match="port"):
        fetch(address, own=[address.origin])
    assert numbers == []


def test_what_was_looked_up_is_connected_to(
    numbers: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    first = socket.getaddrinfo

    def turns(host: str, port: int, **named: Any) -> Any:
        asked.append(host)
        return first(host if len(asked) == 1 else "inside.example", port, **named)

    monkeypatch.setattr(socket, "getaddrinfo", turns)
    with pytest.raises(NotFetched, match="connection"):
        fetch(parse("http://good.example/"))
    assert (asked, numbers) == (["good.example"], [(PUBLIC, 80)])


def test_only_what_the_operator_named_may_be_inside(numbers: list[tuple[str, int]]) -> None:
    own = [parse("https://school.example").origin]
    with pytest.raises(NotFetched, match="connection"):
        fetch(parse("https://school.example/course/1"), own=own)
    assert numbers == [("10.1.2.3", 443)]
    with pytest.raises(NotAsked):
        fetch(parse("http://school.example/"), own=own)


Answer = Callable[[socket.socket], None]


@contextmanager
def server(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> Iterator[list[bytes]]:
    """Answer every connection of a fetch from this machine; gives the heads of the requests."""
    heads: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def connect(_number: tuple[str, int], *rest: Any) -> socket.socket:
        return CONNECT(listening.getsockname(), *rest)

    def serve() -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            with line:
                heads.append(line.recv(4096))
                try:
                    answer(line)
                except OSError:
                    continue

    monkeypatch.setattr(socket, "create_connection", connect)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield heads
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(5)


def moved(to: str) -> Answer:
    return lambda line: line.sendall(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n".encode())


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_each_hop_is_checked(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crm = make_crm(database, None, public_url="http://school.example", instance=str(tmp_path))
    url = "http://good.example/course?q=1#part"
    for to, reason in (
        ("http://inside.example/", "private"),
        ("//inside.example/", "private"),
        ("http://169.254.169.254/latest/meta-data", "private"),
        ("http://good.example:6379/", "port"),
        ("http://127.0.0.1\\@good.example/", "address"),
        ("http://[bad", "address"),
        ("file:///etc/passwd", "address"),
        ("/again", "redirects"),
    ):
        with server(monkeypatch, moved(to)) as heads:
            draft_link_check.ask(crm, [url])
            draft_link_check.look(crm)
        assert draft_link_check.known(crm, [url])[url].reason == reason
        assert len(heads) == (5 if reason == "redirects" else 1)
    assert heads[0].startswith(b"GET /course?q=1 HTTP/1.1\r\n")
    assert b"\r\nHost: good.example\r\n" in heads[0]
    assert heads[1].startswith(b"GET /again HTTP/1.1\r\n")
    assert not any(word in heads[0].lower() for word in (b"authorization", b"cookie", b"word"))


@pytest.mark.usefixtures("numbers")
def test_a_server_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100):
            line.sendall(b"X: y\r\n")
            time.sleep(0.05)

    def body(line: socket.socket, more: bytes = b"") -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n" + more + b"\r\n")
        drip(line)

    for answer in (drip, body, partial(body, more=b"Connection: close\r\n")):
        with server(monkeypatch, answer):
            started = time.monotonic()
            with pytest.raises(NotFetched, match="time"):
                fetch(parse("http://user:word@good.example/"), most=1000, seconds=0.3)
            assert time.monotonic() - started < 2


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize(
    "answer",
    [b"", b"\x00" * 50, b"HTTP/1.1 9", b"HTTP/1.1 abc OK\r\n\r\n", b"SSH-2.0-x\r\n", b"A" * 70_000],
    ids=["nothing", "zeros", "cut", "letters", "ssh", "endless"],
)
def test_what_is_no_answer_of_the_web_is_an_answer_to_nothing(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(monkeypatch, lambda line: line.sendall(answer)), pytest.raises(NotFetched):
        fetch(parse("http://good.example/"))


def test_a_certificate_must_be_good(monkeypatch: pytest.MonkeyPatch, numbers: Any) -> None:
    with server(monkeypatch, lambda line: line.sendall(b"no TLS")), pytest.raises(NotFetched):
        fetch(parse("https://good.example/"))
    assert public_fetch.PORTS == (80, 443)


def test_there_is_one_place_for_what_others_chose() -> None:
    callers = re.compile(r"^(?:import|from) (?:requests|http\.client|urllib\.request|urllib3)\b", re.M)
    package = Path(crm_plugin.__file__).parent
    files = [one for one in package.rglob("*.py") if callers.search(one.read_text())]
    found = {str(one.relative_to(package)) for one in files}
    # Carriers and the doctor's question lead where the operator said.
    set_by_operator = {one for one in found if one.startswith(("channels/sms/carriers/", "cli/doctor/"))}
    assert found - set_by_operator == {"kernel/network/public_fetch.py"}
