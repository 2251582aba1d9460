"""The words of the public pages; these pages know nobody's settings."""

from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.i18n import Text

VERSION = "2026-12.3"
"""Of the words below; it stands beside each answer in the ledger of consents. Raise it with any change."""

WORDS: dict[str, Text] = {
    "ask_title": Text("Unsubscribe", "opt-out page"),
    "ask_lead": Text("What would you like to stop?", "opt-out page"),
    "for": Text("For {address}", "opt-out page"),
    "channel": Text("Marketing by {label}", "opt-out page"),
    "channel_other": Text("Marketing by this channel", "opt-out page"),
    "channel_note": Text("The channel that brought you here.", "opt-out page"),
    "topic": Text("Only messages about “{topic}”", "opt-out page"),
    "topic_note": Text("Other news still comes, as you chose.", "opt-out page"),
    "all": Text("All marketing", "opt-out page"),
    "all_note": Text("On every channel.", "opt-out page"),
    "everything": Text("Everything, notices about my courses too", "opt-out page"),
    "everything_note": Text("Only what the school must send, such as receipts, may still come."),
    "service": Text("Without marketing you still get what belongs to your courses, such as receipts."),
    "button": Text("Unsubscribe", "opt-out button"),
    "choices_title": Text("Or choose for each channel", "opt-out page"),
    "choices_lead": Text("Selected means: you agree to get offers and news this way."),
    "choices_button": Text("Save my choices", "opt-out page"),
    "blocked": Text(
        "Stopped: a message came back, was marked as spam or was blocked. Only the school can change it."
    ),
    "channels": Text("How we may write to you", "opt-out page"),
    "topics": Text("What we may write to you about", "opt-out page"),
    "topics_lead": Text("If a topic is not selected, nothing about it comes, on any channel."),
    "state_on": Text("on", "opt-out page"),
    "state_off": Text("off", "opt-out page"),
    "done_title": Text("You are unsubscribed", "opt-out page"),
    "done": Text("You will get no more marketing by {label}.", "opt-out page"),
    "done_other": Text("You will get no more marketing by this channel."),
    "done_topic": Text("You will get no more marketing about “{topic}”."),
    "done_all": Text("You will get no more marketing from us.", "opt-out page"),
    "done_everything": Text("You will get no more messages from us, except for what the school must send."),
    "done_note": Text("A message that is on its way already may still arrive. You can close this page."),
    "saved_title": Text("Your choices are saved", "opt-out page"),
    "saved_on": Text("You agree to marketing by: {labels}.", "opt-out page"),
    "saved_none": Text("You will get no marketing from us.", "opt-out page"),
    "saved_topics": Text("Nothing comes about: {topics}.", "opt-out page"),
    "undo_lead": Text("Was it a mistake?", "opt-out page"),
    "undo_button": Text("Undo: keep sending to me", "opt-out page"),
    "undone_title": Text("Welcome back", "opt-out page"),
    "undone": Text("Nothing has changed for you: you agree to marketing by {labels}."),
    "undone_topics": Text("You hear about this again: {topics}.", "opt-out page"),
    "more": Text("Change my choices", "opt-out page"),
    "bad_title": Text("This link is not valid", "opt-out page"),
    "bad_lead": Text("Nothing has been changed. The link may have been cut off on its way."),
    "bad_whole": Text("Open it again from the message, with a click instead of copying it."),
    "bad_other": Text("Or take the link of a newer message from us; each has one of its own."),
    "bad_ask": Text("If that does not help, tell the school the address or number that the message came to."),
    "later_title": Text("Please try again in a moment", "opt-out page"),
    "later_lead": Text("Your choice could not be kept just now. Nothing has been changed."),
    "school": Text("To the school", "opt-out page"),
    "and": Text(", ", "opt-out page"),
}


def words_of(locale: str) -> dict[str, str]:
    """Return the words in a language, with ``channel_<name>`` and ``done_<name>`` for each channel."""
    words = {key: text.of(locale) for key, text in WORDS.items()}
    for name in CHANNELS:
        words |= {
            f"{key}_{name}": words[key].format(label=label(name, locale)) for key in ("channel", "done")
        }
        words[f"label_{name}"] = label(name, locale)
    return words


def label(channel: str, locale: str) -> str:
    """Return a channel's name for people."""
    return CHANNELS[channel].label.of(locale)


def labels(channels: list[str], locale: str) -> str:
    """Return the names of channels as one text."""
    return joined([label(channel, locale) for channel in channels], locale)


def joined(names: list[str], locale: str) -> str:
    """Return names as one text."""
    return WORDS["and"].of(locale).join(names)
