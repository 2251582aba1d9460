"""What carriers allow: declared, documented, and checked before a launch."""

import re
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.channels import service
from crm_plugin.channels.base import Context, SmsText
from crm_plugin.channels.carrier_capabilities import FREE_TEXT
from crm_plugin.channels.registry import capabilities_of
from crm_plugin.channels.sms.channel import SMS
from crm_plugin.channels.sms.templates import find, load_stock, set_code
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, NotFound
from tests.channels.sms.carriers.world import NAMES, settings_of
from tests.fakes.crm import NOW, make_crm

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
DOCS = Path(__file__).parents[4] / "docs" / "channels.md"


def test_the_table_is_what_the_code_declares() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.*) \|$", DOCS.read_text("utf-8"), re.M)
    found = {name: (int(batch), *rest.split(" | ")) for name, batch, rest in rows}
    assert found == {name: _row(name) for name in NAMES}


def _row(name: str) -> tuple[Any, ...]:
    declared = capabilities_of(name)
    flags = (declared.needs_template, declared.needs_signature)
    return (
        declared.batch,
        "yes" if declared.own_params else "no",
        declared.link_mode,
        ", ".join(declared.receipts),
        *("yes" if flag else "no" for flag in flags),
        str(declared.longest_value or "any"),
    )


def test_a_carrier_that_declares_nothing_takes_free_text() -> None:
    assert capabilities_of("outbox") == capabilities_of("nobody") == FREE_TEXT


def problems(text: str, variables: dict[str, str] | None = None, **context: Any) -> list[tuple[str, str]]:
    template = SmsText("t", text, "service", "approved", carrier_codes=context.pop("codes", {}))
    carrier = context.pop("carrier", "aliyun")
    known = Context(sms=template, sms_carrier=carrier, sms_rules=capabilities_of(carrier), **context)
    content = {"template": "t", "variables": variables or {}, "link": "https://a.example/"}
    found = SMS.compile(content, "service", known).problems
    assert all(problem.severe is (problem.code != "sms.shared_link") for problem in found)
    return [(problem.code, problem.place) for problem in found]


CODED = {"codes": {"aliyun": "SMS_1"}}


def test_a_template_needs_the_carriers_own_code() -> None:
    assert problems("欢迎") == [("sms.no_template_code", "template")]
    assert problems("欢迎", codes={"tencent": "1110"}) == [("sms.no_template_code", "template")]
    assert problems("欢迎", **CODED) == []
    assert problems("欢迎", carrier="twilio") == []


@pytest.mark.parametrize(
    ("text", "mode", "codes"),
    [
        ("看 ${link} 吧", "per_recipient", []),
        ("看 ${link} 吧", "per_campaign", ["sms.personal_link"]),
        ("看 ${link} 吧", "none", ["sms.personal_link"]),
        ("看 ${where} 吧", "per_campaign", ["sms.personal_link"]),
        ("看 https://a.example/x 吧", "per_campaign", ["sms.shared_link"]),
        ("看 www.a.example 吧", "none", ["sms.no_links"]),
        ("看吧", "none", []),
    ],
)
def test_links_go_by_the_contract(text: str, mode: Any, codes: list[str]) -> None:
    variables = {"where": "HTTPS://a.example/x"} if "where" in text else {}
    assert [code for code, _ in problems(text, variables, link_mode=mode, **CODED)] == codes


@pytest.mark.parametrize(
    ("text", "codes"),
    [("see ${link}", ["sms.shared_link"]), ("${unsubscribe}", ["sms.personal_link"]), ("see ${where}", [])],
)
def test_a_carrier_of_free_text_fills_in_one_link_for_all(text: str, codes: list[str]) -> None:
    variables = {"where": "https://a.example/x"} if "where" in text else {}
    found = problems(text, variables, carrier="http", link_mode="per_campaign")
    assert [code for code, _ in found] == codes


@pytest.mark.parametrize(("carrier", "codes"), [("aliyun", ["sms.service_template"]), ("twilio", [])])
def test_marketing_goes_out_with_its_opt_out_words(carrier: str, codes: list[str]) -> None:
    template = SmsText("t", "欢迎", "service", "approved", carrier_codes={"aliyun": "SMS_1"})
    known = Context(sms=template, sms_carrier=carrier, sms_rules=capabilities_of(carrier))
    assert [problem.code for problem in SMS.compile({"template": "t"}, "marketing", known).problems] == codes


def test_values_have_the_carriers_length() -> None:
    assert problems("${coupon}", {"coupon": "x" * 35}, **CODED) == []
    assert problems("${coupon}", {"coupon": "x" * 36}, **CODED) == [
        ("sms.value_too_long", "variables.coupon")
    ]
    assert problems("${coupon}", {"coupon": "x" * 36}, carrier="twilio") == []


@SQLITE
def test_preflight_knows_carrier_link_mode_and_signature(database: Database) -> None:
    settings: dict[str, Any] = settings_of("aliyun")
    crm = make_crm(database, **settings)
    content = {"template": "open-class-zh", "link": "https://a.example/", "variables": {"date": "1日"}}
    with crm.db.begin() as session:
        context = service.context(crm, session, content)
        assert (context.sms_carrier, context.link_mode) == ("aliyun", "per_campaign")
        assert context.sms_signature == "网校"
        codes = {
            problem.code
            for problem in service.compile_content(crm, session, "sms", content, "marketing").problems
        }
        assert {"sms.no_template_code", "sms.personal_link"} <= codes
        own = make_crm(database, **{**settings, "sms_link_mode": "per_recipient"})
        assert service.context(own, session, content).link_mode == "per_recipient"
        with pytest.raises(BadInput) as refused:
            service.context(make_crm(database, sms_link_mode="sometimes"), session, content)
    assert refused.value.code == "settings.bad_value"


@SQLITE
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"sms_carrier": "pigeon"}, "channel.unknown_carrier"),
        ({"sms_carrier": "twilio"}, "settings.missing"),
        ({"sms_carrier": "http", "sms_http_url": "gopher://x"}, "settings.bad_value"),
    ],
)
def test_a_carrier_that_cannot_work_is_a_problem(database: Database, settings: Any, code: str) -> None:
    crm = make_crm(database, **settings)
    assert [problem.code for problem in service.carrier_problems(crm, "sms")] == [code]
    assert service.carrier_problems(crm, "email") == []


def test_codes_stay_with_their_text(database: Database) -> None:
    crm = make_crm(database)

    def codes(key: str) -> dict[str, Any]:
        with crm.db.read() as session:
            found = find(session, key)
            assert found is not None
            return dict(found.carrier_codes)

    with crm.db.begin() as session:
        load_stock(session, NOW)
        set_code(session, "win-back-zh", "aliyun", " SMS_1 ", NOW)
        set_code(session, "win-back-zh", "tencent", "1110", NOW)
    crm.db.run(lambda session: load_stock(session, NOW))
    assert codes("win-back-zh") == {"aliyun": "SMS_1", "tencent": "1110"}
    with crm.db.begin() as session:
        set_code(session, "win-back-zh", "aliyun", "", NOW)
        for code in ("x" * 65, "a\nb"):
            with pytest.raises(BadInput):
                set_code(session, "win-back-zh", "aliyun", code, NOW)
        with pytest.raises(NotFound):
            set_code(session, "nobody", "aliyun", "SMS_3", NOW)
    assert codes("win-back-zh") == {"tencent": "1110"}
