"""Words that differ from person to person: columns, fallbacks, and people who lack one."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.delivery import drain
from crm_plugin.campaigns.document.personalisation import COLUMNS
from crm_plugin.channels.models import OutboxMessage, SmsTemplate
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from tests.campaigns.fixtures import books, document, launched, preflight, ready, run, set_person, world
from tests.fakes.host import staff

EMAIL: dict[str, Any] = {
    "channel": "email",
    "template": None,
    "subject": "Hello",
    "text": "{{ display_name }} of {{ town }}\n",
    "personal": {"town": "city"},
}


def school(database: Database, folder: Path) -> Crm:
    """Five people: two have a city, one an empty one, one blanks, one none."""
    crm = world(database, folder, people=5)
    for number, city in ((1, "Leeds"), (2, "York"), (3, ""), (4, "  ")):
        set_person(crm, number, city=city)
    return crm


def texts(crm: Crm) -> list[str]:
    with crm.db.read() as session:
        return sorted(text.splitlines()[0] for text in session.scalars(sa.select(OutboxMessage.text)))


def test_a_column_of_the_person_is_a_word_of_the_campaign(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path)
    campaign = launched(crm, document(**EMAIL), fallbacks={"town": "your town"})
    run(crm)
    there = ["Person 1 of Leeds", "Person 2 of York"]
    assert texts(crm) == sorted([*there, *(f"Person {number} of your town" for number in (3, 4, 5))])
    assert books(crm, campaign) == {"considered": 5, "sent": 5}
    again = queries.get(crm, drafts.copy(crm, staff("ann"), campaign, "Again")).content
    assert (again["personal"], again["fallbacks"]) == ({"town": "city"}, {"town": "your town"})


def test_who_lacks_a_word_stands_in_the_way_until_somebody_decides(
    database: Database, tmp_path: Path
) -> None:
    crm = school(database, tmp_path)
    campaign = drafts.create(crm, staff("ann"), document(**EMAIL))
    found = preflight(crm, campaign)
    assert found.missing == {"town": 3}
    assert [(one.code, dict(one.params)) for one in found.errors] == [
        ("content.missing_variable", {"name": "town", "count": 3})
    ]
    with pytest.raises(BadInput, match="town has no value for 3 people"):
        service.launch(crm, staff("ann"), campaign)
    drafts.update(crm, staff("ann"), campaign, document(**EMAIL, lacking="leave_out"))
    found = preflight(crm, campaign)
    assert (found.errors, found.missing) == ([], {"town": 3})
    assert (found.reach.reached, found.reach.excluded) == (2, {"no_value": 3})
    assert "content.lacking_left_out" in [one.code for one in found.warnings]
    service.launch(crm, staff("ann"), campaign)
    run(crm)
    assert books(crm, campaign) == {"considered": 5, "excluded": {"no_value": 3}, "sent": 2}
    assert texts(crm) == ["Person 1 of Leeds", "Person 2 of York"]


def test_who_loses_a_word_after_the_freeze_is_left_out_too(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path)
    campaign = ready(crm, file=document(**EMAIL, lacking="leave_out"))
    set_person(crm, 2, city=None)
    drain.drain(crm, campaign)
    assert books(crm, campaign) == {"considered": 5, "excluded": {"no_value": 4}, "sent": 1}


def test_who_lacks_a_word_never_takes_an_address(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path)
    for number in (1, 5):
        set_person(crm, number, phone="+8613800000099", phone_key="+8613800000099")
    with crm.db.begin() as session:
        session.execute(sa.update(SmsTemplate).values(text="Hello ${town}"))
    own = {"personal": {"town": "city"}, "lacking": "leave_out"}
    campaign = launched(crm, document(**own))
    run(crm)
    assert books(crm, campaign) == {"considered": 5, "excluded": {"no_value": 2, "duplicate": 1}, "sent": 2}


def test_sms_have_such_words_too(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path)
    crm.settings.sms_carrier = "outbox"
    with crm.db.begin() as session:
        session.execute(sa.update(SmsTemplate).values(text="${town}: ${display_name}"))
    own = {"personal": {"town": "city"}, "fallbacks": {"town": "your town"}}
    campaign = drafts.create(crm, staff("ann"), document(**own))
    assert preflight(crm, campaign).errors == []
    send_test(crm, OPERATOR, campaign, "13912345678", "p5")
    assert "your town: Person 5" in texts(crm)[0]
    service.launch(crm, staff("ann"), campaign)
    run(crm)
    assert any("York: Person 2" in text for text in texts(crm))


@pytest.mark.parametrize(
    ("own", "place"),
    [
        ({"personal": []}, "personal"),
        ({"personal": {"Town": "city"}}, "personal.Town"),
        ({"personal": {"link": "city"}}, "personal.link"),
        ({"personal": {"not": "city"}}, "personal.not"),
        ({"personal": {"town": "phone"}}, "personal.town"),
        ({"personal": {"town": []}}, "personal.town"),
        ({"personal": {"town": "city"}, "variables": {"town": "Leeds"}}, "personal.town"),
        ({"fallbacks": "x"}, "fallbacks"),
        ({"fallbacks": {"town": "x"}}, "fallbacks.town"),
        ({"fallbacks": {"real_name": " "}}, "fallbacks.real_name"),
        ({"fallbacks": {"real_name": "x" * 201}}, "fallbacks.real_name"),
        ({"fallbacks": {"real_name": "x\0"}}, "fallbacks.real_name"),
        ({"fallbacks": {"real_name": 7}}, "fallbacks.real_name"),
        ({"lacking": "send"}, "lacking"),
        ({"lacking": ["block"]}, "lacking"),
    ],
)
@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_nonsense_is_refused_with_its_place(
    database: Database, tmp_path: Path, own: dict[str, Any], place: str
) -> None:
    crm = world(database, tmp_path)
    with pytest.raises(BadInput) as refused:
        drafts.create(crm, staff("ann"), document(**own))
    assert refused.value.place == place
    assert "phone" not in COLUMNS
    assert "email" not in COLUMNS
