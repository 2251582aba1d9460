"""Key figures on the school's own home: the same numbers as on ours, pushed when they changed.

So the school's home never asks the CRM, and both say the same by the same definitions.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from urllib.parse import quote

from crm_plugin.dashboard.names import FIGURES
from crm_plugin.dashboard.service import Home, home
from crm_plugin.dashboard.spans import USUAL, last_days
from crm_plugin.host.bounded_calls import Resting
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.host.records import Figure
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.i18n import locales
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.profiles.store.host_info_cache import school_today
from crm_plugin.segments.language.documents import Document

log = logging.getLogger(__name__)

JOB = "dashboard.figures"
_PUSHED = "figures.pushed"


@dataclass
class FigureAddress:
    """Where the CRM's pages begin; to be set where they are mounted elsewhere."""

    root: str = "/admin/crm"


def publish(crm: Crm) -> bool:
    """Push the key figures to a school that shows them, where they changed; return whether it took them."""
    try:
        if not crm.host.can("figures"):
            return False
        figures = list(_figures(crm, home(crm, OPERATOR, last_days(USUAL, school_today(crm)))))
        mark = hashlib.sha256(repr(figures).encode()).hexdigest()[:32]
        with crm.db.read() as session:
            if kept(session, _PUSHED) == mark:
                return False
        taken = crm.round(JOB, Resting).one("figures", partial(crm.host.publish_figures, figures))
    except Unavailable as error:
        log.warning("the school shows no figures now: %s", error)
        return False
    if any(taken):
        crm.db.run(lambda session: keep(session, _PUSHED, mark))
    return any(taken)


def _figures(crm: Crm, found: Home) -> Iterator[Figure]:
    root, sent = crm.state(FigureAddress).root, found.sends
    made = partial(_figure, found.counted_at)
    if sent is not None:
        yield made("bulk", sent.bulk, f"{root}/campaigns")
        yield made("messages", sent.messages, f"{root}/")
        yield made("reached", sent.reached.people, _people(root, sent.reached.tree))
        if sent.last is not None and sent.last.received:
            share = Decimal(sent.last.people_clicked) / sent.last.received
            rate = share.quantize(Decimal("0.0001"))
            yield replace(made("click_rate", rate, f"{root}/campaigns/{sent.last.id}"), unit="share")
    for key, (one, number) in found.figures.items():
        yield made(key, number, _people(root, one.tree))
    if found.taken is not None:
        payers, amount = found.taken
        money = made("taken", amount, _people(root, payers.tree))
        yield replace(money, unit=found.currency, permission="crm.money")


def _figure(at: datetime | None, key: str, value: Decimal | int | None, url: str) -> Figure:
    labels = {locale: FIGURES[key].of(locale) for locale in locales()}
    return Figure(key, labels, None if value is None else Decimal(value), "", url, at)


def _people(root: str, tree: Document) -> str:
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    return f"{root}/people?tree={quote(text)}"
