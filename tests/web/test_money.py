"""Money on pages: the school's own currency by its bare sign, every other one with its country."""

from decimal import Decimal

import pytest

from crm_plugin.web.shell import formatting
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("own", "amount", "said"),
    [
        ("CNY", "CNY", "¥12.50"),
        ("CNY", "USD", "US$12.50"),
        ("CNY", "JPY", "JP¥12"),
        ("USD", "CNY", "CN¥12.50"),
        ("USD", "USD", "$12.50"),
        ("EUR", "EUR", "€12.50"),
        ("CHF", "CHF", "CHF12.50"),
    ],
)
def test_only_the_schools_own_currency_has_a_bare_sign(
    school: School, monkeypatch: pytest.MonkeyPatch, own: str, amount: str, said: str
) -> None:
    monkeypatch.setattr(formatting, "own_currency", lambda _crm: own)
    with school.app.test_request_context():
        monkeypatch.setattr(formatting, "crm", lambda: school.crm)
        assert formatting.money(Decimal("12.50"), amount) == said
        assert formatting.whole_money(Decimal(12), amount).strip("12") == said.strip("12.50")
