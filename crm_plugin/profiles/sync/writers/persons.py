"""Persons as they arrive, with their tags, attributes and consents; erased and merged ones too."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.kernel.db.bulk import among, chunks
from crm_plugin.profiles.consent import host_import
from crm_plugin.profiles.consent.channels import OWN_ADDRESS
from crm_plugin.profiles.models.school import Person, PersonAttribute, PersonTag
from crm_plugin.profiles.privacy.erase import erase
from crm_plugin.profiles.privacy.merge import Addresses, addresses, keep_opt_outs, merge, unmerge
from crm_plugin.profiles.store import international_email, tombstones
from crm_plugin.profiles.store.batch import Fresh, WriteBatch, replace_parts, write_rows
from crm_plugin.profiles.store.mapping import Columns, is_merged, known, spelled_value
from crm_plugin.profiles.store.normalise import fold
from crm_plugin.profiles.store.touched_courses import roots_of_people
from crm_plugin.profiles.sync.deferred import park

KEY = 191
NAME = 64


def save(batch: WriteBatch, rows: Sequence[r.Person]) -> None:
    """Write the persons that are new or changed; those who were erased never come back."""
    fresh = batch.fresh(Person, rows)
    unmerge(batch, fresh.held(), {row.id for row in fresh.rows if not is_merged(row)})
    fresh = _without_erased(batch, fresh)
    if not fresh.rows:
        return
    going = [fresh.ids[row.id] for row in fresh.rows if is_merged(row) and row.id in fresh.ids]
    left = addresses(batch.session, going)
    columns = [fresh.columns(row) for row in fresh.rows]
    international_email.withhold(batch.session, columns)
    _touch_courses(batch, columns, fresh.held())
    write_rows(batch, Person, columns, fresh)
    ids = batch.ids(Person, [row.id for row in fresh.rows])
    living = [row for row in fresh.rows if not is_merged(row)]
    held = fresh.held()
    replace_parts(batch.session, PersonTag, PersonTag.person_id, held, _tags(living, ids))
    replace_parts(batch.session, PersonAttribute, PersonAttribute.person_id, held, _attributes(living, ids))
    host_import.record(batch, living, ids, held)
    batch.touched.update(ids.values())
    batch.arrived["persons"].update(row.id for row in fresh.rows if row.id not in fresh.ids)
    batch.changed += len(fresh.rows)
    _merge(batch, [row for row in fresh.rows if is_merged(row)], ids, left)


_STANDING = ("status", "merged_into", "is_staff")
"""Columns that decide whether somebody counts among the people of a course at all."""


def _touch_courses(batch: WriteBatch, columns: Sequence[Columns], held: Sequence[int]) -> None:
    now = {row["host_id"]: tuple(row[name] for name in _STANDING) for row in columns}
    table, moved = Person.__table__.c, set()
    for part in chunks(held):
        rows = sa.select(table.id, table.host_id, *(table[name] for name in _STANDING))
        for id, host_id, *before in batch.session.execute(rows.where(among(batch.session, table.id, part))):
            if tuple(before) != now[host_id]:
                moved.add(id)
    batch.roots |= roots_of_people(batch.session, moved)


def remove(batch: WriteBatch, host_ids: Sequence[str]) -> None:
    """Empty the rows of persons that the school no longer has; should one return, the row is filled again."""
    for part in chunks(host_ids):
        there = sa.select(Person.id).where(Person.host_id.in_(part), Person.status != "erased")
        erase(batch, list(batch.session.scalars(there)))


def _without_erased(batch: WriteBatch, fresh: Fresh) -> Fresh:
    into = {row.merged_into for row in fresh.rows if is_merged(row) and row.merged_into}
    # A person that turns out to be an erased one is erased as well.
    erased = tombstones.among(batch.session, batch.key, into)
    gone = {row.id for row in fresh.rows if row.status == "erased" or row.merged_into in erased}
    erase(batch, [fresh.ids[id] for id in gone if id in fresh.ids], forget=True)
    tombstones.remember(batch.session, batch.key, gone, batch.at)
    batch.arrived["persons"].update(gone)
    new = {row.id for row in fresh.rows} - fresh.ids.keys() - gone
    away = gone | tombstones.among(batch.session, batch.key, new)
    return replace(fresh, rows=[row for row in fresh.rows if row.id not in away])


def _merge(batch: WriteBatch, rows: list[r.Person], ids: dict[str, int], left: dict[int, Addresses]) -> None:
    if not rows:
        return
    targets = batch.persons(row.merged_into for row in rows if row.merged_into)
    # Where a target was merged itself, the end of the chain is meant.
    ends = addresses(batch.session, set(targets.ids.values()))
    for row in rows:
        target = targets.ids.get(row.merged_into or "")
        if target is not None:
            merge(batch, (ids[row.id], row.id), (target, ends[target][OWN_ADDRESS]))
            keep_opt_outs(batch, left.get(ids[row.id], {}), ends[target])
    waiting = [row for row in rows if row.merged_into in targets.unknown]
    park(batch, "persons", [(row, "persons", row.merged_into or "") for row in waiting])


def _tags(rows: Sequence[r.Person], ids: dict[str, int]) -> list[Columns]:
    found: dict[tuple[int, str, str], Columns] = {}
    for row in rows:
        for kind, values in (("tag", row.tags), ("role", row.roles)):
            for value in filter(known, values):
                key = (ids[row.id], kind, fold(value, KEY))
                found.setdefault(key, dict(zip(_TAG, (*key, value[:KEY]), strict=True)))
    return list(found.values())


_TAG = ("person_id", "kind", "folded", "value")


def _attributes(rows: Sequence[r.Person], ids: dict[str, int]) -> list[Columns]:
    found: dict[tuple[int, str], Columns] = {}
    for row in rows:
        for name, value in row.attributes.items():
            text = known(_text(value))
            if text is not None:
                key = (ids[row.id], name[:NAME])
                found[key] = {"person_id": key[0], "name": key[1], "value": text, **spelled_value(text)}
    return list(found.values())


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
