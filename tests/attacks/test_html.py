"""HTML that wants to run, load, post or cover: none of it is in the message, nor in its preview."""

import contextlib
import socket
import threading
import time

import pytest

from crm_plugin.kernel.errors import BadInput
from crm_plugin.web.shell.rendering import HTML_POLICY
from tests.attacks.mail import Tags, page, tried
from tests.channels.email.test_email import compiled

ALLOWED_SCHEMES = ("https:", "http:", "mailto:", "tel:", "sms:", "#")
FORBIDDEN_TAGS = set(
    "script iframe frame frameset object embed applet form input button textarea select option svg math link "
    "base audio video source track picture canvas template noscript portal dialog slot".split()
)
FORBIDDEN_ATTRIBUTES = set("srcset background srcdoc formaction ping http-equiv xlink:href".split())
BAD_CSS = tuple("url( expression @import javascript behavior -moz-binding \\ <".split())

TAKEN_OUT = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://x.example/a.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script\x0c>alert(1)</script>",
    "<img src=https://x.example/a onerror=alert(1)>",
    "<p ONCLICK='alert(1)'>x</p>",
    "<p/onmouseover=alert(1)>x</p>",
    "<body onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<a href='blob:https://x/1'>x</a>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img src='javascript:alert(1)'>",
    "<img srcset='https://x.example/a.png 1x, javascript:x 2x'>",
    "<img lowsrc='https://x.example/a.png' dynsrc='https://x.example/b'>",
    "<table background='https://x.example/a.png'><tr><td background='javascript:x'>x</td></tr></table>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><foreignObject><iframe src=x></iframe></foreignObject></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<meta http-equiv=refresh content='0;url=https://x.example'>",
    "<base href='https://x.example/'>",
    "<link rel=stylesheet href='https://x.example/a.css'>",
    "<form action='https://x.example/'><input name=password><button formaction='https://x'>go</button></form>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='https://x.example/'></object><embed src='https://x.example/'>",
    "<video src=https://x.example/v><source src=https://x.example/w></video><audio src=x></audio>",
    "<p style='background:url(https://x.example/a)'>x</p>",
    "<p style='background:u\\72l(https://x.example/a)'>x</p>",
    "<p style='width:expression(alert(1))'>x</p>",
    "<p style='behavior:url(#default#time2)'>x</p>",
    "<p style='-moz-binding:url(https://x.example/x.xml#a)'>x</p>",
    "<p style='list-style-image:URL (https://x.example/a)'>x</p>",
    "<style>@import 'https://x.example/a.css';</style>",
    "<style>@import url(https://x.example/a.css);</style>",
    "<style>@font-face{font-family:x;src:url(https://x.example/f)}</style>",
    "<style>@media all{p{background:url(https://x.example/a)}}</style>",
    "<style>p{background-image:url('https://x.example/a')}</style><p>x</p>",
    "<style></style><script>alert(1)</script>",
    "<style>@media all{</style><script>alert(1)</script>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<!--><script>alert(1)</script>-->",
    "<!--[if mso]><script>alert(1)</script><![endif]-->",
    "<title><script>alert(1)</script></title>",
    "<textarea><script>alert(1)</script></textarea>",
    "<xmp><script>alert(1)</script></xmp>",
    "<template><script>alert(1)</script></template>",
    "<a href='https://a.example/' ping='https://x.example/p' target='_top' onfocus=x autofocus>x</a>",
]


@pytest.mark.parametrize("source", TAKEN_OUT, ids=lambda source: source[:50])
def test_nothing_that_runs_or_loads_is_left(source: str) -> None:
    text, code = tried(page, f"<p>ok</p>{source}<p>end</p>")
    assert code in ("", "content.bad_address")
    found = Tags(text or "")
    assert not found.tags & FORBIDDEN_TAGS
    for name, value in found.attributes:
        assert not name.startswith("on")
        assert name not in FORBIDDEN_ATTRIBUTES
        if name in ("href", "src"):
            assert value.lower().startswith(ALLOWED_SCHEMES), value
        if name == "style":
            assert_harmless(value)
    assert_harmless(found.styles)


def assert_harmless(css: str) -> None:
    css = css.lower().replace(" ", "")
    assert not [bad for bad in BAD_CSS if bad in css]


@pytest.mark.parametrize(
    "source",
    [
        "<img src='/logo.png'>",
        "<img src='logo.png'>",
        "<img src='//x.example/a.png'>",
        "<img src='http://x.example/a.png'>",
        "<img src='https:///a.png'>",
        "<img src='mailto:a@b.c'>",
        "<a href='/courses'>x</a>",
        "<a href='courses?id=1'>x</a>",
        "<a href='//x.example/'>x</a>",
        "<a href='?x'>x</a>",
    ],
)
def test_addresses_that_no_mail_program_finds_are_named(source: str) -> None:
    with pytest.raises(BadInput) as refused:
        page(source)
    assert refused.value.code == "content.bad_address"
    assert refused.value.place == "html"


BOMBS = {
    "style on everything": "<style>*{" + "color:red;" * 900 + "}</style>" + "<b>" * 3000,
    "deep nesting": "<div>" * 3900,
    "deep tables": "<table><tr><td>" * 1300,
    "many selectors": "<style>" + "b>b{color:red}" * 900 + "</style>" + "<b>" * 2000,
    "many attributes": "<p " + " ".join(f"a{n}=1" for n in range(2500)) + ">x</p>",
    "one long attribute": "<p title='" + "x" * 19_000 + "'>x</p>",
    "entities": "&amp;" * 3900,
    "broken entities": "&" * 19_000,
    "open angle brackets": "<" * 19_000,
    "open comments": "<!--" * 4900,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_document_takes_long_or_becomes_huge(name: str) -> None:
    began = time.process_time()
    text, code = tried(page, BOMBS[name] + "<p>x</p>")
    assert code in ("", "content.too_long")
    assert len(text or "") < 500_000
    assert time.process_time() - began < 5


VALUES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</style><script>",
    "]]>",
    "--><script>",
    "&lt;script&gt;",
    "\x00<b>",
    "＜script＞",
]
PLACES = (
    "<p>{{ username }}</p><img src='https://a.example/i' alt='{{ username }}'>"
    "<a href='https://a.example/?u={{ username }}' title='{{ username }}'>x</a>"
)


@pytest.mark.parametrize("value", VALUES)
def test_a_persons_value_opens_nothing(value: str) -> None:
    plain, hostile = Tags(page(PLACES, username="Ann")), Tags(page(PLACES, username=value))
    assert hostile.tags == plain.tags
    assert [name for name, _ in hostile.attributes] == [name for name, _ in plain.attributes]
    targets = [value for name, value in hostile.attributes if name == "href"]
    assert targets[0].startswith("https://a.example/?u=")


def test_a_preview_runs_and_fetches_nothing_even_so() -> None:
    rules = dict(part.strip().partition(" ")[::2] for part in HTML_POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["sandbox"] == ""
    assert "script-src" not in rules
    assert "http" not in HTML_POLICY


def test_the_html_of_an_email_fetches_nothing() -> None:
    called: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listening.accept()
                called.append(line.recv(100))
                line.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    number = listening.getsockname()[1]
    here, safe = f"http://127.0.0.1:{number}", f"https://127.0.0.1:{number}"
    links = "".join(
        f'<link rel="stylesheet" href="{one}">' for one in (f"{here}/a", "b.css", "file:///etc/hosts")
    )
    style = f"<style>@import '{here}/c'; p {{ color: red; background: url({here}/d) }}</style>"
    body = f'<p>Hello</p><img src="{safe}/e" alt="x"><svg><image href="{here}/f"/></svg>'
    compiled(f'<html><head><base href="{here}/">{links}{style}</head><body>{body}</body></html>', "service")
    with contextlib.suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(5)
    assert called == []
