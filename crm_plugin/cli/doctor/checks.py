"""What ``crm doctor`` looks at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from crm_plugin.channels.email.feedback.providers import proofs
from crm_plugin.channels.email.smtp.offers import note
from crm_plugin.channels.email.smtp.probe import probe
from crm_plugin.channels.registry import carrier_for, push_of
from crm_plugin.channels.sms.carriers.outcomes import Refusal
from crm_plugin.channels.sms.carriers.pushes import SHORTEST_SECRET, callback_url, has_secret
from crm_plugin.cli.doctor.address import client_address_line
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.durability import weaknesses
from crm_plugin.kernel.db.faults import words_of
from crm_plugin.kernel.errors import CrmError, Unavailable
from crm_plugin.kernel.jobs import failed_items
from crm_plugin.kernel.migrate import is_migrated
from crm_plugin.kernel.private_files import exposed
from crm_plugin.kernel.queue.queue import Memory
from crm_plugin.links.ingest import lost_clicks
from crm_plugin.profiles.store.host_info_cache import contradicted
from crm_plugin.profiles.sync.health import streams

SHOWN = 10
"""Items that jobs left aside, the latest ones."""
NEARLY_FULL = 0.9
"""Part of its memory above which a queue will soon take nothing."""


@dataclass
class Line:
    """One finding."""

    name: str
    ok: bool
    detail: str


def examine(crm: Crm) -> list[Line]:
    """Look at every part; a part that fails is a line, never an exception."""
    parts: tuple[tuple[str, Callable[[Crm], Iterator[Line]]], ...] = (
        ("settings", _settings),
        ("client address", _client_address),
        ("database", _database),
        ("queue", _queue),
        ("e-mail", _mail),
        ("SMS", _sms),
        ("school", _school),
        ("data", _data),
    )
    return [line for name, part in parts for line in _guarded(name, part, crm)]


def _guarded(name: str, part: Callable[[Crm], Iterator[Line]], crm: Crm) -> list[Line]:
    try:
        return list(part(crm))
    except Exception as error:
        return [Line(name, False, _reason(error).splitlines()[0])]


def _reason(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        return str(Unavailable("database.unreachable", reason=words_of(error)))
    return str(error) if isinstance(error, CrmError) else f"{type(error).__name__}: {error}"


def _settings(crm: Crm) -> Iterator[Line]:
    local = "127.0.0.1" in crm.settings.public_url or "localhost" in crm.settings.public_url
    note = " (learners outside this machine cannot follow links)" if local else ""
    yield Line("public_url", True, crm.settings.public_url + note)
    yield _instance(crm.instance.resolve())
    if 0 < len(crm.settings.bounce_secret) < SHORTEST_SECRET:
        detail = f"refused: bounce_secret has fewer than {SHORTEST_SECRET} letters, so no event is believed"
        yield Line("events of e-mail", False, detail)


def _client_address(crm: Crm) -> Iterator[Line]:
    yield Line("client address", *client_address_line(crm))


def _instance(folder: Path) -> Line:
    names = exposed(folder)
    if not names:
        return Line("instance", True, str(folder))
    told = f"everybody on this machine can read {', '.join(names)}: chmod -R o-rwx {folder}"
    return Line("instance", False, told)


def _database(crm: Crm) -> Iterator[Line]:
    url = crm.db.engine.url.render_as_string(hide_password=True)
    ready = is_migrated(crm.db)
    yield Line("database", ready, url if ready else f"{url}: no CRM tables yet, run crm init")
    with crm.db.read() as session:
        found = weaknesses(session)
    for one in found:
        risk = "a power cut may lose opt-outs and send messages twice"
        yield Line(f"database: {one.name}", False, f"is {one.value}: {risk}; set it to {one.wanted}")


def _queue(crm: Crm) -> Iterator[Line]:
    if not crm.queue.url:
        yield Line("queue", True, "none: crm worker does the work itself")
    elif (fault := crm.queue.trouble()) is not None:
        yield Line("queue", False, f"{fault.words}; crm worker does the work itself until it is mended")
    else:
        yield Line("queue", True, f"takes wake-ups; {crm.queue.length()} wait")
        yield from _memory(crm.queue.memory())


def _memory(memory: Memory | None) -> Iterator[Line]:
    """Whether the queue will lose or refuse wake-ups when its memory is full."""
    name = "queue's memory"
    if memory is None or not memory.limit:
        return
    if memory.evicts:
        told = "a full one throws wake-ups away, which are then late: set maxmemory-policy to noeviction"
        yield Line(name, True, f"{memory.policy}: {told}")
    elif memory.used > NEARLY_FULL * memory.limit:
        share = memory.used / memory.limit
        yield Line(name, False, f"{share:.0%} are used: raise maxmemory, or remove what others keep there")


def _mail(crm: Crm) -> Iterator[Line]:
    if not crm.settings.smtp_url:
        yield Line("e-mail", True, "no server is set: it goes to the outbox")
        return
    ok, detail = probe(crm, partial(note, crm))
    yield Line("e-mail", ok, detail)
    if not crm.settings.public_url.startswith("https://"):
        yield Line(
            "one-click opt-out", False, "mail programs offer it by https only (RFC 8058): see public_url"
        )
    settings = crm.settings
    if not settings.bounce_domain and not settings.bounce_secret and not settings.bounce_path_secret:
        told = "nothing reports it: set bounce_domain, bounce_secret or bounce_path_secret"
        yield Line("returned e-mail", True, told)
    if settings.bounce_path_secret:
        yield _providers(crm)


def _providers(crm: Crm) -> Line:
    """Whether events of mail providers can be checked."""
    settings, name = crm.settings, "events of mail providers"
    if len(settings.bounce_path_secret) < SHORTEST_SECRET:
        return Line(name, False, f"refused: bounce_path_secret has fewer than {SHORTEST_SECRET} letters")
    keys = (settings.bounce_ses_topic, settings.bounce_sendgrid_key, settings.bounce_aliyun_token)
    if any(keys) and not proofs.AVAILABLE:
        return Line(name, False, f"refused: {proofs.MISSING}")
    place = f"{settings.public_url.rstrip('/')}/c/bounce/(provider)/(secret)"
    return Line(name, True, f"taken at {place}: give that address to the provider")


def _sms(crm: Crm) -> Iterator[Line]:
    """Whether the carrier is set up, answers and knows us; nothing is sent."""
    name = crm.settings.sms_carrier
    carrier = carrier_for(crm, "sms")
    ask: Callable[[], Refusal | None] | None = getattr(carrier, "probe", None)
    if ask is None:
        yield Line("SMS", True, f"{name}: messages are written down, none is sent")
        return
    trouble = ask()
    if trouble is None:
        yield Line("SMS", True, f"{name} answers and accepts the keys")
    else:
        said = f"{trouble.kind} ({trouble.code})" if trouble.code else trouble.kind
        yield Line("SMS", False, f"{name}: {said}")
    yield _reports(crm, name)


def _reports(crm: Crm, name: str) -> Line:
    push = push_of(name)
    if push is not None and push.genuine is not has_secret:
        place = callback_url(crm.settings, name, "inbound")
        return Line("SMS reports", True, f"come signed; enter {place} at the carrier for replies")
    if len(crm.settings.sms_callback_secret) < SHORTEST_SECRET:
        return Line(
            "SMS reports",
            False,
            f"refused: sms_callback_secret has fewer than {SHORTEST_SECRET} letters, so none can be believed",
        )
    place = callback_url(crm.settings, name, "(secret)")
    told = f"taken at {place}: give that address to the carrier, for replies too"
    return Line("SMS reports", True, told)


def _school(crm: Crm) -> Iterator[Line]:
    if crm.host.plugin is None:
        yield Line("school", False, "no host is registered: set CRM_HOST")
        return
    info = crm.host.info
    yield Line("school", True, f"{info.site_name} ({info.host_name} {info.host_version})".rstrip())
    for setting, word in contradicted(crm, info):
        ours = getattr(crm.settings, setting)
        detail = f"the school says {word}, which counts; {setting} says {ours}: correct it or take it out"
        yield Line(setting, False, detail)
    for name, ok, detail in crm.host.check():
        yield Line(f"school: {name}", ok, detail)


def _data(crm: Crm) -> Iterator[Line]:
    if not is_migrated(crm.db):
        return
    with crm.db.read() as session:
        for stream in streams(session, crm.clock()):
            ok = stream.state in ("current", "scanning")
            age = "never read" if stream.ok_at is None else f"as of {stream.ok_at:%Y-%m-%d %H:%M:%S} UTC"
            yield Line(f"stream {stream.stream}", ok, f"{stream.state}, {age} {stream.error or ''}".rstrip())
            if stream.quarantined:
                look = f"see crm bad-rows --stream {stream.stream}"
                yield Line(f"rows of {stream.stream} set aside", True, f"{stream.quarantined:,}: {look}")
        lost = lost_clicks(session)
        failed = failed_items.listed(session, crm.clock(), SHOWN)
    for one in failed:
        told = f"failed {one.tries} times with {one.reason}, next try at {one.retry_at:%H:%M:%S} UTC"
        yield Line(f"left aside by {one.job}", False, f"{one.item}: {told}")
    if lost:
        yield Line("lost clicks", True, f"the disk has refused {lost:,} so far: see {crm.instance.resolve()}")
