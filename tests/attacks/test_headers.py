"""Values that want to be headers, or to look like somebody else: one line each, and only our headers."""

from email.utils import parseaddr

import pytest

from crm_plugin.channels.base import Context, Recipient
from crm_plugin.channels.email.channel import EMAIL
from crm_plugin.channels.email.headers import mailbox_header, text_header, url_header
from crm_plugin.kernel.errors import BadInput
from tests.attacks.mail import CONTEXT, OPT_OUT, read, tried, written

OURS = {
    *("From", "To", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Subject", "Date", "Message-ID"),
    *("MIME-Version", "Content-Type"),
}
LINES = [
    "x\r\nBcc: eve@x.example",
    "x\nBcc: eve@x.example",
    "x\rBcc: eve@x.example",
    "x\r\n\r\n<script>body</script>",
    "x\r\n Bcc: eve@x.example",
    "x\x00Bcc: eve",
    "x\x0bBcc: eve",
    "x\x0cBcc: eve",
    "x\x85Bcc: eve",
    "x\u2028Bcc: eve",
    "x\u2029Bcc: eve",
    "=?utf-8?q?x=0D=0ABcc:_eve@x.example?=",
    "x" * 100_000,
    "课" * 100_000,
    "\u202egpj.exe",
    "\u2066evil\u2069",
    "\ufeffx",
    "\ud800x",
]


@pytest.mark.parametrize("value", LINES, ids=lambda value: repr(value[:24]))
def test_a_value_in_the_subject_stays_there(value: str) -> None:
    data = written({"html": "<p>x</p>", "subject": "Hi {{ username }}"}, username=value)
    mail = read(data)
    assert {*mail.keys()} == OURS
    assert mail.get_all("To") == ["ann@a.example"]
    head = data.partition(b"\r\n\r\n")[0]
    assert b"\nBcc" not in head
    assert max(map(len, head.split(b"\r\n"))) < 998
    for mark in ("\u202e", "\u2066", "\ufeff", "\u2028", "\x00"):
        assert mark not in str(mail["Subject"])


@pytest.mark.parametrize("value", [*LINES[:6], "x\tx"], ids=repr)
def test_an_author_cannot_write_one_either(value: str) -> None:
    for content in ({"subject": value}, {"subject": "{{ a | default('x') }}", "variables": {"a": value}}):
        data, code = tried(written, {"html": "<p>x</p>", **content})
        assert code == "content.bad_header" or (data and {*read(data).keys()} == OURS)


SENDERS = [
    "School\r\nBcc: eve@x.example <a@b.example>",
    "School <a@b.example>\r\nBcc: eve@x.example",
    "School <a@b.example\r\nRCPT TO:<eve@x.example>>",
    "School\x00 <a@b.example>",
    "School <a b@c.example>",
    "School <@>",
    "School <>",
    "School",
    "",
]


@pytest.mark.parametrize("sender", SENDERS, ids=repr)
def test_a_sender_that_is_no_mailbox_is_named_before_launch(sender: str) -> None:
    context = Context(sender=sender, clock=CONTEXT.clock)
    (problem,) = EMAIL.compile({"subject": "x", "html": "<p>x</p>"}, "marketing", context).problems
    assert problem.code in ("content.bad_header", "channel.bad_address")


@pytest.mark.parametrize(
    "name",
    ['Eve" <eve@x.example>', "Eve, Bob", "Eve <eve@x.example>", "a@b.example", "学校 (x)", "=?utf-8?q?x?="],
)
def test_a_display_name_brings_no_second_address(name: str) -> None:
    line = mailbox_header("From", f'"{name.replace(chr(34), chr(92) + chr(34))}" <school@a.example>')
    mail = read(line.encode() + b"\r\n")
    (found,) = mail["From"].addresses
    assert found.addr_spec == "school@a.example"
    assert parseaddr(line.partition(": ")[2].strip())[1] == "school@a.example"


@pytest.mark.parametrize(
    "url",
    ["https://x/\r\nBcc: y", "https://x/ y", "https://x/<y>", "https://x/>,<mailto:y@z>", "https://课/", ""],
)
def test_an_opt_out_address_is_one_address(url: str) -> None:
    with pytest.raises(BadInput):
        url_header("List-Unsubscribe", url)


@pytest.mark.parametrize("extra", ["\r\nBcc: eve@x.example", "\x00", "\n", " , <mailto:eve@x.example>"])
def test_an_opt_out_address_with_more_in_it_sends_nothing(extra: str) -> None:
    made = EMAIL.compile({"subject": "x", "html": "<p>x</p>"}, "marketing", CONTEXT).ready()
    values = {"unsubscribe": OPT_OUT + extra}
    message, code = tried(made.render, Recipient("1-1", "7", "ann@a.example", values))
    line = message.headers["List-Unsubscribe"] if message else "<\n"
    assert code in ("", "content.bad_header")
    assert (line.count("\n"), line.count("<")) == (1, 1)


def test_a_key_of_a_message_is_only_letters_in_its_id() -> None:
    made = EMAIL.compile({"subject": "x", "html": "<p>x</p>"}, "marketing", CONTEXT).ready()
    message = made.render(Recipient("1-1>\r\nBcc: eve", "7", "ann@a.example", {"unsubscribe": OPT_OUT}))
    assert message.mime is not None
    assert {*read(message.mime(True)).keys()} == OURS


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\x00b", "a\x7fb"])
def test_no_header_takes_a_control_character(value: str) -> None:
    for header in (text_header, mailbox_header, url_header):
        with pytest.raises(BadInput):
            header("X", value)
