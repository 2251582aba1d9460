"""What one transaction of the sync works with, and the set-based look-ups that every stream shares."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among, chunks, insert_many, insert_new, overwrite, unique_violations
from crm_plugin.kernel.db.types import Base
from crm_plugin.profiles.models.school import Course, Person
from crm_plugin.profiles.store import tombstones
from crm_plugin.profiles.store.mapping import Columns, Ready, columns_of, make_ready

Target = Literal["persons", "courses"]


@dataclass
class WriteBatch:
    """One transaction of the sync.

    :param session: the transaction.
    :param region: by which telephones are read.
    :param key: of the hashes of forgotten ids.
    """

    crm: Crm
    session: Session
    region: str | None
    key: bytes
    touched: set[int] = field(default_factory=set)
    """Persons whose facts are to be computed again."""
    roots: set[int] = field(default_factory=set)
    """Root courses whose figures are to be computed again."""
    parked: set[tuple[str, str]] = field(default_factory=set)
    """(stream, host id) of the rows that were parked."""
    arrived: dict[Target, set[str]] = field(default_factory=lambda: defaultdict(set))
    """What rows may have waited for."""
    changed: int = 0
    """Rows that were written."""
    ready: Ready | None = None
    """What was made in advance of the rows that are being saved."""
    at: datetime = field(init=False)
    """The present, for what we write ourselves."""

    def __post_init__(self) -> None:
        self.at = self.crm.clock()

    def fresh(self, model: Any, rows: Sequence[Any]) -> "Fresh":
        """Return those rows that are new or differ from what we hold, with their hashes."""
        table = model.__table__.c
        known: dict[str, tuple[int, str]] = {}
        for host_id, id, row_hash in self._named(table.host_id, [row.id for row in rows], table.row_hash):
            known[host_id] = id, row_hash
        ready = self.ready or make_ready(rows, self.region, columns=False)
        changed = [row for row in rows if known.get(row.id, (0, ""))[1] != ready.hashes[row.id]]
        return Fresh(changed, {host_id: id for host_id, (id, _) in known.items()}, ready, self.region)

    def ids(self, model: type[Base], host_ids: Iterable[str]) -> dict[str, int]:
        """Return our id for each of these host ids that we hold."""
        return dict(self._named(model.__table__.c.host_id, set(host_ids)))

    def _named(self, key: Any, host_ids: Collection[str], *columns: Any) -> list[Any]:
        """Return (host id, our id, columns) of the rows that have one of these host ids.

        From the table, not its model: of so many rows the ORM would make a third of the cost.
        """
        found: list[Any] = []
        for part in chunks(host_ids):
            wanted = sa.select(key, key.table.c.id, *columns).where(among(self.session, key, part))
            found += self.session.execute(wanted).all()
        return found

    def persons(self, host_ids: Iterable[str]) -> "People":
        """Return who these host ids are: our ids (merges followed), who is forgotten, who is unknown."""
        wanted, table = set(host_ids), Person.__table__.c
        rows = self._named(table.host_id, wanted, table.merged_into)
        found: dict[str, int] = {host_id: id for host_id, id, _ in rows}
        merged: dict[str, str] = {host_id: into for host_id, _, into in rows if into}
        if merged:
            found.update(self._merged(merged))
        absent = wanted - found.keys()
        gone = tombstones.among(self.session, self.key, absent) if absent else set()
        return People(found, gone, absent - gone)

    def _merged(self, merged: dict[str, str]) -> dict[str, int]:
        """Follow merges, one step for all of them at a time; eight steps end a ring."""
        ends: dict[str, int] = {}
        place = dict(merged)
        for _ in range(8):
            columns = sa.select(Person.host_id, Person.id, Person.merged_into)
            rows = self.session.execute(columns.where(Person.host_id.in_(set(place.values()))))
            held = {host_id: (id, into) for host_id, id, into in rows}
            going: dict[str, str] = {}
            for source, target in place.items():
                if target in held:
                    ends[source], into = held[target]
                    if into:
                        going[source] = into
            place = going
            if not place:
                break
        return ends

    def courses(self, host_ids: Iterable[str | None]) -> dict[str, tuple[int, int]]:
        """Return (our id, id of the root) for each of these courses that we hold."""
        wanted, table = {host_id for host_id in host_ids if host_id is not None}, Course.__table__.c
        return {
            host_id: (id, root) for host_id, id, root in self._named(table.host_id, wanted, table.root_id)
        }


@dataclass(slots=True)
class Fresh:
    """Rows of a page that must be written."""

    rows: list[Any]
    ids: dict[str, int]
    """Host id → our id of all rows of the page that we hold already."""
    ready: Ready
    region: str | None

    def columns(self, row: Any) -> Columns:
        """Return the columns of a changed row, with its hash."""
        made = self.ready.columns.get(row.id) or columns_of(row, self.region)
        made["row_hash"] = self.ready.hashes[row.id]
        return made

    def held(self) -> list[int]:
        """Return our ids of those changed rows that were there before."""
        return [self.ids[row.id] for row in self.rows if row.id in self.ids]


@dataclass(slots=True)
class People:
    """The people behind a page's person ids."""

    ids: dict[str, int]
    forgotten: set[str]
    unknown: set[str]


def replace_parts(
    session: Session, model: Any, owner: Any, held: Sequence[int], parts: list[dict[str, Any]]
) -> None:
    """Write the dependent rows of changed owners again: delete those of ``held``, insert ``parts``.

    :param owner: the column of ``model`` that names the owner.
    """
    _delete_parts(session, model, owner, held)
    try:
        with session.begin_nested():
            insert_many(session, model, parts)
    except unique_violations():
        # Another process wrote owners that were new to both a moment ago.
        _delete_parts(session, model, owner, sorted({part[owner.key] for part in parts}))
        insert_many(session, model, parts)


def _delete_parts(session: Session, model: Any, owner: Any, owners: Sequence[int]) -> None:
    for ids in chunks(owners):
        session.execute(
            sa.delete(model).where(among(session, owner, ids)).execution_options(synchronize_session=False)
        )


def write_rows(batch: WriteBatch, model: Any, columns: Sequence[dict[str, Any]], fresh: Fresh) -> None:
    """Write the changed rows of a page: what is new is inserted, what we hold is overwritten."""
    new = [row for row in columns if row["host_id"] not in fresh.ids]
    insert_new(batch.session, model, new, key=["host_id"])
    overwrite(batch.session, model, [row for row in columns if row["host_id"] in fresh.ids], key=["host_id"])
