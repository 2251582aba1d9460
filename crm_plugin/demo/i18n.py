"""The school's words and formats in its two languages; English is the key, ``zh.json`` the translation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from flask import g, request, session

from crm_plugin.demo.models import TIMEZONE, User

LOCALES = {"en": "English", "zh": "简体中文"}


@cache
def _chinese() -> dict[str, str]:
    text = (files("crm_plugin.demo") / "zh.json").read_text("utf-8")
    return {str(key): str(value) for key, value in json.loads(text).items()}


def locale() -> str:
    """Return the language of this request: chosen, else the account's, else the browser's, else English."""
    user: User | None = g.get("user")
    chosen = session.get("locale") or (user.locale if user else None)
    chosen = (chosen or request.accept_languages.best_match(["en", "zh-CN", "zh"], "en"))[:2]
    return chosen if chosen in LOCALES else "en"


def say(text: str, **values: object) -> str:
    """Return ``text`` in the language of the request, with ``{names}`` filled in."""
    said = _chinese().get(text, text) if locale() == "zh" else text
    return said.format(**values) if values else said


def name_of(row: object, field: str = "title") -> str:
    """Return the row's ``field`` in the language of the request (``title`` or ``title_zh``)."""
    return str(getattr(row, f"{field}_zh" if locale() == "zh" else field) or getattr(row, field))


def money(cents: int) -> str:
    """Return cents as yuan: ``¥1,299`` or ``¥19.90``."""
    return f"¥{cents // 100:,}" if cents % 100 == 0 else f"¥{cents / 100:,.2f}"


def day(seconds: int | None) -> str:
    """Return the school's date of a time, a dash for never."""
    return _local(seconds).strftime("%Y-%m-%d") if seconds else "—"


def moment(seconds: int | None) -> str:
    """Return the school's date and time of a time, a dash for never."""
    return _local(seconds).strftime("%Y-%m-%d %H:%M") if seconds else "—"


def _local(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(TIMEZONE))
