"""The keyed hashes of people who were erased: enough to keep them away, too little to find them."""

import hmac
import secrets
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.key_value import Kept, kept
from crm_plugin.profiles.models.school import Forgotten

_KEY = "profiles.forgotten_key"


def key(session: Session) -> bytes:
    """Return the key of the hashes; made once for this installation."""
    value = kept(session, _KEY)
    if value is None:
        row = {"name": _KEY, "value": secrets.token_hex(32)}
        insert_missing(session, Kept, [row], key=["name"])
        # Read again past the identity map: another process may have been first.
        value = session.execute(sa.select(Kept.value).where(Kept.name == _KEY)).scalar_one()
    return bytes.fromhex(value)


def id_hash(secret: bytes, host_id: str) -> str:
    """Return the keyed hash of a person's host id."""
    return hmac.new(secret, host_id.encode(), sha256).hexdigest()


def remember(session: Session, secret: bytes, host_ids: Collection[str], at: datetime) -> None:
    """Note that these people were erased."""
    rows = [{"id_hash": id_hash(secret, host_id), "at": at} for host_id in host_ids]
    insert_missing(session, Forgotten, rows, key=["id_hash"])


def among(session: Session, secret: bytes, host_ids: Collection[str]) -> set[str]:
    """Return those of these people who were erased."""
    if not host_ids or not session.scalar(sa.select(sa.exists().select_from(Forgotten))):
        return set()
    hashes = {id_hash(secret, host_id): host_id for host_id in host_ids}
    wanted = list(hashes)
    found: set[str] = set()
    for start in range(0, len(wanted), 2_000):
        part = wanted[start : start + 2_000]
        rows = session.scalars(sa.select(Forgotten.id_hash).where(Forgotten.id_hash.in_(part)))
        found.update(hashes[row] for row in rows)
    return found
