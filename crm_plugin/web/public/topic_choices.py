"""The part of a person's page of choices that is about topics: what it shows, and what its forms do."""

import logging
from collections.abc import Iterable, Mapping

from crm_plugin.host.context import Crm
from crm_plugin.links import topic_optout
from crm_plugin.links.optout import Answer, Asked
from crm_plugin.profiles.consent.topics import TopicRow

log = logging.getLogger(__name__)

_TICK = "topic:"
"""Before a topic's number in the name of its tick."""
_DIGITS = 18
"""Of a topic's number, at most."""


def standing(crm: Crm, asked: Asked) -> topic_optout.Standing:
    """Return what a person chose so far; nothing while the database does not answer."""
    try:
        return topic_optout.standing(crm, asked)
    except Exception:
        # The page must come up without a database too: then it shows the one button alone.
        log.exception("what somebody chose of the topics cannot be read")
        return topic_optout.Standing()


def stop(crm: Crm, asked: Asked, answer: Answer) -> TopicRow | None:
    """Stop the topic of the message; None when it had none, or one that is offered no more."""
    about = topic_optout.standing(crm, asked).message
    if about is None:
        return None
    topic_optout.stop(crm, asked, [about.topic.id], answer)
    return about.topic


def choose(
    crm: Crm, asked: Asked, form: Mapping[str, str], answer: Answer
) -> tuple[list[TopicRow], list[TopicRow]]:
    """Stop and resume what a form changed; return (topics that were on before, all that are off now).

    ``topics`` names those that the page showed, with dots; ``topic:<number>`` is the tick of one.
    """
    listed, chosen = _numbers(form.get("topics", "").split(".")), _chosen(form)
    shown = [one for one in topic_optout.standing(crm, asked).topics if one.topic.id in listed]
    resumed = [one.topic.id for one in shown if one.topic.id in chosen and not one.on]
    dropped = [one.topic for one in shown if one.topic.id not in chosen and one.on]
    topic_optout.resume(crm, asked, resumed, answer)
    topic_optout.stop(crm, asked, [topic.id for topic in dropped], answer)
    return dropped, [one.topic for one in shown if one.topic.id not in chosen]


def resume(crm: Crm, asked: Asked, form: Mapping[str, str], answer: Answer) -> list[TopicRow]:
    """Resume the selected topics; return them."""
    chosen = _chosen(form)
    found = [one.topic for one in topic_optout.standing(crm, asked).topics if one.topic.id in chosen]
    topic_optout.resume(crm, asked, [topic.id for topic in found], answer)
    return found


def _chosen(form: Mapping[str, str]) -> set[int]:
    return _numbers(name.removeprefix(_TICK) for name in form if name.startswith(_TICK))


def _numbers(texts: Iterable[str]) -> set[int]:
    return {int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < _DIGITS}
