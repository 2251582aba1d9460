"""The words of the public pages, in both languages; these pages know nobody's settings."""

from crm_plugin.channels.registry import CHANNELS

LOCALES = {"en": "English", "zh": "中文"}

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "ask_title": "Unsubscribe",
        "ask_lead": "What would you like to stop?",
        "channel": "Marketing by {label}",
        "channel_other": "Marketing by this channel",
        "channel_note": "The channel that brought you here.",
        "all": "All marketing",
        "all_note": "Whatever the channel.",
        "service": "You will still get what belongs to your courses and orders, such as receipts.",
        "button": "Unsubscribe",
        "done_title": "You are unsubscribed",
        "done": "You will get no more marketing by {label}.",
        "done_other": "You will get no more marketing by this channel.",
        "done_all": "You will get no more marketing from us.",
        "done_note": "A message that is on its way already may still arrive. You can close this page.",
        "more": "Change my choice",
        "bad_title": "This link is not valid",
        "bad_lead": "It may have been cut off. Please open it again from the message, whole.",
        "later_title": "Please try again in a moment",
        "later_lead": "Your choice could not be kept just now. Nothing has been changed.",
        "school": "To the school",
    },
    "zh": {
        "ask_title": "退订",
        "ask_lead": "您想停止接收哪些内容？",
        "channel": "营销{label}",
        "channel_other": "此渠道的营销内容",
        "channel_note": "您刚才收到消息的渠道。",
        "all": "全部营销内容",
        "all_note": "包括所有渠道。",
        "service": "与您的课程和订单有关的通知（例如付款凭证）仍会照常发送。",
        "button": "确认退订",
        "done_title": "退订成功",
        "done": "您不会再收到营销{label}。",
        "done_other": "您不会再从此渠道收到营销内容。",
        "done_all": "您不会再收到我们的营销内容。",
        "done_note": "已经发出的消息可能还会送达。您可以关闭此页面。",
        "more": "更改选择",
        "bad_title": "链接无效",
        "bad_lead": "链接可能不完整，请从原消息中重新打开。",
        "later_title": "请稍后再试",
        "later_lead": "暂时无法保存您的选择，没有任何更改。",
        "school": "返回学校首页",
    },
}


def words_of(locale: str) -> dict[str, str]:
    """Return the words of a language, with ``channel_<name>`` and ``done_<name>`` for each channel."""
    words = dict(WORDS[locale])
    for name, channel in CHANNELS.items():
        label = channel.label[list(LOCALES).index(locale)]
        words |= {f"{key}_{name}": words[key].format(label=label) for key in ("channel", "done")}
    return words


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
