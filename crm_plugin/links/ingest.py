"""From spooled lines to judged hits: bulk insert, then the judgement of every row that got new ones."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.kernel.spool import Records, drain
from crm_plugin.kernel.storable import cleaned
from crm_plugin.links.bot_agents import is_program
from crm_plugin.links.classify import NEW, Facts, Judged, Message, Raw, crowded, judge
from crm_plugin.links.click_line import FOLDER, Click, load, load_lost
from crm_plugin.links.codes import Signer
from crm_plugin.links.measures import NOT_HITS, recount
from crm_plugin.links.message_source import MessageSource
from crm_plugin.links.models import Hit, Link
from crm_plugin.links.service import signer

BATCH = 500
"""Ledger rows that are judged in one transaction."""

TAKEN, JUDGED = "links.clicks", "links.judge"
"""Names of the jobs that clicks go through."""
LOST = "links.lost"
"""Name under which the number of clicks is kept that no disk took."""


def lost_clicks(session: Session) -> int:
    """Return how many clicks could not be written down since the installation, for the health page."""
    return int(kept(session, LOST, 0))


def drain_clicks(crm: Crm) -> int:
    """Insert what this machine's processes have spooled; return how many clicks there were.

    A batch that comes twice is inserted once: a hit is named by (spool, offset).
    """
    folder = crm.instance / FOLDER
    if not folder.is_dir():
        return 0
    round_ = crm.round(TAKEN)

    def take(spool: str, records: Records) -> None:
        round_.together(records, partial(_insert, crm, spool), lambda one: f"{spool} {one[0]}")

    return drain(folder, take, round_)


def _insert(crm: Crm, spool: str, records: Sequence[tuple[int, bytes]]) -> None:
    sign = signer(crm)
    rows = [row for offset, line in records if (row := _row(sign, spool, offset, load(line))) is not None]
    lost = sum(load_lost(line) for _offset, line in records)
    if rows or lost:
        crm.db.run(lambda session: _insert_rows(session, rows, lost))


def _row(sign: Signer, spool: str, offset: int, click: Click | None) -> dict[str, Any] | None:
    found = sign.read(click.code) if click else None
    if click is None or found is None:
        return None
    return {
        "spool": spool,
        "spool_offset": offset,
        "link_id": found[0],
        "campaign_id": None,
        "delivery_id": found[1],
        "at": click.at,
        "method": cleaned(click.method[:8]),
        "agent": cleaned(click.agent),
        "network": click.network,
        "marks": {name: cleaned(str(value)) for name, value in click.marks.items()},
        "kind": NEW,
        "reasons": [],
    }


def _insert_rows(session: Session, rows: list[dict[str, Any]], lost: int) -> None:
    if lost:
        keep(session, LOST, kept(session, LOST, 0) + lost)
    links = sorted({row["link_id"] for row in rows})
    query = sa.select(Link.id, Link.campaign_id).where(Link.id.in_(links))
    campaigns = {link.id: link.campaign_id for link in session.execute(query)}
    for row in rows:
        row["campaign_id"] = campaigns.get(row["link_id"])
    insert_missing(session, Hit, rows, key=["spool", "spool_offset"])


def classify_new(crm: Crm) -> int:
    """Judge the ledger rows that have new hits and count their campaigns; return how many rows."""
    round_ = crm.round(JUDGED)
    with crm.db.read() as session:
        due = _with_new(session, round_.left_alone)

    def judge_them(rows: Sequence[int]) -> int:
        return crm.db.run(lambda session: _judge_some(crm, session, rows))

    return sum(round_.together(due, judge_them))


def classify_again(crm: Crm, campaign_id: int, actor_id: str) -> int:
    """Judge the hits of a campaign again, by the rules of today; return how many ledger rows.

    A hit on a link that belongs to no person keeps its class. The audit log says who asked for it.
    """
    done = last = 0
    while rows := _after(crm, campaign_id, last):
        done += crm.db.run(lambda session, rows=rows: _judge_some(crm, session, rows))  # type: ignore[misc]
        last = rows[-1]
    of = ("campaign", campaign_id)
    crm.db.run(lambda session: record(session, crm.clock(), actor_id, "clicks.reclassify", of, count=done))
    return done


def _with_new(session: Session, left_alone: Sequence[int]) -> list[int]:
    new = sa.select(Hit.delivery_id).where(Hit.kind == NEW, Hit.delivery_id.not_in(left_alone))
    return list(session.scalars(new.distinct().order_by(Hit.delivery_id).limit(BATCH)))


def _after(crm: Crm, campaign_id: int, last: int) -> list[int]:
    query = sa.select(Hit.delivery_id).where(Hit.campaign_id == campaign_id, Hit.delivery_id > last)
    with crm.db.read() as session:
        return list(session.scalars(query.distinct().order_by(Hit.delivery_id).limit(BATCH)))


def _judge_some(crm: Crm, session: Session, deliveries: Sequence[int]) -> int:
    if not deliveries:
        return 0
    hits = _to_judge(session, deliveries)
    facts = _facts(crm, session, deliveries)
    campaigns = {hit.campaign_id for hit in hits if hit.campaign_id is not None}
    links = _links_of(session, campaigns)
    crowds = _crowds(session, hits)
    for rows in _together(hits):
        fact = facts.get(rows[0].delivery_id)
        message = Message(fact[0], links.get(rows[0].campaign_id, 0)) if fact else None
        if not rows[0].delivery_id:
            message = Message(None, 0)
        judged = judge([_raw(row) for row in rows], message, crowds, is_program)
        _write(rows, judged, fact[1] if fact else None)
    session.flush()
    recount(session, campaigns, crm.clock())
    return len(deliveries)


def _to_judge(session: Session, deliveries: Sequence[int]) -> list[Hit]:
    mine = sa.select(Hit).where(Hit.delivery_id.in_([row for row in deliveries if row]))
    hits = list(session.scalars(mine.where(Hit.kind.not_in(NOT_HITS)).order_by(Hit.id)))
    if 0 in deliveries:
        # Row 0 is nobody's: its hits have nothing to do with each other, and there may be any number.
        anonymous = sa.select(Hit).where(Hit.delivery_id == 0, Hit.kind == NEW).order_by(Hit.id)
        hits += session.scalars(anonymous.limit(BATCH * 10))
    return hits


def _together(hits: Sequence[Hit]) -> list[list[Hit]]:
    by_row: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_row[hit.delivery_id or -hit.id].append(hit)
    return list(by_row.values())


def _facts(crm: Crm, session: Session, deliveries: Sequence[int]) -> Facts:
    rows = [row for row in deliveries if row]
    found = (source.facts(session, rows) for source in crm.contributed(MessageSource))
    return {row: fact for facts in found for row, fact in facts.items()}


def _links_of(session: Session, campaigns: set[int]) -> dict[int | None, int]:
    query = sa.select(Link.campaign_id, sa.func.count().label("links")).where(Link.campaign_id.in_(campaigns))
    return {row.campaign_id: row.links for row in session.execute(query.group_by(Link.campaign_id))}


def _crowds(session: Session, hits: Sequence[Hit]) -> frozenset[str]:
    # Only hits without an agent are judged by their crowd, so nothing is asked for the others.
    networks = {hit.network for hit in hits if hit.network and not hit.agent}
    if not networks:
        return frozenset()
    first, last, around = min(hit.at for hit in hits), max(hit.at for hit in hits), timedelta(minutes=1)
    query = sa.select(Hit.network, Hit.delivery_id, Hit.at).where(
        Hit.network.in_(networks), Hit.at.between(first - around, last + around)
    )
    return crowded((row.network, row.delivery_id, row.at) for row in session.execute(query))


def _raw(hit: Hit) -> Raw:
    return Raw(hit.id, hit.link_id, hit.at, hit.method, hit.agent, hit.network, hit.marks, hit.kind)


def _write(rows: Sequence[Hit], judged: Sequence[Judged], person_id: int | None) -> None:
    for row, result in zip(rows, judged, strict=True):
        row.kind = result.kind
        if row.reasons != result.reasons:
            row.reasons = result.reasons
        row.person_id = person_id
