"""The school's records of consent, written into the ledger when its answer changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.kernel.db.bulk import among, chunks, insert_many
from crm_plugin.profiles.consent.ledger import refresh_consents
from crm_plugin.profiles.models.school import ConsentRecord as _Line
from crm_plugin.profiles.store.batch import WriteBatch

Key = tuple[int, str, str]
"""(person, channel, purpose)."""


class Answer(NamedTuple):
    """What the school says."""

    state: str
    at: datetime | None
    source: str


def record(batch: WriteBatch, rows: Sequence[r.Person], ids: dict[str, int], held: Sequence[int]) -> None:
    """Add a line for each answer that differs from the last one, and decide again for those persons.

    :param held: our ids of those persons who may have lines already.
    """
    last = _last(batch, held)
    now = _answers(rows, ids)
    lines = [
        _line(batch, key, answer) for key, answer in now.items() if last.get(key, "unknown") != answer.state
    ]
    withdrawn = Answer("unknown", None, "withdrawn")
    lines += [
        _line(batch, key, withdrawn) for key, state in last.items() if key not in now and state != "unknown"
    ]
    if lines:
        insert_many(batch.session, _Line, lines)
        refresh_consents(batch.session, sorted({int(str(line["person_id"])) for line in lines}))


def _last(batch: WriteBatch, held: Sequence[int]) -> dict[Key, str]:
    last: dict[Key, str] = {}
    for part in chunks(held):
        rows = batch.session.execute(
            sa.select(_Line.person_id, _Line.channel, _Line.purpose, _Line.state)
            .where(among(batch.session, _Line.person_id, part), _Line.origin == "host")
            .order_by(_Line.id)
        )
        last.update({(person, channel, purpose): state for person, channel, purpose, state in rows})
    return last


def _answers(rows: Sequence[r.Person], ids: dict[str, int]) -> dict[Key, Answer]:
    answers: dict[Key, Answer] = {}
    for row in rows:
        for given in row.consents:
            key = (ids[row.id], given.channel[:16], given.purpose[:16])
            answer = Answer("granted" if given.granted else "denied", given.at, given.source)
            if key not in answers or answer.state == "denied":
                answers[key] = answer
        if row.email_stopped:
            answers[ids[row.id], "email", "all"] = Answer("denied", None, "email_stopped")
    return answers


def _line(batch: WriteBatch, key: Key, answer: Answer) -> dict[str, object]:
    person, channel, purpose = key
    return {
        "person_id": person,
        "channel": channel,
        "purpose": purpose,
        "state": answer.state,
        "origin": "host",
        "at": answer.at or batch.at,
        "source": answer.source,
        "text_version": "",
        "to_push": False,
    }
