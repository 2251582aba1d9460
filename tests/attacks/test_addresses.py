"""Addresses that want to be commands, several addresses, or somebody else's: no message goes there."""

from typing import Any

import pytest

from crm_plugin.channels.base import Message
from crm_plugin.channels.email.headers import ascii_address, written_address
from crm_plugin.channels.email.smtp.carrier import SmtpCarrier
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.store.email_addresses import email_key
from crm_plugin.profiles.store.phone_numbers import phone_key
from tests.attacks.mail import tried, written

EMAILS = [
    "a@b.example\r\nRCPT TO:<eve@x.example>",
    "a@b.example\nBcc: eve@x.example",
    "a@b.example\r\nDATA",
    "a@b.example>",
    "<a@b.example>",
    "a@b.example> SIZE=1",
    "a@b.example,eve@x.example",
    "a@b.example;eve@x.example",
    "a@b.example eve@x.example",
    '"a b"@c.example',
    '"a@b"@c.example',
    "a@[127.0.0.1]",
    "a@[IPv6:::1]",
    "a@b@c.example",
    "a%eve@x.example@b.example",
    "a..b@c.example",
    ".a@c.example",
    "a@-c.example",
    "a@c..example",
    "a@c_d.example",
    "a@localhost",
    "a@school.invalid",
    "a\x00@c.example",
    "a\u202e@c.example",
    "a@c.ex\u2066ample",
    "a" * 65 + "@c.example",
    "a@" + "c" * 64 + ".example",
    "a@" + "c." * 130 + "example",
    "@",
    "a@",
    "@c.example",
    "mailto:a@c.example",
]


@pytest.mark.parametrize("address", EMAILS, ids=lambda address: repr(address[:30]))
def test_no_such_e_mail_address_reaches_an_envelope(address: str) -> None:
    """Either it is no address at all, or what stays of it is one address that is safe to write out."""
    key = email_key(address)
    if key is not None:
        assert ascii_address(key) == key
        assert key.count("@") == 1
        assert not set(key) & set('\r\n\x00<>,; \t"')
    made, code = tried(ascii_address, address)
    assert (made, code) in ((address, ""), (None, "channel.bad_address"))
    assert not set(made or "") & set('\r\n\x00<>,; \t"[]')


@pytest.mark.parametrize("address", EMAILS[:13], ids=repr)
def test_a_message_to_one_harms_its_own_row_only(address: str) -> None:
    with pytest.raises(BadInput) as refused:
        written({"html": "<p>x</p>"}, address=address)
    assert refused.value.code == "channel.bad_address"


class Wire:
    """As much of a connection as one message asks for; it keeps what goes over the wire."""

    def __init__(self) -> None:
        self.said = b""
        self.sock = None

    def has_extn(self, name: str) -> bool:
        return True

    def docmd(self, command: str) -> tuple[int, bytes]:
        self.said += command.encode() + b"\r\n"
        return self.getreply()

    def send(self, data: bytes | str) -> None:
        self.said += data if isinstance(data, bytes) else data.encode()

    def getreply(self) -> tuple[int, bytes]:
        return (354 if self.said.endswith(b"DATA\r\n") else 250), b"ok"


class Owner:
    settings = Settings(smtp_url="smtp://127.0.0.1:1", mail_from="s@school.example")


@pytest.mark.parametrize("address", EMAILS, ids=lambda address: repr(address[:30]))
def test_the_mail_server_is_given_one_recipient_or_nothing(address: str) -> None:
    carrier, wire = SmtpCarrier(Owner()), Wire()
    carrier.lanes.lanes[0].link = wire  # type: ignore[assignment]
    message = Message("k", "7", address, "x", "x", mime=lambda eight_bit: b"x\r\n")
    (receipt,) = carrier.submit([message], lambda: True)
    if receipt.status == "accepted":
        commands = wire.said.partition(b"DATA")[0].decode().split("\r\n")
        assert [one for one in commands if one.startswith("RCPT")] == [
            f"RCPT TO:<{written_address(address)}>"
        ]
        assert commands[0].startswith("MAIL FROM:<s@school.example>")
    else:
        assert (receipt.status, receipt.reason, wire.said) == ("rejected", "bad_address", b"")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("Ａnn@Ａ.example", "ann@a.example"),
        ("  ann@a.example ", "ann@a.example"),
        ("ann@пример.example", "ann@xn--e1afmkfd.example"),
        ("josé@a.example", "josé@a.example"),
    ],
)
def test_what_only_looks_odd_is_one_spelling(address: str, key: str) -> None:
    assert email_key(address) == key


PHONES: list[tuple[str, Any]] = [
    ("+8613800138000;ext=1", "+8613800138000"),
    ("13800138000,13900139000", "+8613800138000"),
    ("13800138000\r\n13900139000", "+8613800138000"),
    ("138001380000000000", None),
    ("+1900", None),
    ("tel:+86 138 0013 8000", "+8613800138000"),
    ("１３８００１３８０００", "+8613800138000"),
    ("' OR 1=1 --", None),
    ("9" * 100_000, None),
    ("+" * 5000, None),
    ("010-62345678", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "key"), PHONES, ids=lambda text: repr(text)[:30])
def test_telephones_are_one_number_or_none(text: str, key: str | None) -> None:
    assert phone_key(text, "CN") == key
