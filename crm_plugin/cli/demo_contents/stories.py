"""The campaigns that a new demo has sent in the last weeks, in the words of its language.

Courses and classes are named by their place in ``catalogue.json``; the school numbers them from 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_plugin.segments.language.documents import all_of, any_of, rows, rule
from crm_plugin.web.segments.presets import PRESETS

Words = Mapping[str, str]
"""Language → text."""
_PRESET = {preset.key: preset.tree for preset in PRESETS}
FULL_STACK, PIANO, DATA = "34", "38", "39"
"""Classes: group 8 of full-stack, the piano evenings, group 5 of data."""
PYTHON, LEARNING = "1", "7"
"""Courses: Python from zero, machine learning by hand."""


@dataclass(frozen=True)
class Story:
    """A campaign, and how people took it."""

    days: float
    """Before the present; a negative one is planned."""
    channel: str
    name: Words
    audience: dict[str, Any]
    subject: Words | None = None
    text: Words | None = None
    template: str = ""
    """Key of an SMS template of the stock, without its language."""
    variables: Words = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the campaign file."""
    path: str = "courses"
    """Where its link leads in the school."""
    clicks: float = 0.0
    """Share of the people who click."""
    replies: tuple[Words, ...] = ()


def _looked_at(*courses: str) -> dict[str, Any]:
    kinds = ["view", "trial", "favourite", "coupon"]
    return rows("signals", rule("kind", "in", kinds), rule("course_id", "in", list(courses)))


def _seated(course: str) -> dict[str, Any]:
    return rows("enrolments", rule("course_id", "=", course), rule("state", "in", ["active", "upcoming"]))


_STOP = {"en": "T", "zh": "T"}
_ASKS = {"en": "Which evenings are these?", "zh": "请问是每周哪几个晚上？"}
_LATER = {"en": "Please call me after six", "zh": "请晚上六点以后给我打电话"}

STORIES = (
    Story(
        41, "email", {"en": "Back to the lamp", "zh": "好久不见"}, _PRESET["dormant"],
        subject={"en": "We have missed you, {{ display_name }}", "zh": "{{ display_name }}，好久不见"},
        text={"en": "A lot is new since your last visit: six classes, and a free lesson in every course.",
              "zh": "您离开的这段时间，学堂新开了六个班级，每门课都有一节免费试听。"},
        clicks=0.07,
    ),
    Story(
        37, "sms", {"en": "Coupons for our buyers", "zh": "老学员优惠券"},
        all_of(rule("paid_count", ">=", 3)),
        template="coupon", variables={"en": "the end of the month", "zh": "本月底"},
        more={"topic": 2}, clicks=0.14, replies=(_STOP, _STOP, _STOP),
    ),
    Story(
        33, "message", {"en": "Members' week", "zh": "会员周"}, all_of(rule("member_rank", ">=", 3)),
        text={"en": "Hello {{ display_name }}, this week is for members: every course is open. {{ link }}",
              "zh": "{{ display_name }}您好，本周是会员周，全部课程免费畅学：{{ link }}"},
        path="membership", clicks=0.22,
    ),
    Story(
        30, "email", {"en": "Machine learning, for the curious", "zh": "动手学机器学习推荐"},
        all_of(_looked_at("6", LEARNING)),
        subject={"en": "You looked at our data courses", "zh": "您看过的数据课程，这里有下一步"},
        text={"en": "Build each model once by hand, then let the library do it: {{ course_title }}.",
              "zh": "先亲手推导一遍，再交给工具：《{{ course_title }}》。"},
        more={"topic": 1, "course": LEARNING}, path=f"course/{LEARNING}", clicks=0.12,
    ),
    Story(
        26, "sms", {"en": "After the trial", "zh": "试听回访"},
        all_of(rows("signals", rule("kind", "=", "trial")), rule("paid_count", "<=", 1)),
        template="trial-follow-up", more={"course": PYTHON}, path=f"course/{PYTHON}",
        clicks=0.17, replies=(_LATER, _STOP),
    ),
    Story(
        23, "email", {"en": "Full-stack class: places for group 8", "zh": "全栈班第 8 期开放报名"},
        all_of(any_of(_looked_at(FULL_STACK), _seated(PYTHON))),
        subject={"en": "The next full-stack class begins soon", "zh": "全栈班第 8 期即将开课"},
        text={"en": "Sixty places, three courses, one tutor. Twelve places are gone already.",
              "zh": "三门课、一位导师、六十个席位，已有十二人报名。"},
        more={"topic": 1, "class": FULL_STACK, "holdout": 0.1}, path=f"course/{FULL_STACK}", clicks=0.13,
    ),
    Story(
        19, "sms", {"en": "Piano evenings", "zh": "成人钢琴夜校招生"},
        all_of(_looked_at("14", "15", "16", PIANO)),
        template="class-opening", more={"topic": 1, "class": PIANO}, path=f"course/{PIANO}",
        clicks=0.15, replies=(_ASKS, _STOP),
    ),
    Story(
        16, "email", {"en": "Letter of the month", "zh": "学堂月报"}, _PRESET["everybody"],
        subject={"en": "What we read, play and build this month", "zh": "这个月，我们一起读、弹、做"},
        text={"en": "Three stories from our classrooms, and one free evening for everybody.",
              "zh": "三则课堂小故事，还有一场免费的公开课。"},
        clicks=0.09,
    ),
    Story(
        12, "sms", {"en": "Orders waiting to be paid", "zh": "未支付订单提醒"}, _PRESET["unpaid"],
        template="unpaid-order", more={"course": PYTHON}, path="orders", clicks=0.2,
    ),
    Story(
        9, "email", {"en": "Go on where you stopped", "zh": "接着上次的地方学"},
        all_of(rows("enrolments", rule("state", "=", "active"), rule("progress", "between", [0.1, 0.9]))),
        subject={"en": "Your next lesson is ready", "zh": "{{ display_name }}，下一节课已备好"},
        text={"en": "Twenty minutes are enough for one lesson. Your place is kept.",
              "zh": "一节课只要二十分钟，学习进度一直为您保留。"},
        more={"purpose": "service"}, path="learn", clicks=0.21,
    ),
    Story(
        6, "message", {"en": "Open class on Friday", "zh": "周五公开课"},
        all_of(rule("last_login_at", "inLast", {"n": 14, "unit": "day"}), rule("city", "=", "上海")),
        text={"en": "Hello {{ display_name }}, there is an open class in Shanghai on Friday: {{ link }}",
              "zh": "{{ display_name }}您好，周五在上海有一场线下公开课，期待见面：{{ link }}"},
        more={"topic": 4}, path="courses?kind=open", clicks=0.25,
    ),
    Story(
        3, "sms", {"en": "Early price for members", "zh": "会员早鸟价"}, _PRESET["members"],
        template="member-offer", variables={"en": "Sunday", "zh": "周日"},
        more={"topic": 2, "course": LEARNING}, path=f"course/{LEARNING}", clicks=0.16, replies=(_ASKS,),
    ),
    Story(
        1, "email", {"en": "Data class: group 5", "zh": "数据班第 5 期"}, all_of(_looked_at("8", DATA)),
        subject={"en": "Sixteen weeks with real data", "zh": "十六周，学会用真实数据说话"},
        text={"en": "Group 5 of the data class begins next month. The first lesson is free.",
              "zh": "数据班第 5 期下月开课，第一节免费试听。"},
        more={"topic": 1, "class": DATA}, path=f"course/{DATA}", clicks=0.1,
    ),
    Story(
        -2, "sms", {"en": "Full-stack class: last places", "zh": "全栈班最后名额"},
        all_of(_looked_at(FULL_STACK)),
        template="class-opening", more={"topic": 1, "class": FULL_STACK}, path=f"course/{FULL_STACK}",
    ),
)  # fmt: skip
DRAFT = Story(
    0, "email", {"en": "Winter programme", "zh": "冬季课程预告"}, _PRESET["signed_in"],
    subject={"en": "Long evenings, good courses", "zh": "漫长的冬夜，适合学点什么"},
    text={"en": "Music, languages and a little mathematics.", "zh": "音乐、语言，还有一点数学。"},
)  # fmt: skip
TIPS = Story(
    0, "email", {"en": "Study tips of the week", "zh": "每周学习贴士"},
    all_of(rows("enrolments", rule("state", "=", "active"), rule("progress", "between", [0.2, 0.6]))),
    subject={"en": "A small tip for your next lesson", "zh": "给下一节课的小贴士"},
    text={"en": "Put the book where you drink your tea. Ten minutes a day are seventy a week.",
          "zh": "把书放在喝茶的地方。一天十分钟，一周就是七十分钟。"},
    more={"topic": 3, "policy": {"cap": {"n": 6, "days": 30}}}, path="learn", clicks=0.15,
)  # fmt: skip
"""Sent again each week."""
