"""Each SMS carrier beside its counterpart on loopback, ready to send."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
import responses

from crm_plugin.channels.base import Carrier, Message
from crm_plugin.channels.registry import CARRIERS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from tests.fakes.crm import make_crm
from tests.fakes.sms import FakeAliyun, FakeHttp, FakeTencent, FakeTwilio, Gateway, serve

SECRET = "a secret for callbacks"
SETTINGS: dict[str, dict[str, str]] = {
    "http": {"sms_http_url": "{url}/send", "sms_http_token": "http-secret"},
    "aliyun": {
        "sms_aliyun_url": "{url}",
        "sms_aliyun_key_id": "ali-id",
        "sms_aliyun_key_secret": "ali-secret",
        "sms_signature": "网校",
    },
    "tencent": {
        "sms_tencent_url": "{url}",
        "sms_tencent_secret_id": "tc-id",
        "sms_tencent_secret_key": "tc-secret",
        "sms_tencent_app_id": "1400006666",
        "sms_signature": "网校",
    },
    "twilio": {
        "sms_twilio_url": "{url}",
        "sms_twilio_account": "AC1",
        "sms_twilio_token": "twilio-secret",
        "sms_twilio_from": "+15005550006",
    },
}
NAMES = tuple(SETTINGS)
SECRETS = ("http-secret", "ali-secret", "tc-secret", "twilio-secret", SECRET)

FAKES: dict[str, Callable[[], Gateway]] = {
    "http": lambda: FakeHttp("http-secret"),
    "aliyun": lambda: FakeAliyun(
        {"SMS_1": "${name}，欢迎", "SMS_0": "欢迎"}, ("ali-id", "ali-secret"), "网校"
    ),
    "tencent": lambda: FakeTencent({"1110": 1}, ("tc-id", "tc-secret"), "网校"),
    "twilio": lambda: FakeTwilio("AC1", "twilio-secret"),
}
CODES = {"aliyun": "SMS_1", "tencent": "1110"}


@dataclass
class Line:
    """A carrier of ours and the gateway behind it."""

    name: str
    crm: Crm
    carrier: Carrier
    gateway: Gateway

    def message(self, number: int, to: str = "", **changes: Any) -> Message:
        """Make a message that the gateway takes."""
        to = to or f"+86138000000{number:02d}"
        values: dict[str, Any] = {
            "params": {"name": f"学员{number}"},
            "template": CODES.get(self.name),
            "channel": "sms",
            "campaign_id": 1,
        }
        text = f"学员{number}，欢迎"
        return Message(f"1-{number}", f"p{number}", to, None, text, **{**values, **changes})

    def numbers(self) -> list[str]:
        """Return who the gateway took messages for, as E.164."""
        return [to if to.startswith("+") else f"+86{to}" for to, _ in self.gateway.taken]


def settings_of(name: str, url: str = "https://sms.example") -> dict[str, str]:
    """Return the settings of a carrier whose gateway has an address."""
    own = {key: value.format(url=url) for key, value in SETTINGS[name].items()}
    return {**own, "sms_carrier": name, "sms_callback_secret": SECRET}


def sent(web: responses.RequestsMock) -> tuple[requests.PreparedRequest, str]:
    """Return the only request and its body."""
    (call,) = web.calls
    body = call.request.body
    assert isinstance(body, bytes)
    return call.request, body.decode()


@contextmanager
def line(name: str, database: Database, **settings: Any) -> Iterator[Line]:
    """Open a line to a carrier."""
    with serve(FAKES[name]()) as gateway:
        crm = make_crm(database, **{**settings_of(name, gateway.url), **settings})
        carrier = CARRIERS[name](crm)
        try:
            yield Line(name, crm, carrier, gateway)
        finally:
            carrier.close()
