"""What a capability brings to one application: the list stands in :mod:`crm_plugin.plugin`.

A lower row defines the type of what it accepts, as a frozen class (``PersonExtension`` of the profiles,
``FilterExtension`` of the segments, ``Jobs`` of the workers). A higher row makes one object of it; the lower
one gets it by :meth:`crm_plugin.host.context.Crm.contributed`. Nothing is kept by the process.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Capability:
    """One capability of an application.

    :param name: as its folder.
    :param parts: what it brings: an object for each row that it adds something to.
    """

    name: str
    parts: tuple[object, ...] = ()
