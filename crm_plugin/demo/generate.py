"""Fills an empty school with a believable year, the same for the same seed, present and size."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sqlalchemy import Engine

from crm_plugin.demo.bulk_rows import DAY, Ledger
from crm_plugin.demo.models import Base
from crm_plugin.demo.personas import Lives

LEAST_PEOPLE = 60
TEACHERS = 6
_PASSWORD = "lantern-2026"


@dataclass(frozen=True)
class Account:
    """A login of the generated school."""

    role: str
    username: str
    password: str
    display_name: str


def demo_accounts() -> list[Account]:
    """Return the logins that ``fill`` makes: administrator, consultant, teacher, learner (in this order)."""
    return [
        Account("admin", "admin", _PASSWORD, "Ada Lin"),
        Account("staff", "consultant", _PASSWORD, "周小满"),
        Account("teacher", "teacher", _PASSWORD, "Marta Keller"),
        Account("learner", "learner", _PASSWORD, "林知夏"),
    ]


def fill(
    engine: Engine,
    people: int = 2000,
    seed: int = 20260901,
    now: int | None = None,
    language: str = "en",
    hostile: bool = False,
) -> dict[str, int]:
    """Make the tables and fill them; return the number of rows by table.

    :param people: accounts in all, staff included; at least 60, so that every kind of person is there
    :param now: the present in seconds since 1970; the year ends there
    :param language: of the school, ``en`` or ``zh``: of the titles of its courses, levels and lessons, and of
        its staff's pages
    :param hostile: give some people names made to break pages
    :raises ValueError: for fewer people
    """
    if people < LEAST_PEOPLE:
        raise ValueError(f"a school needs at least {LEAST_PEOPLE} people to have one of each kind")
    data = json.loads((files("crm_plugin.demo") / "catalogue.json").read_text("utf-8"))
    ledger = Ledger(seed, int(time.time()) if now is None else now)
    _staff(ledger)
    _catalogue(ledger, data)
    _offers(ledger)
    Lives(ledger, data).populate(people, hostile)
    if language == "zh":
        _in_chinese(ledger)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        ledger.write(connection)
    return {table: len(rows) for table, rows in ledger.rows.items()}


def _in_chinese(ledger: Ledger) -> None:
    """Let the school's own titles be the Chinese ones: other programs get these."""
    for rows in ledger.rows.values():
        for row in rows:
            row |= {name.removesuffix("_zh"): text for name, text in row.items() if name.endswith("_zh")}
    staff = {account.username for account in demo_accounts()[:3]}
    for user in ledger.rows["school_users"]:
        if user["username"] in staff:
            user["locale"] = "zh"


def _hash(password: str) -> str:
    """Return the password's scrypt hash as werkzeug writes it, with a fixed salt (the year is repeatable)."""
    salt = "demonstration-only"
    made = hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**15, r=8, p=1, maxmem=2**26)
    return f"scrypt:32768:8:1${salt}${made.hex()}"


def _staff(ledger: Ledger) -> None:
    secret, start = _hash(_PASSWORD), ledger.now - 380 * DAY
    for account in demo_accounts()[:3]:
        seen = ledger.ago(0, 2)
        ledger.add(
            "school_users", username=account.username, display_name=account.display_name,
            real_name=account.display_name, email=f"{account.username}@lantern.example", email_verified=True,
            roles=account.role, password_hash=secret, registered_at=start, last_login_at=seen,
            last_active_at=seen, tags="",
        )  # fmt: skip
    for name in ("顾明远", "Ingrid Sol", "许砚", "Tom Okafor", "沈清和"):
        number, seen = len(ledger.rows["school_users"]) + 1, ledger.ago(0, 9)
        ledger.add(
            "school_users", username=f"teacher{number - 2}", display_name=name, real_name=name,
            email=f"teacher{number - 2}@lantern.example", roles="teacher", registered_at=start,
            last_login_at=seen, last_active_at=seen, tags="",
        )  # fmt: skip
    ledger.add(
        "school_users", username="learner", display_name="林知夏", real_name="林知夏", locale="zh",
        email="learner@lantern.example", email_verified=True, phone="13800138000", phone_verified=True,
        password_hash=secret, registered_at=ledger.now - 300 * DAY, tags="", city="杭州",
    )  # fmt: skip


def _catalogue(ledger: Ledger, data: dict[str, Any]) -> None:
    shelves: dict[str, int] = {}
    roots: dict[str, str] = {}
    for slug, name, name_zh, parent in data["categories"]:
        roots[slug] = parent or slug
        row = ledger.add(
            "school_categories", slug=slug, name=name, name_zh=name_zh, parent_id=shelves.get(parent or "")
        )
        shelves[slug] = row["id"]
    for slug, title, title_zh, price, tags, lessons, blurb, blurb_zh in data["courses"]:
        row = _course(ledger, shelves[slug], (title, title_zh, blurb, blurb_zh), price, tags=tags)
        _lessons(ledger, row["id"], data["lessons"][roots[slug]][:lessons])
    for slug, title, title_zh, tags in data["open"]:
        texts = (title, title_zh, "Free, for everybody who is curious.", "免费，欢迎每一位好奇的人。")
        row = _course(ledger, shelves[slug], texts, 0, tags=tags, kind="open")
        _lessons(ledger, row["id"], data["lessons"][slug][:3])
    for one in data["classes"]:
        _class(ledger, one)
    _oddities(ledger, data)


def _course(ledger: Ledger, shelf: int, texts: Sequence[str], price: int, **more: Any) -> dict[str, Any]:
    """Add a course; ``texts`` are its title and its blurb, each in both languages."""
    facts = dict(zip(("title", "title_zh", "blurb", "blurb_zh"), texts, strict=True))
    teacher = 3 + len(ledger.rows["school_courses"]) % TEACHERS
    more = {"kind": "course", "status": "published", "teacher_id": teacher} | facts | more
    return ledger.add("school_courses", category_id=shelf, price=price, **more)


def _lessons(ledger: Ledger, course_id: int, titles: list[list[str]]) -> None:
    for position, (title, title_zh) in enumerate(titles, 1):
        ledger.add(
            "school_lessons", course_id=course_id, position=position, title=title, title_zh=title_zh,
            minutes=12 + (course_id * 7 + position * 5) % 25, free=position == 1,
        )  # fmt: skip


def _class(ledger: Ledger, row: list[Any]) -> None:
    """Add a class with its courses, or with copies of them that are taught in it alone."""
    title, title_zh, price, parts, blurb, blurb_zh, starts, ends, copied = row
    courses = ledger.rows["school_courses"]
    first = courses[parts[0] - 1]
    made = _course(
        ledger, first["category_id"], (title, title_zh, blurb, blurb_zh), price, tags=first["tags"],
        kind="class", capacity=60, starts_at=ledger.now + starts * DAY, ends_at=ledger.now + ends * DAY,
    )  # fmt: skip
    for part in parts:
        number = _copy(ledger, courses[part - 1], title.rpartition(", ")[2], title_zh) if copied else part
        ledger.rows["school_class_courses"].append({"class_id": made["id"], "course_id": number})


def _copy(ledger: Ledger, old: dict[str, Any], group: str, class_zh: str) -> int:
    """Add the copy of a course that is taught in one class only; return its number."""
    titles = f"{old['title']} ({group})", f"{old['title_zh']}（{class_zh}）"
    texts = (*titles, old["blurb"], old["blurb_zh"])
    # Nobody buys it by itself.
    row = _course(ledger, old["category_id"], texts, old["price"], tags=old["tags"], parent_id=old["id"],
                  status="closed")  # fmt: skip
    for lesson in [one for one in ledger.rows["school_lessons"] if one["course_id"] == old["id"]]:
        ledger.add("school_lessons", **{**lesson, "course_id": row["id"]})
    return int(row["id"])


def _oddities(ledger: Ledger, data: dict[str, Any]) -> None:
    """Add what real catalogues have: new runs of old courses, a draft, a course no longer sold."""
    for original, season, season_zh in ((1, "spring run", "春季班次"), (9, "evening run", "晚间班次")):
        old = ledger.rows["school_courses"][original - 1]
        titles = f"{old['title']} ({season})", f"{old['title_zh']}（{season_zh}）"
        row = _course(
            ledger, old["category_id"], (*titles, old["blurb"], old["blurb_zh"]), old["price"] - 5000,
            tags=old["tags"], parent_id=original,
        )  # fmt: skip
        root = "programming" if original == 1 else "languages"
        _lessons(ledger, row["id"], data["lessons"][root])
    soon = ("Rust for the patient", "给耐心者的 Rust", "Soon.", "即将上线。")
    _course(ledger, 1, soon, 89900, tags="rust", status="draft")
    gone = ("Flash animation", "Flash 动画", "A farewell.", "告别。")
    _course(ledger, 5, gone, 9900, tags="web", status="closed")


def _offers(ledger: Ledger) -> None:
    levels = (("Silver lantern", "银灯会员", 19900, 90), ("Gold lantern", "金灯会员", 59900, 365),
              ("Evergreen lantern", "长明灯会员", 129900, 365))  # fmt: skip
    for rank, (name, name_zh, price, days) in enumerate(levels, 1):
        ledger.add("school_levels", name=name, name_zh=name_zh, rank=rank, price=price, days=days)
    for code, percent, until in (
        ("WELCOME10", 10, None),
        ("AUTUMN20", 20, 60),
        ("MOON15", 15, -30),
        ("TEAM100", 100, None),
    ):
        ends = None if until is None else ledger.now + until * DAY
        ledger.add("school_coupons", code=code, percent=percent, until=ends)
