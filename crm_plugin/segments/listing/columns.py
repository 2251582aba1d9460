"""What lists and exports of people can show: one row a column, with its name in both languages."""

from dataclasses import dataclass

from crm_plugin.host.records import Actor
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.fields import Label


@dataclass(frozen=True)
class Column:
    """A column of people.

    :param key: attribute of :class:`crm_plugin.profiles.people.queries.PersonRow`; such a field must be told.
    :param kind: ``text status instant number money flag``.
    :param private: a contact: masked on pages and left out of exports without ``crm.contacts``.
    """

    key: str
    label: Label
    kind: str = "text"
    private: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("display_name", Label("Name", "姓名")),
    Column("host_id", Label("Id at the school", "学校编号")),
    Column("real_name", Label("Real name", "真实姓名")),
    Column("username", Label("User name", "用户名"), private=True),
    Column("status", Label("State", "状态"), "status"),
    Column("phone", Label("Telephone", "手机"), private=True),
    Column("email", Label("E-mail", "邮箱"), private=True),
    Column("gender", Label("Gender", "性别")),
    Column("country", Label("Country", "国家")),
    Column("city", Label("City", "城市")),
    Column("company", Label("Company", "公司")),
    Column("registered_at", Label("Registered", "注册时间"), "instant"),
    Column("last_login_at", Label("Last signed in", "最近登录"), "instant"),
    Column("last_active_at", Label("Last active", "最近活跃"), "instant"),
    Column("last_learned_at", Label("Last learned", "最近学习"), "instant"),
    Column("member_level", Label("Membership", "会员等级")),
    Column("member_until", Label("Member until", "会员到期"), "instant"),
    Column("paid_count", Label("Orders", "订单数"), "number"),
    Column("paid_total", Label("Spent", "消费金额"), "money"),
    Column("first_paid_at", Label("First purchase", "首次购买"), "instant"),
    Column("last_paid_at", Label("Latest purchase", "最近购买"), "instant"),
    Column("refunded_total", Label("Refunded", "退款金额"), "money"),
    Column("unpaid_count", Label("Unpaid orders", "待付订单数"), "number"),
    Column("marketed_count", Label("Messages received", "已收营销消息数"), "number"),
    Column("last_marketed_at", Label("Last marketed", "最近一次营销"), "instant"),
)
"""In the order in which they stand."""
NAME = COLUMNS[0]
"""Stands in every list: it leads to the person."""
DEFAULT = ("display_name", "phone", "email", "registered_at", "last_active_at", "paid_count", "paid_total")


def offered(catalogue: Catalogue, actor: Actor) -> list[Column]:
    """Return the columns that the school tells and the actor may see; amounts need ``crm.money``."""
    return [
        one for one in COLUMNS if _told(one, catalogue) and (one.kind != "money" or actor.may("crm.money"))
    ]


def exported(columns: list[Column], actor: Actor) -> list[Column]:
    """Return the columns that the actor may take away: contacts need ``crm.contacts``."""
    return [one for one in columns if not one.private or actor.may("crm.contacts")]


def _told(column: Column, catalogue: Catalogue) -> bool:
    field = catalogue.field(column.key)
    return field is None or catalogue.offers(field)
