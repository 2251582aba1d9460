"""Bad links and bad clicks."""

import json

import sqlalchemy as sa

from crm_plugin.links import draft_link_check, ingest
from crm_plugin.links.click_line import FOLDER, Click, dump
from crm_plugin.links.measures import tally
from crm_plugin.links.models import Hit
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import make_links, signer
from tests.attacks.poison import failing, in_job, kept
from tests.fakes.crm import NOW, make_crm
from tests.fakes.web import page, pages
from tests.jobs.effects import PHONE, Here, do


@in_job("links.jobs.look")
def links_that_cannot_be_asked(here: Here) -> None:
    crm = make_crm(here.database, public_url="http://school.example")
    urls = {name: f"http://school.example/{name}" for name in ("bad", "redirects", "good")}
    failing(here, draft_link_check, "_probe", lambda _crm, url: url == urls["bad"])
    draft_link_check.ask(crm, ["http://www..example.com/", *urls.values()])
    with pages({urls["redirects"]: page(302, location="http://[bad"), urls["good"]: page()}):
        do(crm, "crm_plugin.links.jobs.look")
    found = draft_link_check.known(crm, ["http://www..example.com/", *urls.values()])
    assert [found[url].good for url in urls.values()] == [False, False, True]
    assert found["http://www..example.com/"].good is False
    assert (urls["bad"], "Bad") in kept(crm)["links.check"]
    assert draft_link_check.look(crm) == 0, "nothing is left to be asked"


@in_job("links.jobs.collect")
def clicks_that_cannot_be_kept_or_judged(here: Here) -> None:
    crm = make_crm(here.database, instance=str(here.folder))
    with crm.db.begin() as session:
        (link,) = make_links(session, 1, ["https://a.example/"], NOW)
    redirector, sign = Redirector(crm), signer(crm)
    odd = {"user-agent": "a\0b\ud800", "purpose": "x\0\ud800"}
    for agent in ({"user-agent": PHONE}, odd):
        redirector.answer(sign.code(link, 0), "GET", agent, "192.0.2.7")
    click = Click(sign.code(link, 5), NOW, "GET", PHONE)
    redirector._spool.append(json.dumps([*json.loads(dump(click))[:5], ["no marks"]]).encode())
    redirector._spool.append(dump(click))
    failing(
        here, ingest, "judge", lambda hits, *_: any(hit.agent == PHONE and hit.network == "" for hit in hits)
    )
    do(crm, "crm_plugin.links.jobs.collect")
    with crm.db.read() as session:
        assert tally(session, 1).hits == 3
        kinds = dict(
            session.execute(sa.select(Hit.delivery_id, sa.func.max(Hit.kind)).group_by(Hit.delivery_id)).all()
        )
    assert (kinds[0] != "new", kinds[5]) == (True, "new")
    failed = kept(crm)
    assert (failed["links.judge"], len(failed["links.clicks"])) == ([("5", "Bad")], 1)
    assert [path.suffix for path in (here.folder / FOLDER).glob("*.spool")] == [".spool"]
