"""The columns of people that a reader chose; kept in their browser."""

from flask import Response, request

from crm_plugin.segments.listing import columns as table
from crm_plugin.segments.listing.columns import Column

COOKIE = "crm_columns"
"""Keeps the reader's columns; names of columns and nothing else."""
_YEAR = 365 * 86_400


def chosen(offered: list[Column]) -> list[Column]:
    """Return the columns that the reader chose; the name always stands first."""
    kept = request.cookies.get(COOKIE, "").split(".")
    keys = kept if any(one.key in kept for one in offered) else list(table.DEFAULT)
    return [one for one in offered if one == table.NAME or one.key in keys]


def keep(response: Response, keys: list[str]) -> None:
    """Keep the reader's columns in their browser; with none, the usual ones come back."""
    known = [one.key for one in table.COLUMNS if one.key in keys]
    secure, path = request.is_secure, request.script_root + "/"
    response.set_cookie(
        COOKIE,
        ".".join(known),
        _YEAR if known else 0,
        secure=secure,
        httponly=True,
        samesite="Lax",
        path=path,
    )
