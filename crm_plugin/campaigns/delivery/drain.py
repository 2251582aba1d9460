"""The drain loop: lease, render, reserve the rate, mark, call, settle; for a bounded time.

Rows of at most one micro-batch are *sending* at once: each marking settles the micro-batch before in
the same transaction. What is left when the time is over goes back to *pending*.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from crm_plugin.campaigns.delivery import catch_up, mark, settle, wakeups
from crm_plugin.campaigns.delivery.circuit_breaker import Watch
from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.ledger import lease
from crm_plugin.campaigns.ledger.lease import Batch, Row
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.prepared_campaign import Running, load
from crm_plugin.campaigns.rates.grants import Grants
from crm_plugin.channels.base import Message
from crm_plugin.channels.handing_over import hand_over
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import is_outage
from crm_plugin.kernel.errors import CrmError, Unavailable
from crm_plugin.kernel.kill_points import step
from crm_plugin.kernel.process import stopping
from crm_plugin.profiles.store.recompute_queue import touch

log = logging.getLogger(__name__)

LEASED = 200
"""Rows that a worker leases at once; ten micro-batches when those are smaller."""
LOOK_SECONDS = 1.0
"""How long a worker goes on without looking at the campaign's state."""
YIELD_SECONDS = 5.0
"""A wait for the rate that is longer than this is left to the sweeper while other campaigns have work."""
TURN_SECONDS = 5.0
"""A worker's turn at one campaign while others have work too; the next one then begins behind them."""
RETRY_SECONDS = 1.0
"""Between two attempts to settle."""
SETTLE_SECONDS = 300.0
"""How long a worker keeps trying to write down what it knows while the database is away."""


@dataclass(slots=True)
class Drain:
    """One worker's work at one campaign."""

    crm: Crm
    running: Running
    until: float
    """Monotonic time at which it ends."""
    grants: Grants
    handled: int = 0
    turn: float = field(default_factory=lambda: time.monotonic() + TURN_SECONDS)
    """Monotonic time after which it looks whether others wait."""
    watch: Watch = field(default_factory=Watch)
    stopped: bool = False
    before: settle.Outcome | None = None
    """Called, not settled yet."""
    touched: set[int] = field(default_factory=set)
    looked_at: float = 0.0
    deadline: float = 0.0

    @property
    def over(self) -> bool:
        """Return whether to begin nothing more."""
        return self.stopped or stopping() or time.monotonic() >= self.until

    def may_call(self) -> bool:
        """Return whether the next call to the outside may be made; asked right before it."""
        if stopping() or time.monotonic() >= self.deadline or self.grants.slot.is_over():
            return False
        if time.monotonic() - self.looked_at >= LOOK_SECONDS:
            self.look()
        return not self.stopped

    def look(self) -> None:
        """Look at the campaign's state, and stop unless it is sending."""
        try:
            with self.crm.db.read() as session:
                state = session.scalar(sa.select(Campaign.state).where(Campaign.id == self.running.id))
        except DBAPIError:
            state = None
        self.looked_at = time.monotonic()
        self.stopped = self.stopped or state != "sending"


def drain(crm: Crm, campaign_id: int, seconds: float = 20.0) -> int:
    """Send what is pending of a campaign for at most so many seconds; return how many rows it took up.

    Several processes may drain one campaign. Ends early when nothing is pending, the campaign is not
    sending any more, or the process is asked to stop.
    """
    running = _load(crm, campaign_id)
    if running is None or running.state != "sending":
        return 0
    work = Drain(crm, running, time.monotonic() + seconds, Grants(crm, running))
    work.looked_at = time.monotonic()
    try:
        while not work.over and not _turn_is_over(work):
            batch = _lease(work)
            if batch.rows:
                _send_batch(work, batch)
            elif not _await_domain(work):
                break
    finally:
        _settle_now(work)
        _touch(work)
    lifecycle.finish(crm, campaign_id)
    return work.handled


def _load(crm: Crm, campaign_id: int) -> Running | None:
    try:
        return load(crm, campaign_id)
    except Unavailable as error:
        log.warning("campaign %s cannot be sent yet: %s", campaign_id, error)
    except CrmError as error:
        # Its template was withdrawn, or a quick query that it needs is gone: a person must look.
        lifecycle.pause_itself(crm, campaign_id, error.code)
    return None


def _lease(work: Drain) -> Batch:
    count = min(LEASED, 10 * work.running.carrier.in_flight)
    closed = work.grants.closed()
    batch = lease.take(work.crm, work.running.id, count, closed)
    if not batch.rows and lease.ripen(work.crm, work.running.id):
        batch = lease.take(work.crm, work.running.id, count, closed)
    if batch.rows:
        if work.running.personal:
            course = work.running.rules.course
            personalisation.fill(work.crm, work.running.personal, batch.rows, course)
        step("leased")
    return batch


def _turn_is_over(work: Drain) -> bool:
    """Return whether to let other campaigns have this worker; the chain of jobs goes on behind them."""
    if time.monotonic() < work.turn:
        return False
    work.turn = time.monotonic() + TURN_SECONDS
    return wakeups.others_wait(work.crm, work.running.id)


def _await_domain(work: Drain) -> bool:
    """Wait for a domain that takes nothing now, a second at most; False when there is nothing to wait for."""
    seconds = work.grants.opens_in()
    if seconds is None or not wakeups.pending(work.crm, work.running.id, 1):
        return False
    return _pass_time(work, seconds)


def _send_batch(work: Drain, batch: Batch) -> None:
    left = list(batch.rows)
    held_back = False
    while left and not work.over:
        size = work.grants.size()
        some, left = left[:size], left[size:]
        rows = work.grants.admit(some)
        held_back = held_back or len(rows) < len(some)
        if not rows:
            continue
        messages, broken = _render(work.running, rows)
        step("rendered")
        if not _reserve(work, len(messages)):
            break
        work.handled += len(rows)
        _send(work, batch.token, rows, messages, broken)
    if work.over or held_back:
        _settle_now(work)
        lease.give_back(work.crm, work.running.id, batch.token)
    _touch(work)


def _touch(work: Drain) -> None:
    """Let the facts of people who were handed a message be computed again soon."""
    if work.touched:
        work.crm.db.run(lambda session: touch(session, work.touched))
        work.touched.clear()


def _render(running: Running, rows: Sequence[Row]) -> tuple[dict[int, Message], dict[int, str]]:
    messages: dict[int, Message] = {}
    broken: dict[int, str] = {}
    for row in rows:
        try:
            messages[row.id] = running.render(row)
        except CrmError as error:
            broken[row.id] = error.code
        except Exception:
            # One bad recipient harms one row, whatever is wrong with them.
            log.exception("row %s of campaign %s cannot be rendered", row.id, running.id)
            broken[row.id] = "content.render_failed"
    return messages, broken


def _reserve(work: Drain, count: int) -> bool:
    """Wait until the rate allows so many messages, a second at most between looks; False = stop."""
    while not work.over:
        wait = work.grants.reserve(count)
        if wait <= 0:
            return True
        _pass_time(work, wait)
    return False


def _pass_time(work: Drain, seconds: float) -> bool:
    """Wait for at most a second and look; False when the worker is rather left to others that have work."""
    if seconds > LOOK_SECONDS:
        _settle_now(work)
    if seconds > YIELD_SECONDS and wakeups.others_wait(work.crm, work.running.id):
        work.stopped = True
        return False
    time.sleep(min(seconds, LOOK_SECONDS))
    work.look()
    return True


def _send(
    work: Drain, token: str, rows: Sequence[Row], messages: dict[int, Message], broken: dict[int, str]
) -> None:
    carrier = work.running.carrier
    # The sending lease is the settings' time and one carrier time-out: the deadline is before the latter.
    work.deadline = time.monotonic() + work.crm.settings.lease_seconds
    seconds = work.crm.settings.lease_seconds + int(carrier.call_seconds) + 1
    ask = mark.Ask(token, rows, broken, seconds, work.before, parts=work.running.parts(messages))
    marked = _mark(work, ask)
    step("marked")
    work.watch.failing = marked.failing
    work.stopped = work.stopped or marked.state != "sending"
    going = [row for row in rows if row.id in marked.ids and row.id in messages]
    if going:
        _call(work, token, going, [messages[row.id] for row in going])


def _mark(work: Drain, ask: mark.Ask) -> mark.Marked:
    """Mark what may go, once all that the school reported before is read; nothing when that takes long."""
    facts = catch_up.Facts(work.crm)
    facts.hand_over()
    while True:
        ask.events = facts.upto
        present = work.running.present_at(work.crm.clock())
        marked = mark.mark(work.crm, work.running.rules, ask, present, work.deadline)
        if marked.settled:
            ask.before = work.before = None
        else:
            _settle_now(work)
        if not marked.behind:
            return marked
        if facts.took_too_long() or work.over:
            return mark.Marked(catch_up.hold(work.crm, work.running.id, work.over))
        facts.read()


def _call(work: Drain, token: str, rows: Sequence[Row], messages: Sequence[Message]) -> None:
    carrier = work.running.carrier
    work.grants.slot.wait()
    step("before_call")
    began = time.monotonic()
    receipts = hand_over(carrier, messages, work.may_call)
    work.grants.called(len(messages), time.monotonic() - began)
    step("after_call")
    now = work.crm.clock()
    trouble = work.watch.see(receipts)
    work.before = settle.Outcome(work.running.id, token, carrier.name, rows, receipts, now, trouble)
    work.touched.update(row.person_id for row in rows)


def _settle_now(work: Drain) -> None:
    """Settle in a transaction of its own: no marking follows soon."""
    outcome = work.before
    if outcome is None:
        return
    step("before_settle")
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            work.crm.db.run(lambda session: settle.write(session, work.crm.settings, outcome))
            break
        except Exception as error:
            if not is_outage(error):
                _leave_in_doubt(work)
                raise
            if time.monotonic() >= until:
                raise
            log.warning("campaign %s cannot be settled yet", work.running.id, exc_info=True)
            time.sleep(RETRY_SECONDS)
    work.before = None
    step("settled")


def _leave_in_doubt(work: Drain) -> None:
    """Stop a campaign whose answers cannot be written down, whatever the database does.

    Its rows stay *sending* until their lease ends and are listed as unknown then. Were it to go on, every
    further micro-batch would end there too.
    """
    log.exception("what became of messages of campaign %s cannot be written down", work.running.id)
    work.before, work.stopped = None, True
    lifecycle.pause_itself(work.crm, work.running.id, "settle_failed")
