"""What a capability lets workers do."""

from collections.abc import Callable
from dataclasses import dataclass

from crm_plugin.host.context import Crm


def _nothing(_crm: Crm) -> bool:
    return False


@dataclass(frozen=True)
class Jobs:
    """The work of a capability that nobody has to ask for.

    :param periodic: (dotted path of a job, every how many seconds a worker ticks it): done by the queue.
    :param daily: dotted paths of what is done once a business day of the school's zone.
    :param burst: does one round of all that is due and says whether there was something.
    """

    periodic: tuple[tuple[str, int], ...] = ()
    daily: tuple[str, ...] = ()
    burst: Callable[[Crm], bool] = _nothing
    upkeep: tuple[tuple[str, int], ...] = ()
