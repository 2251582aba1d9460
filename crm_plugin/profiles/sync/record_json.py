"""Records as JSON and back, for rows that wait (``crm_parked``)."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm_plugin.host import records as r

_PARTS: dict[str, type[Any]] = {"lines": r.OrderLine, "consents": r.Consent}


def encode(record: r.Record) -> dict[str, Any]:
    """Return a record as a JSON object; :func:`decode` gives an equal record back."""
    return {name: _out(value) for name, value in asdict(record).items()}


def decode(stream: str, document: dict[str, Any]) -> Any:
    """Return the record of a stream that :func:`encode` wrote."""
    values = {name: _in(value) for name, value in document.items()}
    for name, cls in _PARTS.items():
        if name in values:
            values[name] = [cls(**part) for part in values[name]]
    return r.RECORDS[stream](**values)


def _out(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"$number": str(value)}
    if isinstance(value, list | tuple | set | frozenset):
        return [_out(item) for item in value]
    if isinstance(value, dict):
        return {name: _out(item) for name, item in value.items()}
    return value


def _in(value: Any) -> Any:
    if isinstance(value, list):
        return [_in(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$time": text}:
            return datetime.fromisoformat(text)
        case {"$date": text}:
            return date.fromisoformat(text)
        case {"$number": text}:
            return Decimal(text)
    return {name: _in(item) for name, item in value.items()}
