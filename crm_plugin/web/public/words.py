"""The words of the public pages, in both languages; these pages know nobody's settings."""

from crm_plugin.channels.registry import CHANNELS

LOCALES = {"en": "English", "zh": "中文"}

VERSION = "2026-12.2"
"""Of the words below; it stands beside each answer in the ledger of consents. Raise it with any change."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "ask_title": "Unsubscribe",
        "ask_lead": "What would you like to stop?",
        "for": "For {address}",
        "channel": "Marketing by {label}",
        "channel_other": "Marketing by this channel",
        "channel_note": "The channel that brought you here.",
        "topic": "Only messages about “{topic}”",
        "topic_note": "Other news still comes, as you chose.",
        "all": "All marketing",
        "all_note": "Whatever the channel.",
        "everything": "Everything, notices about my courses too",
        "everything_note": "Only what the school must send, such as receipts, may still come.",
        "service": "Without marketing you still get what belongs to your courses, such as receipts.",
        "button": "Unsubscribe",
        "choices_title": "Or choose for each channel",
        "choices_lead": "Ticked means: you agree to get offers and news this way.",
        "choices_button": "Save my choices",
        "blocked": "Stopped: it came back, was called spam or was blocked. Only the school can change it.",
        "channels": "How we may write to you",
        "topics": "What we may write to you about",
        "topics_lead": "Without a tick nothing about it comes, by whatever way.",
        "state_on": "on",
        "state_off": "off",
        "done_title": "You are unsubscribed",
        "done": "You will get no more marketing by {label}.",
        "done_other": "You will get no more marketing by this channel.",
        "done_topic": "You will get no more marketing about “{topic}”.",
        "done_all": "You will get no more marketing from us.",
        "done_everything": "You will get no more messages from us, except for what the school must send.",
        "done_note": "A message that is on its way already may still arrive. You can close this page.",
        "saved_title": "Your choices are saved",
        "saved_on": "You agree to marketing by: {labels}.",
        "saved_none": "You will get no marketing from us.",
        "saved_topics": "Nothing comes about: {topics}.",
        "undo_lead": "Was it a mistake?",
        "undo_button": "Undo: keep sending to me",
        "undone_title": "Welcome back",
        "undone": "Nothing has changed for you: you agree to marketing by {labels}.",
        "undone_topics": "You hear about this again: {topics}.",
        "more": "Change my choices",
        "bad_title": "This link is not valid",
        "bad_lead": "Nothing has been changed. The link may have been cut off on its way.",
        "bad_whole": "Open it again from the message, with a click instead of copying it.",
        "bad_other": "Or take the link of a newer message from us; each has one of its own.",
        "bad_ask": "If that does not help, tell the school the address or number that the message came to.",
        "later_title": "Please try again in a moment",
        "later_lead": "Your choice could not be kept just now. Nothing has been changed.",
        "school": "To the school",
        "and": ", ",
    },
    "zh": {
        "ask_title": "退订",
        "ask_lead": "您想停止接收哪些内容？",
        "for": "适用于 {address}",
        "channel": "营销{label}",
        "channel_other": "此渠道的营销内容",
        "channel_note": "您刚才收到消息的渠道。",
        "topic": "仅停止“{topic}”相关内容",
        "topic_note": "其他内容仍按您的选择发送。",
        "all": "全部营销内容",
        "all_note": "包括所有渠道。",
        "everything": "全部内容，包括课程通知",
        "everything_note": "只有学校必须发送的内容（例如付款凭证）仍可能送达。",
        "service": "停止营销内容后，与您的课程和订单有关的通知（例如付款凭证）仍会照常发送。",
        "button": "确认退订",
        "choices_title": "或按渠道分别选择",
        "choices_lead": "勾选表示您同意通过该渠道接收优惠与资讯。",
        "choices_button": "保存我的选择",
        "blocked": "已停止：消息被退回、被标记为骚扰，或被学校屏蔽。只有学校可以恢复。",
        "channels": "我们可以通过哪些渠道联系您",
        "topics": "我们可以给您发送哪些主题",
        "topics_lead": "未勾选的主题，任何渠道都不会再发送。",
        "state_on": "已开启",
        "state_off": "已关闭",
        "done_title": "退订成功",
        "done": "您不会再收到营销{label}。",
        "done_other": "您不会再从此渠道收到营销内容。",
        "done_topic": "您不会再收到“{topic}”相关的营销内容。",
        "done_all": "您不会再收到我们的营销内容。",
        "done_everything": "除学校必须发送的内容外，您不会再收到我们的任何消息。",
        "done_note": "已经发出的消息可能还会送达。您可以关闭此页面。",
        "saved_title": "您的选择已保存",
        "saved_on": "您同意接收以下渠道的营销内容：{labels}。",
        "saved_none": "您不会再收到我们的营销内容。",
        "saved_topics": "以下主题不再发送：{topics}。",
        "undo_lead": "点错了？",
        "undo_button": "撤销，继续接收",
        "undone_title": "欢迎回来",
        "undone": "一切照旧：您同意接收以下渠道的营销内容：{labels}。",
        "undone_topics": "您将继续收到以下主题：{topics}。",
        "more": "更改选择",
        "bad_title": "链接无效",
        "bad_lead": "没有任何更改。链接可能在传送途中被截断。",
        "bad_whole": "请从原消息中直接点击打开，不要手动复制。",
        "bad_other": "也可以使用我们较新消息中的链接，每条消息都有自己的链接。",
        "bad_ask": "如果仍然无效，请把收到消息的邮箱或手机号告诉学校。",
        "later_title": "请稍后再试",
        "later_lead": "暂时无法保存您的选择，没有任何更改。",
        "school": "返回学校首页",
        "and": "、",
    },
}


def words_of(locale: str) -> dict[str, str]:
    """Return the words of a language, with ``channel_<name>`` and ``done_<name>`` for each channel."""
    words = dict(WORDS[locale])
    for name in CHANNELS:
        words |= {
            f"{key}_{name}": words[key].format(label=label(name, locale)) for key in ("channel", "done")
        }
        words[f"label_{name}"] = label(name, locale)
    return words


def label(channel: str, locale: str) -> str:
    """Return a channel's name for people."""
    return CHANNELS[channel].label[list(LOCALES).index(locale)]


def labels(channels: list[str], locale: str) -> str:
    """Return the names of channels as one text."""
    return joined([label(channel, locale) for channel in channels], locale)


def joined(names: list[str], locale: str) -> str:
    """Return names as one text."""
    return WORDS[locale]["and"].join(names)


def choose(wanted: str, accepted: str) -> str:
    """Return the language of a page.

    :param wanted: what the visitor clicked, if anything.
    :param accepted: the browser's Accept-Language header; its first known language is taken.
    """
    if wanted in WORDS:
        return wanted
    for part in accepted.split(","):
        language = part.partition(";")[0].strip().partition("-")[0].lower()
        if language in WORDS:
            return language
    return "en"
