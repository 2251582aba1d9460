"""Templates and links of SMS in campaigns: one text from launch to end, one link for everybody."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.models import Delivery
from crm_plugin.channels.outbox import listed
from crm_plugin.channels.sms_templates import approval, editing
from crm_plugin.channels.sms_templates.editing import Written
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import Conflict
from crm_plugin.links import measures, shared_links
from crm_plugin.links.ingest import classify_new, drain_clicks
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import signer
from tests.campaigns.fixtures import document, launched, preflight, run, world
from tests.fakes.crm import NOW
from tests.fakes.host import ALL, staff

BOSS = Actor("boss", "Boss", ALL)
TARGET = "https://school.example/course/1"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"


def template(crm: Crm, text: str) -> str:
    key = editing.create(crm, BOSS, Written("Own", text=text, purpose="service"))
    approval.sign_off(crm, BOSS, key)
    return key


def texts(crm: Crm, campaign: int) -> set[str]:
    with crm.db.read() as session:
        return {message.text.removeprefix("Fake School: ") for message in listed(session, campaign)}


def click(crm: Crm, text: str) -> tuple[int, int, int]:
    """Follow the short link of a text; return hits, human hits and people of all campaigns by then."""
    Redirector(crm).answer(text.rsplit("/", 1)[1], "GET", {"user-agent": PHONE}, "203.0.113.5")
    drain_clicks(crm)
    classify_new(crm)
    with crm.db.read() as session:
        query = sa.select(sa.func.max(Delivery.campaign_id))
        found = measures.tally(session, session.scalar(query) or 0)
    return found.hits, found.human_hits, found.people_clicked


def test_a_campaign_ends_with_the_text_that_it_began_with(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3, sms_carrier="outbox")
    key = template(crm, "First")
    values: dict[str, Any] = {"template": key, "purpose": "service"}
    first = launched(crm, **values)
    assert editing.change(crm, BOSS, key, Written("Own", text="Second", purpose="service")) == 2
    approval.sign_off(crm, BOSS, key)
    second = launched(crm, **values)
    run(crm)
    assert (texts(crm, first), texts(crm, second)) == ({"First"}, {"Second"})
    copied = queries.get(crm, first).document()
    kept = queries.get(crm, first).content
    assert (kept["template_version"], kept["link_mode"]) == (1, "per_recipient")
    assert not {"template_version", "link_mode"} & copied.keys()


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_template_is_kept_while_campaigns_need_it(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1, sms_carrier="outbox")
    key = template(crm, "First")
    campaign = drafts.create(crm, staff("tester"), document(name="Autumn", template=key, purpose="service"))
    for verb, *more in ((editing.delete,), (editing.put_away, True)):
        with pytest.raises(Conflict, match=r"in use by Autumn$"):
            verb(crm, BOSS, key, *more)
    service.launch(crm, staff("tester"), campaign)
    run(crm)
    with pytest.raises(Conflict, match=r"in use by Autumn$"):
        editing.delete(crm, BOSS, key)
    editing.put_away(crm, BOSS, key, True)


def test_one_link_for_everybody_counts_for_the_campaign(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=4, sms_carrier="outbox", sms_link_mode="per_campaign")
    campaign = launched(crm, template=template(crm, "See ${link}"), purpose="service", link=TARGET)
    warnings = preflight(crm, campaign).warnings
    assert "sms.shared_link" in [problem.code for problem in warnings]
    run(crm)
    (text,) = texts(crm, campaign)
    assert click(crm, text) == (1, 1, 0)
    assert click(crm, text)[0] == 2


def test_a_link_in_an_approved_text_counts_for_the_campaign_that_sent_it(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=2, sms_carrier="outbox", sms_link_mode="per_campaign")
    with crm.db.begin() as session:
        url = shared_links.make_shared(session, crm.settings, signer(crm), TARGET, NOW)
    key = template(crm, f"See {url}")
    assert click(crm, url) == (0, 0, 0)
    first = launched(crm, template=key, purpose="service")
    run(crm)
    assert texts(crm, first) == {f"See {url}"}
    assert click(crm, url) == (1, 1, 0)
    launched(crm, template=key, purpose="service")
    run(crm)
    assert click(crm, url) == (1, 1, 0), "since the second launch the clicks are the second one's"
    with crm.db.read() as session:
        assert measures.tally(session, first).hits == 1
        links = shared_links.shared_in(crm.settings, signer(crm), f"{url} https://x.example/r/abc")
        assert shared_links.shared_hits(session, links) == 3
        assert shared_links.targets_of_shared(session, links) == [TARGET]
        assert (shared_links.shared_hits(session, []), shared_links.targets_of_shared(session, [])) == (0, [])
