"""Checks the facts and answers of a host that are no rows: HostInfo, pages, actors, receipts."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.host import records as r

ID_LENGTH = 191
REQUIRED_STREAMS = ("persons", "courses", "enrolments")
CAPABILITIES = (
    *(f"changes.{stream}" for stream in r.STREAMS),
    *("message", "message.idempotent", "layout", "pins", "figures", "consent.write", "convert"),
)


def info_problem(info: Any) -> str | None:
    """Return what is wrong with a host's facts, or None."""
    if type(info) is not r.HostInfo:
        return f"a {type(info).__name__} where a HostInfo belongs"
    checks = (_contract, _texts, _codes, _streams, _fields, _capabilities)
    return next((reason for check in checks if (reason := check(info))), None)


def known_fields(stream: str) -> frozenset[str]:
    """Return the fields that a host may list for a stream, attributes aside."""
    return frozenset(field.name for field in fields(r.RECORDS[stream]))


def actor_of(value: Any) -> r.Actor | None:
    """Return who is signed in, or None.

    :raises TypeError: it is no Actor, or its permissions or scope are no sets of text.
    """
    if value is None:
        return None
    if type(value) is not r.Actor or id_problem(value.id) or not isinstance(value.display_name, str):
        raise TypeError("something that is no Actor")
    value.permissions = _words(value.permissions) & frozenset(r.PERMISSIONS)
    # An empty scope is "nothing"; only None is "everything".
    value.scope = None if value.scope is None else _words(value.scope)
    return value


def id_problem(value: Any) -> str | None:
    """Return what is wrong with an id, or None: 1 to 191 characters of storable text."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}, not text"
    return "empty" if not value else text_problem(value, ID_LENGTH)


def text_problem(value: str, limit: int) -> str | None:
    """Return why a text of at most so many characters cannot be stored, or None."""
    if len(value) > limit:
        return f"longer than {limit} characters"
    if "\0" in value:
        return "contains a NUL character"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "contains half a surrogate pair"
    return None


def page_problem(page: Any, limit: int) -> str | None:
    """Return what is wrong with a page of a scan as a whole, or None."""
    if type(page) is not r.ScanPage or not isinstance(page.rows, list):
        return "something that is no page with a list of rows"
    if len(page.rows) > limit:
        return f"{len(page.rows)} rows where {limit} were asked for"
    return _cursor_problem("next", page.next)


def fetched_problem(page: Any) -> str | None:
    """Return what is wrong with a page of fetched rows as a whole, or None."""
    if type(page) is r.FetchPage and type(page.rows) is list and type(page.missing) is list:
        return None
    return "something that is no page with lists of rows and missing ids"


def changes_problem(page: Any) -> str | None:
    """Return what is wrong with a page of changes as a whole, or None."""
    if type(page) is not r.ChangePage or not isinstance(page.changes, list):
        return "something that is no page with a list of changes"
    reasons = (_change_problem(change) for change in page.changes)
    wrong = next(filter(None, reasons), None)
    if wrong is None and (not page.next_mark or type(page.more) is not bool):
        wrong = "changes without a next mark"
    return wrong or _cursor_problem("next_mark", page.next_mark)


def _change_problem(change: Any) -> str | None:
    if type(change) not in (r.Upsert, r.Delete, r.Touch):
        return f"a {type(change).__name__} among the changes"
    reason = None if type(change) is r.Upsert else id_problem(change.id)
    return f"a {type(change).__name__} whose id is {reason}" if reason else None


def _words(value: Any) -> frozenset[str]:
    if isinstance(value, (frozenset, set, list, tuple)) and all(isinstance(item, str) for item in value):
        return frozenset(value)
    raise TypeError("an Actor whose permissions or scope are no set of text")


def _cursor_problem(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        return f"a {name} that is no text"
    return f"a {name} longer than 10,000 characters" if len(value) > 10_000 else None


def _contract(info: r.HostInfo) -> str | None:
    ours = r.CONTRACT.split(".")[0]
    same = str(info.contract).split(".")[0] == ours
    return None if same else f"contract {info.contract!r}; this CRM speaks {r.CONTRACT}"


def _texts(info: r.HostInfo) -> str | None:
    for name in ("host_name", "site_id", "site_name"):
        if id_problem(getattr(info, name)):
            return f"{name}: {id_problem(getattr(info, name))}"
    bad = [
        name for name in ("host_version", "base_url", "locale") if not isinstance(getattr(info, name), str)
    ]
    return f"{bad[0]}: not text" if bad else None


def _codes(info: r.HostInfo) -> str | None:
    try:
        ZoneInfo(info.timezone)
    except (KeyError, ValueError, OSError, TypeError, AttributeError):
        return f"timezone: {info.timezone!r} is no IANA zone"
    for name, length in (("currency", 3), ("region", 2)):
        value = getattr(info, name)
        if value is not None and not (isinstance(value, str) and re.fullmatch(f"[A-Z]{{{length}}}", value)):
            return f"{name}: {value!r} is not {length} capitals"
    return None


def _streams(info: r.HostInfo) -> str | None:
    if not isinstance(info.streams, (list, tuple)):
        return "streams: not a list"
    unknown = [stream for stream in info.streams if stream not in r.STREAMS]
    missing = [stream for stream in REQUIRED_STREAMS if stream not in info.streams]
    if unknown:
        return f"streams: unknown stream {unknown[0]!r}"
    return f"streams: {missing[0]} is required" if missing else None


def _fields(info: r.HostInfo) -> str | None:
    if not isinstance(info.fields, Mapping):
        return "fields: not a mapping"
    for stream, names in info.fields.items():
        if stream not in info.streams:
            return f"fields: {stream!r} is not among the streams"
        if not isinstance(names, (list, tuple, set, frozenset)):
            return f"fields: those of {stream} are no list"
        known = known_fields(stream)
        for name in names:
            attribute = stream == "persons" and isinstance(name, str) and name.startswith("attributes.")
            if name not in known and not attribute:
                return f"fields: {stream} has no field {name!r}"
    return None


def _capabilities(info: r.HostInfo) -> str | None:
    unknown = [name for name in info.capabilities if name not in CAPABILITIES]
    if unknown:
        return f"capabilities: unknown capability {unknown[0]!r}"
    for name in info.capabilities:
        if name.startswith("changes.") and name.removeprefix("changes.") not in info.streams:
            return f"capabilities: {name} without the stream"
    return None
