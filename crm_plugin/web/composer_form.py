"""What the composer's forms say, as the keys of a campaign file."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from crm_plugin.kernel.errors import BadInput


def content_of(form: MultiDict[str, str]) -> dict[str, Any]:
    """Return the content that a form holds; what was left empty is left out."""
    content: dict[str, Any] = {}
    for key in ("template", "subject", "html", "text", "link"):
        value = form.get(key, "").replace("\r\n", "\n").strip()
        if value:
            content[key] = value
    variables = {
        name.removeprefix("var:"): value.strip()
        for name, value in form.items()
        if name.startswith("var:") and value.strip()
    }
    return {**content, "variables": variables} if variables else content


def policy_of(form: MultiDict[str, str], before: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return ``policy``, ``holdout`` and ``at``.

    :param before: the policy so far; a goal, which the form does not show, is kept.
    :param zone: in which the typed times are meant.
    :raises BadInput: ``campaign.bad_value`` for what is no number or time.
    """
    policy: dict[str, Any] = {"goal": before["goal"]} if before.get("goal") else {}
    days = _whole(form, "leave_out_days")
    if days is not None:
        policy["leave_out_days"] = days
    cap = _whole(form, "cap_n")
    if cap is not None:
        policy["cap"] = {"n": cap, "days": _whole(form, "cap_days") or 30}
    if form.get("quiet_from") or form.get("quiet_to"):
        policy["quiet_hours"] = {"from": form.get("quiet_from", "")[:5], "to": form.get("quiet_to", "")[:5]}
    rate = _whole(form, "rate_n")
    if rate is not None:
        policy["rate"] = {"n": rate, "per_seconds": 1}
    expires = _instant(form, "expires_at", zone)
    if expires is not None:
        policy["expires_at"] = expires
    return {"policy": policy, "holdout": _share(form), "at": _instant(form, "at", zone)}


def _whole(form: MultiDict[str, str], name: str) -> int | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise BadInput("campaign.bad_value", name, reason="expected a whole number")
    return int(text)


def _share(form: MultiDict[str, str]) -> float:
    text = form.get("holdout", "").strip().removesuffix("%") or "0"
    try:
        return float(text) / 100
    except ValueError:
        raise BadInput("campaign.bad_value", "holdout", reason="expected a number from 0 to 100") from None


def _instant(form: MultiDict[str, str], name: str, zone: ZoneInfo) -> str | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:
        raise BadInput("campaign.bad_value", name, reason="expected a date and a time") from None
