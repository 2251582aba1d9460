"""The cost of a campaign by SMS: segments after filling in, the longest, the total."""

from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts, sms_cost
from crm_plugin.campaigns.composing.sms_cost import Cost
from crm_plugin.channels.outbox import listed
from crm_plugin.channels.sms.carriers.twilio import TwilioCarrier
from crm_plugin.channels.sms.cost import Price, price_of
from crm_plugin.channels.sms.message_parts import measure
from crm_plugin.channels.sms_templates import approval, editing
from crm_plugin.channels.sms_templates.editing import Written
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import Settings
from tests.campaigns.fixtures import document, preflight, run, set_person, world
from tests.fakes.host import ALL, staff

BOSS = Actor("boss", "Boss", ALL)
LONG = "Dear ${display_name}, " + "a" * 120
PRICE = Price(Decimal("0.05"), "CNY")


def school(database: Database, folder: Path, mainland: bool = False) -> Crm:
    """Six people: four with short names, one with a long one, one with Chinese letters."""
    crm = world(database, folder, people=6, sms_carrier="outbox", sms_price="0.05 CNY")
    if not mainland:
        for number in range(1, 7):
            set_person(crm, number, phone_key=f"+6591{number:06d}")
    set_person(crm, 2, display_name="x" * 60)
    set_person(crm, 4, display_name="王小明")
    return crm


def draft(crm: Crm, text: str, **values: str) -> int:
    key = editing.create(crm, BOSS, Written("Own", text=text, purpose="service", signature="S"))
    approval.sign_off(crm, BOSS, key)
    return drafts.create(crm, staff("tester"), document(template=key, purpose="service", **values))


def cost_of(crm: Crm, campaign: int) -> Cost:
    found = preflight(crm, campaign).cost
    assert found is not None
    return found


def test_it_says_before_what_the_carrier_will_bill(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path)
    campaign = draft(crm, LONG)
    found = cost_of(crm, campaign)
    service.launch(crm, staff("tester"), campaign)
    run(crm)
    with crm.db.read() as session:
        sizes = [measure(message.text) for message in listed(session, campaign)]
    assert [size.segments for size in sizes] == [1, 2, 1, 2, 1, 1]
    assert found == Cost(6, sum(size.segments for size in sizes), 2, 1, True, PRICE)
    assert (found.amount, found.at_worst) == (Decimal("0.40"), Decimal("0.60"))


def test_the_short_link_is_counted_and_one_text_for_all_is_multiplied(
    database: Database, tmp_path: Path
) -> None:
    crm = school(database, tmp_path)
    text = "a" * 115 + " ${link}"
    found = cost_of(crm, draft(crm, text, link="https://school.example/" + "long/" * 40))
    assert (found.people, found.segments, found.worst, found.exact) == (6, 6, 1, True)
    longer = cost_of(crm, draft(crm, "a" * 140 + " ${link}", link="https://s.example/"))
    assert (longer.segments, longer.worst) == (12, 2)


def test_mainland_numbers_are_billed_by_70_and_67(database: Database, tmp_path: Path) -> None:
    """159 English letters are three parts there, with one text for all and with names."""
    crm = school(database, tmp_path, mainland=True)
    alike = draft(crm, "a" * 156)
    signed = len("S: ") + 156
    assert signed == 159
    assert cost_of(crm, alike) == Cost(6, 18, 3, 6, True, PRICE)
    set_person(crm, 1, phone_key="+6591000001")
    assert cost_of(crm, alike) == Cost(6, 16, 3, 5, True, PRICE)
    named = cost_of(crm, draft(crm, LONG))
    assert (named.segments, named.worst) == (1 + 2 + 4 * 3, 3)
    with patch.multiple(sms_cost, COUNTED=3, SAMPLE=2):
        assert cost_of(crm, draft(crm, LONG)).worst == 3


def test_a_carrier_abroad_bills_its_own_way(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, mainland=True)
    alike = draft(crm, "a" * 156)
    with patch.object(sms_cost, "capabilities_of", lambda _carrier: TwilioCarrier.capabilities):
        assert cost_of(crm, alike) == Cost(6, 6, 1, 0, True, PRICE)


def test_many_are_estimated_and_the_longest_is_still_found(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path)
    campaign = draft(crm, LONG)
    with patch.multiple(sms_cost, COUNTED=3, SAMPLE=2):
        found = cost_of(crm, campaign)
    assert (found.people, found.exact, found.worst) == (6, False, 2), "every third person is looked at"
    assert found.segments == 6


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_other_channels_and_blocked_ones_have_no_cost(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path)
    values = {"channel": "message", "text": "Hello", "template": None}
    message = {key: value for key, value in document(**values).items() if value is not None}
    assert preflight(crm, drafts.create(crm, staff("tester"), message)).cost is None
    assert preflight(crm, draft(crm, "${coupon}")).cost is None


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("", None),
        ("0.045 CNY", Price(Decimal("0.045"), "CNY")),
        (" 12EUR", Price(Decimal(12), "EUR")),
    ],
)
def test_the_price_is_an_amount_and_its_currency(text: str, price: Price | None) -> None:
    assert price_of(Settings(sms_price=text)) == price


@pytest.mark.parametrize("text", ["0.045", "free", "-1 CNY", "1e9 CNY", "1 cny"])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        price_of(Settings(sms_price=text))
    assert refused.value.code == "settings.bad_value"
