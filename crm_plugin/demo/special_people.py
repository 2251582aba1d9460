"""The people who break careless software: shared and bad addresses, closed accounts, and hostile names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crm_plugin.demo.bulk_rows import Ledger

Row = dict[str, Any]
_LONGEST = "长" * 100 + "L" * 100
_GONE = ("real_name", "email", "phone", "gender", "birthday", "city", "company", "locale")


def twist(ledger: Ledger, people: Sequence[Row], hostile: Sequence[str]) -> None:
    """Turn the first of these people into special cases.

    :param hostile: names that some of them get; none = all keep theirs.
    """
    rest = iter(people)
    for name in (*hostile, _LONGEST) if hostile else ():
        ledger.touch(next(rest), display_name=name, real_name=name)
    twins, child, parent = (next(rest), next(rest)), next(rest), next(rest)
    for twin in twins:
        ledger.touch(twin, phone="13912345678")
    ledger.touch(parent, email="Jose@Example.com", display_name="José Wang (parent)")
    ledger.touch(child, email="jose@example.com", display_name="Mei Wang (child)")
    for phone in ("12345", "call me", "021-62345678", "+1 555 0100", ""):
        ledger.touch(next(rest), phone=phone)
    for email in ("not-an-address", "student@localhost", "no@@example.com"):
        ledger.touch(next(rest), email=email)
    ledger.touch(next(rest), email=None, phone=None)
    for status in ("suspended", "suspended", "unconfirmed"):
        ledger.touch(next(rest), status=status)
    ledger.touch(next(rest), merged_into_id=next(rest)["id"], status="suspended")
    gone = next(rest)
    erased = {"status": "erased", "username": f"erased-{gone['id']}", "display_name": f"#{gone['id']}"}
    ledger.touch(gone, **erased, **dict.fromkeys(_GONE), tags="")
    for person in people[::25]:
        ledger.add(
            "school_messages", user_id=person["id"], sender="Lantern Academy", subject="Welcome · 欢迎",
            body="Your lamp is lit: every course has a free lesson.\n灯已点亮，从一节免费课开始吧。",
            sent_at=person["registered_at"],
        )  # fmt: skip
