"""Persons of a Moodle site: accounts with their profile fields, interests and consents."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.sql import Source, Trace

from .roles import roles_of
from .site_text import SiteText, configured, site_text
from .tables import (
    ACCEPTANCE,
    GUEST,
    INFO_DATA,
    INFO_FIELD,
    POLICY,
    ROLE_OF,
    TAG_OF_PERSON,
    TAGGED,
    USER,
    grouped,
    tags_of,
    when,
    words,
)

SMS_FIELD = "marketing_sms"
"""Short name of the profile check box that is the consent for SMS."""
FIELDS = (
    "id status display_name real_name username email email_stopped phone locale timezone country city "
    "registered_at last_login_at last_active_at roles tags consents"
).split()
INSTALLED_ADMIN = 2
"""The account that Moodle's installer makes; where the site's list of administrators can be read, it wins."""

_SERVER_ZONE = "99"


def attribute_fields(connection: sa.Connection) -> list[str]:
    """Return the profile fields that are attributes, as ``attributes.<short name>``."""
    names = connection.scalars(sa.select(INFO_FIELD.c.shortname).order_by(INFO_FIELD.c.id))
    return [f"attributes.{name}" for name in names if name != SMS_FIELD]


def administrators(connection: sa.Connection) -> frozenset[int]:
    """Return the ids of the site's administrators."""
    value = configured(connection, "siteadmins").get("siteadmins", "")
    ids = frozenset(int(part) for part in value.split(",") if part.strip().isdecimal())
    return ids or frozenset({INSTALLED_ADMIN})


def persons(connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
    """Make the persons of one page."""
    ids = [row.id for row in rows]
    profile = _profile(connection, ids)
    answers = _answers(connection, ids)
    tags = tags_of(connection, TAG_OF_PERSON, ids)
    text = site_text(connection)
    roles = dict(roles_of(connection, ids)) | dict.fromkeys(administrators(connection), ("admin",))
    return [
        _person(
            text, row, profile.get(row.id, {}), answers.get(row.id), tags.get(row.id, ()), roles.get(row.id)
        )
        if not row.deleted
        else r.Person(str(row.id), "erased")
        for row in rows
    ]


def _person(
    text: SiteText,
    row: Any,
    profile: Mapping[str, str | bool],
    answer: r.Consent | None,
    tags: Sequence[str],
    roles: Sequence[str] | None,
) -> r.Person:
    name = text.name(words(row.firstname), words(row.lastname))
    attributes = dict(profile)
    boxed = attributes.pop(SMS_FIELD, None)
    consents = [answer] if answer else []
    if isinstance(boxed, bool):
        consents.append(r.Consent("sms", boxed, source=f"profile field {SMS_FIELD}"))
    return r.Person(
        str(row.id),
        _status(row),
        name or row.username,
        real_name=name or None,
        username=row.username,
        email=words(row.email),
        email_stopped=bool(row.emailstop),
        phone=_phone(row),
        locale=_locale(row.lang),
        timezone=None if row.timezone == _SERVER_ZONE else words(row.timezone),
        country=words(row.country),
        city=words(row.city),
        registered_at=when(row.timecreated),
        last_login_at=when(max(row.currentlogin or 0, row.lastlogin or 0)),
        last_active_at=when(row.lastaccess),
        roles=roles or ("learner",),
        tags=tags,
        consents=consents,
        attributes=attributes,
    )


def _status(row: Any) -> str:
    if row.suspended:
        return "suspended"
    return "active" if row.confirmed else "unconfirmed"


def _phone(row: Any) -> str | None:
    """Of the two free texts take the mobile one where it can be a number, else the other."""
    texts = [text for text in (words(row.phone2), words(row.phone1)) if text]
    numbers = [text for text in texts if sum(letter.isdecimal() for letter in text) >= 5]
    return next(iter(numbers + texts), None)


def _locale(lang: str | None) -> str | None:
    """``zh_cn`` → ``zh-CN``."""
    language, _, country = (lang or "").partition("_")
    return (f"{language}-{country.upper()}" if country else language) or None


def _profile(connection: sa.Connection, ids: Sequence[int]) -> dict[int, dict[str, str | bool]]:
    statement = (
        sa.select(INFO_DATA.c.userid, INFO_FIELD.c.shortname, INFO_FIELD.c.datatype, INFO_DATA.c.data)
        .join_from(INFO_DATA, INFO_FIELD, INFO_FIELD.c.id == INFO_DATA.c.fieldid)
        .where(INFO_DATA.c.userid.in_(ids))
        .order_by(INFO_FIELD.c.id)
    )
    rows = connection.execute(statement)
    found = grouped((row.userid, (row.shortname, _value(row.datatype, row.data))) for row in rows)
    return {id: {name: value for name, value in pairs if value is not None} for id, pairs in found.items()}


def _value(datatype: str, data: str | None) -> str | bool | None:
    if datatype == "checkbox":
        return {"1": True, "0": False}.get((data or "").strip())
    return words(data)


def _answers(connection: sa.Connection, ids: Sequence[int]) -> dict[int, r.Consent]:
    """Return each person's answer to the site's policy, the consent for e-mail.

    Which of several policies is about marketing cannot be read off: then nobody's answer is known.
    """
    versions = connection.scalars(sa.select(POLICY.c.currentversionid)).all()
    if len(versions) != 1 or not versions[0]:
        return {}
    statement = (
        sa.select(ACCEPTANCE.c.userid, ACCEPTANCE.c.status, ACCEPTANCE.c.timemodified)
        .where(ACCEPTANCE.c.policyversionid == versions[0], ACCEPTANCE.c.userid.in_(ids))
        .where(ACCEPTANCE.c.status.in_((0, 1)))
        .order_by(ACCEPTANCE.c.id)
    )
    source = f"policy version {versions[0]}"
    return {
        row.userid: r.Consent("email", row.status == 1, at=when(row.timemodified), source=source)
        for row in connection.execute(statement)
    }


SOURCES = (Source(sa.select(USER).where(USER.c.username != GUEST), USER.c.id, persons),)
TRACES = (
    Trace(USER.c.timemodified, USER.c.id, USER.c.id),
    Trace(USER.c.lastaccess, USER.c.id, USER.c.id),
    Trace(ROLE_OF.c.timemodified, ROLE_OF.c.id, ROLE_OF.c.userid),
    Trace(TAGGED.c.timemodified, TAGGED.c.id, TAGGED.c.itemid, where=TAG_OF_PERSON),
    Trace(ACCEPTANCE.c.timemodified, ACCEPTANCE.c.id, ACCEPTANCE.c.userid),
)
