"""A table of named things, filled by the modules that define them."""

from typing import TypeVar

T = TypeVar("T")


class Registry(dict[str, T]):
    """Names → things, in the order of registration; a name can be taken once.

    :param kind: what the things are, for messages.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def add(self, name: str, item: T) -> T:
        """Register ``item``; adding the very same item again does nothing.

        :raises ValueError: when another item has that name.
        """
        if self.get(name, item) is not item:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self[name] = item
        return item
