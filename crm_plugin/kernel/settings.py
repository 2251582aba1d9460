"""One table of settings, read from ``crm.toml`` and from ``CRM_*`` variables (which win)."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.kernel.bands import BANDS_FORM, read_bands
from crm_plugin.kernel.credentials.secret import check_key
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.network.client_address import networks
from crm_plugin.kernel.network.web_address import parse
from crm_plugin.kernel.rates import RATE_FORM, check_rate

CONNECTIONS = 10
"""Connections that a worker keeps to a carrier at most, where the settings do not say."""


@dataclass(frozen=True)
class Setting:
    """One row of the table: its name (lower case; ``CRM_`` + upper case outside), type, default, help."""

    name: str
    type: type
    default: Any
    help: str
    secret: bool = False


TABLE = (
    Setting("host", str, "", "Name of the host adapter, for example demo_school or moodle."),
    Setting(
        "host_url", str, "", "SQLAlchemy URL of the school's database; a read-only account.", secret=True
    ),
    Setting(
        "host_region", str, "", "Country of the school (ISO 3166, two letters): reads telephone numbers."
    ),
    Setting(
        "host_timezone", str, "UTC", "The school's time zone (IANA name), until the school gives its own."
    ),
    Setting("host_currency", str, "", "The school's own currency (ISO 4217), where the school gives none."),
    Setting("host_base_url", str, "", "Web address of the school."),
    Setting(
        "database_url", str, "", "SQLAlchemy URL of the CRM's tables; empty: the Flask host's own.", True
    ),
    Setting("redis_url", str, "", "Redis or Valkey; empty: an embedded one, else none.", secret=True),
    Setting("public_url", str, "http://127.0.0.1:5000", "Where learners reach links and opt-out pages."),
    Setting(
        "trusted_proxies",
        str,
        "127.0.0.0/8 ::1",
        "Networks of your reverse proxies, whose X-Forwarded-For names the visitor.",
    ),
    Setting(
        "secret_key",
        str,
        "",
        "Signs sessions of crm serve; 32 characters or more; empty: created and kept.",
        secret=True,
    ),
    Setting(
        "session_idle_minutes", int, 120, "Minutes without use that end a session of crm serve; 0: never."
    ),
    Setting("session_hours", int, 12, "Hours after which a session of crm serve ends; 0: never."),
    Setting("instance", str, "instance", "Folder for spools, the embedded queue and SQLite files."),
    Setting(
        "file_group", str, "", "Group that shares the folder and its files; empty: its owner has them alone."
    ),
    Setting("sms_carrier", str, "outbox", "Carrier for SMS: outbox records messages and sends nothing."),
    Setting("sms_signature", str, "", "Name that signs SMS, as the carrier approved it; empty: the site's."),
    Setting(
        "sms_link_mode", str, "", "Links in SMS: per_recipient, per_campaign or none; empty: the carrier's."
    ),
    Setting(
        "sms_callback_secret",
        str,
        "",
        "Last part of the addresses for delivery reports and replies; 16 characters.",
        True,
    ),
    Setting(
        "sms_stop_words", str, "", "Further replies that stop marketing by SMS; -WORD takes one of ours away."
    ),
    Setting("sms_start_words", str, "", "Further replies that let it begin again; -WORD as above."),
    Setting("sms_price", str, "", "What one segment of an SMS costs, such as 0.045 CNY; empty: not known."),
    Setting("sms_http_url", str, "", "Address of the generic HTTP carrier.", secret=True),
    Setting("sms_http_token", str, "", "Bearer token of the generic HTTP carrier.", secret=True),
    Setting("sms_aliyun_key_id", str, "", "AccessKey id of the Aliyun carrier."),
    Setting("sms_aliyun_key_secret", str, "", "AccessKey secret of the Aliyun carrier.", secret=True),
    Setting("sms_aliyun_url", str, "https://dysmsapi.aliyuncs.com", "Service address of Aliyun."),
    Setting("sms_tencent_secret_id", str, "", "SecretId of the Tencent Cloud carrier."),
    Setting("sms_tencent_secret_key", str, "", "SecretKey of the Tencent Cloud carrier.", secret=True),
    Setting("sms_tencent_app_id", str, "", "SmsSdkAppId of the Tencent Cloud carrier."),
    Setting("sms_tencent_region", str, "ap-guangzhou", "Region of the Tencent Cloud carrier."),
    Setting("sms_tencent_url", str, "https://sms.tencentcloudapi.com", "Service address of Tencent Cloud."),
    Setting("sms_twilio_account", str, "", "Account SID of the Twilio carrier."),
    Setting("sms_twilio_token", str, "", "Auth token of the Twilio carrier; it proves reports too.", True),
    Setting("sms_twilio_from", str, "", "Number or messaging service (MG…) that Twilio sends from."),
    Setting("sms_twilio_url", str, "https://api.twilio.com", "Service address of Twilio."),
    Setting(
        "smtp_url", str, "", "smtp://user:password@host:587; empty: e-mail goes to the outbox.", secret=True
    ),
    Setting("smtp_plain_login", str, "no", "Whether the password of smtp_url may go without TLS: yes or no."),
    Setting("mail_from", str, "", "Sender of e-mail, as Name <address>."),
    Setting("bounce_domain", str, "", "Domain whose mail your server hands to crm bounce; empty: none."),
    Setting("bounce_secret", str, "", "Signs what is posted to /c/bounce; 16 characters.", secret=True),
    Setting(
        "bounce_path_secret",
        str,
        "",
        "Last part of providers' addresses for events of e-mail; 16 characters.",
        True,
    ),
    Setting("bounce_ses_topic", str, "", "ARN of the Amazon SNS topic with events of SES."),
    Setting("bounce_sendgrid_key", str, "", "Verification key of SendGrid's signed event webhook."),
    Setting("bounce_mailgun_key", str, "", "HTTP webhook signing key of Mailgun.", secret=True),
    Setting(
        "bounce_aliyun_token", str, "", "Token of the EventBridge target with events of DirectMail.", True
    ),
    Setting("bounce_hard", int, 1, "Hard bounces that stop an e-mail address; 0: never."),
    Setting("bounce_soft", int, 3, "Soft bounces in a row that stop an e-mail address; 0: never."),
    Setting("bounce_soft_days", int, 3, "Days that such a row of soft bounces spans at least."),
    Setting("bounce_complaints", int, 1, "Complaints about spam that stop an e-mail address; 0: never."),
    Setting(
        "consent_unknown", str, "", "Marketing to people of unknown consent: send or skip; empty: by region."
    ),
    Setting("sync_overlap", int, 120, "Seconds read again at each round of changes, for late commits."),
    Setting("lease_seconds", int, 60, "How long a worker may hold a batch before it is given back."),
    Setting("worker_processes", int, 1, "Worker processes that crm worker starts."),
    Setting(
        "late_start_minutes", int, 60, "A campaign later than this at its planned time waits for a person."
    ),
    Setting("stale_data_hours", int, 24, "Age of the school's data above which campaigns wait; 0: never."),
    Setting("pause_after_failures", int, 20, "Failures in a row of a carrier that pause a campaign."),
    Setting("pause_failure_percent", int, 50, "Share of failures that pauses a campaign; 0: never."),
    Setting("notify_email", str, "", "Address that gets an e-mail when a campaign stops by itself."),
    Setting("connections", dict, {}, "Connections that a worker keeps to a carrier, such as smtp = 5."),
    Setting("rate_limits", dict, {}, "Limits by channel, carrier or domain, such as carrier:aliyun = 100/s."),
    Setting("interest_days", int, 180, "How long a signal of interest counts."),
    Setting(
        "offsite_sources",
        str,
        "offline,off-site,outside",
        "Sources of orders that were paid elsewhere, with commas between; their money is shown apart.",
    ),
    Setting(
        "home_days", str, "7 30 90 180", "Days by which Home sorts people by last sign-in and by activity."
    ),
    Setting("home_purchases", str, "1 2 3 6", "Numbers of purchases at which Home begins a group of people."),
    Setting(
        "home_spend", str, "100 500 1000", "Amounts spent, in the school's currency, at which one begins."
    ),
    Setting("home_progress", str, "25 50 75", "Percent of a course at which one begins; 100 is a group too."),
    Setting("tests_per_day", int, 50, "Tests that one person may send within 24 hours; 0 = any number."),
    Setting(
        "page_statement_seconds", int, 15, "Seconds that a page may wait for one statement; 0: without end."
    ),
    Setting("confirm_above", int, 500, "Recipients above which the composer asks for the typed number."),
)
"""Every setting there is; ``docs/settings.md`` is compared with it."""

_BY_NAME = {row.name: row for row in TABLE}


class Settings:
    """The values in force, as attributes (``settings.database_url``).

    :param values: name → value; names that are left out take their default.
    :raises BadInput: ``settings.unknown``, ``settings.bad_value``, ``settings.short_secret``.
    """

    host: str
    host_url: str
    host_region: str
    host_timezone: str
    host_currency: str
    host_base_url: str
    database_url: str
    redis_url: str
    public_url: str
    trusted_proxies: str
    secret_key: str
    session_idle_minutes: int
    session_hours: int
    instance: str
    file_group: str
    sms_carrier: str
    sms_signature: str
    sms_link_mode: str
    sms_callback_secret: str
    sms_stop_words: str
    sms_start_words: str
    sms_price: str
    sms_http_url: str
    sms_http_token: str
    sms_aliyun_key_id: str
    sms_aliyun_key_secret: str
    sms_aliyun_url: str
    sms_tencent_secret_id: str
    sms_tencent_secret_key: str
    sms_tencent_app_id: str
    sms_tencent_region: str
    sms_tencent_url: str
    sms_twilio_account: str
    sms_twilio_token: str
    sms_twilio_from: str
    sms_twilio_url: str
    smtp_url: str
    smtp_plain_login: str
    mail_from: str
    bounce_domain: str
    bounce_secret: str
    bounce_path_secret: str
    bounce_ses_topic: str
    bounce_sendgrid_key: str
    bounce_mailgun_key: str
    bounce_aliyun_token: str
    bounce_hard: int
    bounce_soft: int
    bounce_soft_days: int
    bounce_complaints: int
    consent_unknown: str
    sync_overlap: int
    lease_seconds: int
    worker_processes: int
    late_start_minutes: int
    stale_data_hours: int
    pause_after_failures: int
    pause_failure_percent: int
    notify_email: str
    connections: dict[str, str]
    rate_limits: dict[str, str]
    interest_days: int
    offsite_sources: str
    home_days: str
    home_purchases: str
    home_spend: str
    home_progress: str
    tests_per_day: int
    page_statement_seconds: int
    confirm_above: int

    def __init__(self, **values: Any) -> None:
        for name in values:
            if name not in _BY_NAME:
                raise BadInput("settings.unknown", name=name)
        for row in TABLE:
            setattr(self, row.name, _typed(row, values.get(row.name, row.default)))
        _check(self)

    @property
    def zone(self) -> ZoneInfo:
        """The school's time zone."""
        return ZoneInfo(self.host_timezone)

    def connections_to(self, carrier: str) -> int:
        """Return how many connections a worker keeps to a carrier at most."""
        return int(self.connections.get(carrier, CONNECTIONS))

    def shown(self) -> dict[str, Any]:
        """Return the values with every secret replaced, for pages and ``crm doctor``."""
        return {
            row.name: "(set)" if row.secret and getattr(self, row.name) else getattr(self, row.name)
            for row in TABLE
        }


def load(environ: Mapping[str, str] = os.environ, file: Path | None = None) -> Settings:
    """Read ``crm.toml`` (or the file that ``CRM_CONFIG`` names), then ``CRM_*`` variables over it."""
    path = file or Path(environ.get("CRM_CONFIG", "crm.toml"))
    # A file that is named must be there; its default need not.
    values = _from_file(path) if "CRM_CONFIG" in environ or path.exists() else {}
    for row in TABLE:
        outside = environ.get(f"CRM_{row.name.upper()}")
        if outside is not None:
            values[row.name] = outside
    return Settings(**values)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput("settings.bad_file", path=str(path), reason=str(error)) from error


def _typed(row: Setting, value: Any) -> Any:
    if row.type is int:
        try:
            return int(value)
        except (TypeError, ValueError):
            raise BadInput("settings.bad_value", name=row.name, value=value, expected="a number") from None
    if row.type is dict:
        return _table(row.name, value)
    return str(value)


def _table(name: str, value: Any) -> dict[str, str]:
    """Read a table, or the same as one line of a variable: ``a=1/s b=2/min``."""
    if isinstance(value, str):
        value = dict(pair.partition("=")[::2] for pair in value.split())
    check, expected = _TABLES[name]
    if not isinstance(value, dict):
        raise BadInput("settings.bad_value", name=name, value=value, expected="a table of limits")
    try:
        for limit, one in value.items():
            check(limit, one)
    except ValueError as error:
        raise BadInput("settings.bad_value", name=name, value=str(error), expected=expected) from None
    return {str(limit): str(one) for limit, one in value.items()}


def _check_connections(carrier: object, number: object) -> None:
    if (
        re.fullmatch(r"[a-z0-9_]{1,32}", str(carrier)) is None
        or re.fullmatch(r"[1-9]\d?", str(number)) is None
    ):
        raise ValueError(f"{carrier} = {number}")


_TABLES: dict[str, tuple[Callable[[object, object], None], str]] = {
    "rate_limits": (check_rate, RATE_FORM),
    "connections": (_check_connections, "a number of 1 to 99 for each carrier, such as smtp = 5"),
}


_TIMES = {"page_statement_seconds": 86_400, "session_idle_minutes": 525_600, "session_hours": 8_760}
"""Settings that are times → the longest; 0 = without end."""


_LARGEST_BAND = {"home_days": 36_500, "home_progress": 99}


def _check(settings: Settings) -> None:
    if settings.secret_key:
        check_key("secret_key", settings.secret_key)
    for name, most in _TIMES.items():
        value = getattr(settings, name)
        if not 0 <= value <= most:
            raise BadInput(
                "settings.bad_value", name=name, value=value, expected=f"a number from 0 to {most}"
            )
    for name in ("home_days", "home_purchases", "home_spend", "home_progress"):
        _check_bands(name, getattr(settings, name))
    if settings.smtp_plain_login not in ("yes", "no"):
        facts = {"name": "smtp_plain_login", "value": settings.smtp_plain_login}
        raise BadInput("settings.bad_value", **facts, expected="yes or no")
    for name in ("public_url", "host_base_url"):
        _check_address(name, getattr(settings, name))
    try:
        networks(settings.trusted_proxies)
    except ValueError:
        raise BadInput(
            "settings.bad_value",
            name="trusted_proxies",
            value=settings.trusted_proxies,
            expected="a list of networks such as 10.0.0.0/8 192.0.2.7",
        ) from None
    try:
        ZoneInfo(settings.host_timezone)
    except (KeyError, ValueError, OSError):
        raise BadInput(
            "settings.bad_value",
            name="host_timezone",
            value=settings.host_timezone,
            expected="a time zone such as Europe/London",
        ) from None


def _check_bands(name: str, value: str) -> None:
    most = _LARGEST_BAND.get(name)
    try:
        last = read_bands(value)[-1]
    except ValueError:
        raise BadInput("settings.bad_value", name=name, value=value, expected=BANDS_FORM) from None
    if most is not None and last > most:
        expected = f"numbers up to {most}"
        raise BadInput("settings.bad_value", name=name, value=value, expected=expected)


def _check_address(name: str, value: str) -> None:
    if name == "host_base_url" and not value:
        return
    try:
        parse(value)
    except ValueError:
        expected = "a web address such as https://school.example"
        raise BadInput("settings.bad_value", name=name, value=value, expected=expected) from None
