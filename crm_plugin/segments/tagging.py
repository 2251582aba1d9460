"""Tags on all people whom a search finds."""

from typing import Any

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.profiles import tags
from crm_plugin.profiles.tags import Tagged
from crm_plugin.segments import service


def put_tag(crm: Crm, actor: Actor, document: Any, tag: str) -> Tagged:
    """Put a tag on the people whom a document, or a part of it, finds; only on those the actor sees.

    :raises Refused: without ``crm.edit``.
    :raises BadInput: when the document or the tag is bad.
    """
    return tags.put(crm, actor, service.selected(crm, document, actor=actor)[0], tag)


def take_tag_off(crm: Crm, actor: Actor, document: Any, tag: str) -> Tagged:
    """Take a tag off those people; raises as :func:`put_tag`."""
    return tags.take_off(crm, actor, service.selected(crm, document, actor=actor)[0], tag)
