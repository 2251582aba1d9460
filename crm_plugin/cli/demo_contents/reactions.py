"""What people do about a campaign of a demo: click, answer, opt out; mail servers scan and send back."""

import random
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import select

from crm_plugin.campaigns.feedback import bounces, replies
from crm_plugin.channels import outbox
from crm_plugin.channels.email.feedback.bounce_classification import Kind
from crm_plugin.channels.email.feedback.posted import Posted
from crm_plugin.channels.outbox import Taken
from crm_plugin.channels.sms.carriers.pushes import Inbound
from crm_plugin.cli.demo_contents.past import Past
from crm_plugin.cli.demo_contents.stories import Story
from crm_plugin.demo.models import HELD_MONEY, Message, Order
from crm_plugin.host.context import Crm
from crm_plugin.links import optout
from crm_plugin.links.ingest import classify_new, drain_clicks
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import signer

_PEOPLE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.3",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
)
_SCANNER = "Mozilla/5.0 (compatible; BarracudaCentral)"
_SCANNED, _OPTED_OUT, _BOUNCED = 0.06, 0.006, 0.008
"""Shares of e-mails."""
_LINK = re.compile(r"https?://\S+/r/\S+")
_WEEK = timedelta(days=7)


def seed(past: Past, campaign_id: int, story: Story, language: str) -> None:
    """Let people react to a campaign that was sent, in the hours and days after it."""
    taken = _taken(past, campaign_id)
    if not taken:
        return
    dice = random.Random(campaign_id)
    _click(past, taken, story, dice)
    if story.channel == "email":
        _opt_out(past, _some(dice, taken, _OPTED_OUT), dice)
        _send_back(past, _some(dice, taken, _BOUNCED))
    _answer(past, taken, [words[language] for words in story.replies], dice)
    _collect(past.at(past.present))


def _collect(crm: Crm) -> None:
    drain_clicks(crm)
    while classify_new(crm):
        pass


def _taken(past: Past, campaign_id: int) -> list[Taken]:
    """Return the messages of a campaign: the outbox has those by SMS and e-mail, the school the others."""
    with past.at(past.present).db.read() as session:
        found = outbox.listed(session, campaign_id, limit=10_000)
        keys = select(Message).where(Message.key.startswith(f"{campaign_id}-"))
        for row in session.scalars(keys):
            at = datetime.fromtimestamp(row.sent_at, UTC)
            message = (
                "message",
                str(row.user_id),
                "",
                row.subject,
                row.body,
                None,
                _LINK.findall(row.body),
                at,
            )
            found.append(Taken(row.id, str(row.key), campaign_id, *message))
    return found


def _some(dice: random.Random, taken: Sequence[Taken], share: float) -> list[Taken]:
    return dice.sample(taken, max(1, round(len(taken) * share)))


def _click(past: Past, taken: Sequence[Taken], story: Story, dice: random.Random) -> None:
    """Let some click, rather those who buy in the days after, and let mail servers scan."""
    buyers, found = _buyers(past, taken[0].at), []
    for one in taken:
        likely = story.clicks * (4 if one.person in buyers else 0.9)
        if dice.random() < likely:
            found.append((_later(dice, one.at), one, dice.choice(_PEOPLE)))
        if story.channel == "email" and dice.random() < _SCANNED:
            found.append((one.at + timedelta(seconds=2), one, _SCANNER))
    _follow(past, [(at, one, agent) for at, one, agent in found if at < past.present and one.links])


def _later(dice: random.Random, at: datetime) -> datetime:
    return at + timedelta(minutes=2 + dice.expovariate(1 / 400))


def _follow(past: Past, clicks: Iterable[tuple[datetime, Taken, str]]) -> None:
    """Ask for short links as browsers and programs do, each at its time."""
    redirector = Redirector(past.at(past.present))
    for at, one, agent in clicks:
        past.at(at)
        code = urlsplit(one.links[0]).path.rpartition("/")[2]
        redirector.answer(code, "GET", {"user-agent": agent}, "")
    redirector.close()


def _buyers(past: Past, at: datetime) -> set[str]:
    since = int(at.timestamp())
    paid = select(Order.user_id).where(
        Order.state.in_(HELD_MONEY), Order.paid_at.between(since, since + int(_WEEK.total_seconds()))
    )
    with past.at(at).db.read() as session:
        return {str(number) for number in session.scalars(paid)}


def _opt_out(past: Past, leaving: Iterable[Taken], dice: random.Random) -> None:
    """Follow the link that stands below a letter, and confirm."""
    for one in leaving:
        crm = past.at(at := _later(dice, one.at))
        asked = optout.read(signer(crm), one.text.rpartition("/u/")[2].split()[0])
        if asked is not None and at < past.present:
            optout.stop(crm, asked, [asked.channel], optout.Answer("page"))


def _send_back(past: Past, returned: Sequence[Taken]) -> None:
    kinds: tuple[tuple[Kind, str], ...] = (("hard", "5.1.1"), ("soft", "4.2.2"), ("soft", "4.2.2"))
    for place, one in enumerate(returned):
        kind, status = kinds[place % len(kinds)]
        crm = past.at(one.at + timedelta(minutes=1))
        bounces.post(crm, [Posted("", kind, status, None, address=one.address)])


def _answer(past: Past, taken: Sequence[Taken], texts: Sequence[str], dice: random.Random) -> None:
    for one, text in zip(dice.sample(taken, min(len(taken), len(texts))), texts, strict=False):
        at = _later(dice, one.at)
        if at < past.present:
            replies.take_all(past.at(at), "outbox", [Inbound(one.address, text, at)])
