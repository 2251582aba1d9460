"""Numbers that a policy holds: how the campaign file writes them, how a form asks for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_plugin.kernel.errors import BadInput, Clause, whole_from

MAX_DAYS = 3650
MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Number:
    """One box of a form and one whole number of the campaign file, from 1."""

    name: str = ""
    """Key of the object that the file holds; empty: the file holds the number alone."""
    label: str = ""
    """Names the box where the words of its field do not."""
    unit: str = ""
    """Stands behind the box."""
    proposed: int | None = None
    """What a new draft takes; beside the first box of a field also what an empty one means."""
    most: int = MOST


@dataclass(frozen=True, slots=True)
class Field:
    """One key of ``policy``."""

    key: str
    numbers: tuple[Number, ...]
    label: str = ""
    hint: str = ""

    def check(self, value: Any, place: str) -> None:
        """Refuse what a campaign file may not say here.

        :raises BadInput: ``campaign.*``, with the place.
        """
        if self._is_alone():
            whole(value, place, self.numbers[0].most)
            return
        exactly(value, [one.name for one in self.numbers], place)
        for one in self.numbers:
            whole(value[one.name], f"{place}.{one.name}", one.most)

    def read(self, policy: Mapping[str, Any]) -> tuple[int, ...] | None:
        """Return the numbers of a policy that was checked; None when it has no such rule."""
        value = policy.get(self.key)
        if not value:
            return None
        return (value,) if self._is_alone() else tuple(value[one.name] for one in self.numbers)

    def written(self, values: Sequence[int]) -> Any:
        """Return numbers as the campaign file holds them."""
        if self._is_alone():
            return values[0]
        return {one.name: value for one, value in zip(self.numbers, values, strict=True)}

    @property
    def proposed(self) -> Any:
        """What a new draft takes, as the campaign file holds it; None = no such rule."""
        values = [one.proposed for one in self.numbers if one.proposed is not None]
        return self.written(values) if len(values) == len(self.numbers) else None

    def inputs(self) -> list[tuple[str, Number]]:
        """Return the names of the form's boxes with what each holds."""
        return [("_".join(filter(None, (self.key, one.name))), one) for one in self.numbers]

    def schema(self) -> dict[str, Any]:
        """Return what the campaign file holds as JSON Schema, for the document of the API."""
        parts = [{"type": "integer", "minimum": 1, "maximum": one.most} for one in self.numbers]
        if self._is_alone():
            return {**parts[0], "description": self.label}
        names = [one.name for one in self.numbers]
        properties = dict(zip(names, parts, strict=True))
        closed = {"required": names, "additionalProperties": False}
        return {"type": "object", "properties": properties, **closed, "description": self.label}

    def _is_alone(self) -> bool:
        return not self.numbers[0].name


def whole(value: Any, place: str, most: int) -> None:
    """Refuse what is no whole number from 1.

    :raises BadInput: ``campaign.bad_value``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadInput("campaign.bad_value", place, reason=whole_from(1, most))


def only(value: Any, known: Sequence[str], place: str) -> None:
    """Refuse what is no object, or has other keys than these.

    :raises BadInput: ``campaign.bad_value``, ``campaign.unknown_key``.
    """
    if not isinstance(value, dict):
        raise BadInput("campaign.bad_value", place, reason=Clause("expected an object"))
    for key in value:
        if key not in known:
            raise BadInput("campaign.unknown_key", place, key=repr(key))


def exactly(value: Any, keys: Sequence[str], place: str) -> None:
    """Refuse what has not exactly these keys.

    :raises BadInput: ``campaign.*``.
    """
    only(value, keys, place)
    for key in keys:
        if key not in value:
            raise BadInput("campaign.missing_key", place, key=key)
