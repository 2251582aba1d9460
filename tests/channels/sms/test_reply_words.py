"""What replies ask for, as people write them."""

import re

import pytest

from crm_plugin.channels.sms.channel import TAIL
from crm_plugin.channels.sms.reply_words import Heard, hear, words_of
from crm_plugin.kernel.i18n import locales

OURS = words_of("", "")
ENGLISH = "STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT OPT-OUT Arrêt ARRET".split()
CHINESE = "R T TD N 退订 退 拒收 取消订阅 回复R 回复TD 回T 拒收请回复R".split()
SPELLINGS = [
    "r",
    "Ｒ",
    " R ",
    "R。",
    "【R】",
    "ｔｄ",
    "\nTD\r\n",
    "“退订”",
    "stop!",
    "StOp",
    "opt out",
    "Stop all",
]


@pytest.mark.parametrize("text", [*ENGLISH, *CHINESE, *SPELLINGS])
def test_a_reply_that_is_the_word_stops(text: str) -> None:
    assert hear(text, OURS) == Heard("stop")


@pytest.mark.parametrize("locale", locales())
def test_what_our_own_messages_ask_for_is_heard(locale: str) -> None:
    asked = re.findall(r"[A-Z]+", TAIL.of(locale).replace("Reply", ""))
    assert asked
    assert {hear(word, OURS) for word in asked} == {Heard("stop")}


MORE = [
    "Stop please",
    "please STOP",
    "Stop, thank you",
    "退订谢谢",
    "我要退订",
    "请帮我退订",
    "怎么退订",
    "不要了，退订",
]


@pytest.mark.parametrize("text", MORE)
def test_a_reply_with_more_than_the_word_stops_and_is_read(text: str) -> None:
    assert hear(text, OURS) == Heard("stop", whole=False)


@pytest.mark.parametrize("text", ["START", "unstop", "订阅", "恢复订阅", "取消退订", "Start!"])
def test_a_reply_lets_it_begin_again(text: str) -> None:
    assert hear(text, OURS) == Heard("start")


OTHERS = [
    "",
    "谢谢",
    "Yes",
    "好的，几点开始？",
    "When does the bus stop here run tonight",
    "I cannot end my trial, what now?",
    "不退订",
    "我不想退订",
    "请问这门课可以退订并把学费退还给我吗",
    "R2D2",
    "T恤多少钱",
    "restart",
]


@pytest.mark.parametrize("text", OTHERS)
def test_anything_else_is_for_staff(text: str) -> None:
    assert hear(text, OURS) == Heard("", whole=False)


def test_a_setting_adds_words_and_takes_them_away() -> None:
    words = words_of("BASTA, 不要 -N -stop", "OUI")
    assert hear("basta", words) == hear("不要！", words) == Heard("stop")
    assert hear("oui", words) == Heard("start")
    assert hear("n", words).wish == hear("stop", words).wish == hear("stop please", words).wish == ""
    assert hear("td", words) == Heard("stop")
