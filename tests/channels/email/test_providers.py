"""The forms of mail providers, each by the samples of its documentation or of its own test events."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_plugin.channels.email.feedback.posted import MOST, Batch, Posted
from crm_plugin.channels.email.feedback.providers import forms
from crm_plugin.channels.email.feedback.providers.form import read
from crm_plugin.channels.email.feedback.providers.registry import PROVIDERS
from crm_plugin.kernel.errors import BadInput

GONE = "550 5.1.1 The email account that you tried to reach does not exist."

# docs.aws.amazon.com, examples of notifications; the bounce has a recipient that is only delayed.
SES_MAIL = {"timestamp": "2016-01-27T14:59:38.237Z", "destination": ["jane@example.com", "mary@example.com"]}
SES_BOUNCE = {
    "notificationType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "jane@example.com",
                "status": "5.1.1",
                "action": "failed",
                "diagnosticCode": "smtp; 550 5.1.1 <jane@example.com>... User",
            },
            {"emailAddress": "recipient2@example.com", "status": "4.0.0", "action": "delayed"},
        ],
        "timestamp": "2016-01-27T14:59:38.237Z",
        "feedbackId": "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa068a-000000",
    },
    "mail": {**SES_MAIL, "commonHeaders": {"messageId": "<17-4021@school.example>"}},
}
SES_COMPLAINT = {
    "notificationType": "Complaint",
    "complaint": {
        "complainedRecipients": [{"emailAddress": "richard@example.com"}],
        "complaintFeedbackType": "abuse",
        "timestamp": "2016-01-27T14:59:38.237Z",
        "feedbackId": "000001378603177f-18c07c78-fa81-4a58-9dd1-fedc3cb8f49a-000000",
    },
    "mail": SES_MAIL,
}
SES_DELAY = {
    "eventType": "DeliveryDelay",
    "mail": SES_MAIL,
    "deliveryDelay": {"delayedRecipients": [{"emailAddress": "recipient@example.com", "status": "4.4.1"}]},
}
SES_SUBSCRIPTION = {
    "eventType": "Subscription",
    "mail": {"destination": ["recipient@example.com"]},
    "subscription": {
        "timestamp": "2022-01-12T01:00:14.340Z",
        "newTopicPreferences": {"unsubscribeAll": True},
    },
}


def ses(kind: str, sub: str, **recipient: str) -> dict[str, Any]:
    """Return a bounce of SES of another type, by event publishing."""
    rows = [{"emailAddress": "jane@example.com", **recipient}]
    bounce = {**SES_BOUNCE["bounce"], "bounceType": kind, "bounceSubType": sub, "bouncedRecipients": rows}  # type: ignore[dict-item]
    return {"eventType": "Bounce", "bounce": bounce, "mail": SES_MAIL}


# SendGrid's own test events, and a real bounce.
SENDGRID = {
    "email": "example@test.com",
    "timestamp": 1513299569,
    "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
    "category": ["cat facts"],
}
SENDGRID_REAL = {
    **SENDGRID,
    "event": "bounce",
    "type": "bounce",
    "status": "5.1.1",
    "reason": GONE,
    "sg_event_id": "lC0Rc-FuQmKbnxCWxX1jRQ",
    "timestamp": 1461095250,
}

# Mailgun's test events.
MAILGUN_FAILED = {
    "id": "G9Bn5sl1TC6nu79C8C0bwg",
    "timestamp": 1521233195.375624,
    "event": "failed",
    "severity": "permanent",
    "reason": "bounce",
    "delivery-status": {
        "attempt-no": 1,
        "message": "No Such User Here",
        "code": 550,
        "enhanced-code": "",
        "description": "",
    },
    "message": {"headers": {"to": "Alice <alice@example.com>", "message-id": "17-5.ab@school.example"}},
    "recipient": "alice@example.com",
}

POSTMARK_BOUNCE = {
    "RecordType": "Bounce",
    "ID": 901542550,
    "Type": "HardBounce",
    "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
    "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
    "Email": "john@example.com",
    "BouncedAt": "2016-04-27T16:28:50.3963933-04:00",
}
POSTMARK_SUBSCRIPTION = {
    "RecordType": "SubscriptionChange",
    "ChangedAt": "2022-06-05T17:17:32Z",
    "Recipient": "john@example.com",
    "Origin": "Recipient",
    "SuppressSending": True,
    "SuppressionReason": "ManualSuppression",
}

BREVO_HARD = {
    "id": 814119,
    "email": "example@gmail.com",
    "message-id": "<202305311437.85220493321@smtp-relay.mailin.fr>",
    "event": "hard_bounce",
    "reason": "550-5.1.1 The email account that you tried to reach does not exist. Please\n  550-5.1.1 x",
    "ts_event": 1685543827,
    "ts_epoch": 1685543827372,
}
BREVO_DEFERRED = {
    "event": "deferred",
    "email": "example@domain.com",
    "ts_epoch": 1604933654,
    "reason": "spam",
}

ALIYUN_FAIL = {
    "data": {
        "rcpt": "xxx@aliyun.com",
        "msg_id": "17-4021@school.example",
        "status": "2",
        "event": "dm:Deliver:Fail",
        "err_code": "554",
        "err_msg": "554  RCPT xxx@aliyun.com dosn't exist",
        "failed_type": "SmtpNxBox",
    },
    "id": "8734hhidu983hi457",
    "time": "2024-04-29T11:07:12+08:00",
    "type": "dm:Deliver:Fail",
}
ALIYUN_FEEDBACK = {
    "data": {
        "block_email": "p527@example.org",
        "message_id": "<m-3@example.org>",
        "block_time": "1726821667",
    },
    "id": "e-2",
    "time": "2024-09-20T17:54:27+08:00",
    "type": "dm:Feedback:FblReport",
}

TENCENT_BOUNCE = {
    "event": "bounce",
    "email": "example@example.com",
    "bulkId": "qcloudses-30-251200670-date-20220601142439-8jolHvR2XcXC1",
    "timestamp": 1654064683,
    "reason": "551 5.1.1 recipient is not exist",
    "bounceType": "hard_bounce",
    "messageId": "17-4021@school.example",
}


def of(name: str, document: Any) -> Batch:
    """Read a document as it comes."""
    return read(name, PROVIDERS[name].form, json.loads(json.dumps(document)))


def mailgun(**changes: Any) -> dict[str, Any]:
    return {"event-data": {**MAILGUN_FAILED, **changes}}


def aliyun(kind: str, words: str = "550 x") -> dict[str, Any]:
    return {**ALIYUN_FAIL, "data": {**ALIYUN_FAIL["data"], "failed_type": kind, "err_msg": words}}  # type: ignore[dict-item]


SAMPLES: list[tuple[str, Any, str, str, datetime | None]] = [
    ("ses", SES_BOUNCE, "hard", "jane@example.com", datetime(2016, 1, 27, 14, 59, 38, 237000, UTC)),
    (
        "ses",
        SES_COMPLAINT,
        "complaint",
        "richard@example.com",
        datetime(2016, 1, 27, 14, 59, 38, 237000, UTC),
    ),
    (
        "ses",
        SES_SUBSCRIPTION,
        "opt_out",
        "recipient@example.com",
        datetime(2022, 1, 12, 1, 0, 14, 340000, UTC),
    ),
    ("sendgrid", [SENDGRID_REAL], "hard", "example@test.com", datetime(2016, 4, 19, 19, 47, 30, tzinfo=UTC)),
    ("mailgun", mailgun(), "hard", "alice@example.com", datetime(2018, 3, 16, 20, 46, 35, 375624, UTC)),
    ("postmark", POSTMARK_BOUNCE, "hard", "john@example.com", datetime(2016, 4, 27, 20, 28, 50, 396393, UTC)),
    (
        "postmark",
        POSTMARK_SUBSCRIPTION,
        "opt_out",
        "john@example.com",
        datetime(2022, 6, 5, 17, 17, 32, tzinfo=UTC),
    ),
    ("brevo", BREVO_HARD, "hard", "example@gmail.com", datetime(2023, 5, 31, 14, 37, 7, 372000, UTC)),
    ("aliyun", ALIYUN_FAIL, "hard", "xxx@aliyun.com", datetime(2024, 4, 29, 3, 7, 12, tzinfo=UTC)),
    (
        "aliyun",
        ALIYUN_FEEDBACK,
        "complaint",
        "p527@example.org",
        datetime(2024, 9, 20, 9, 54, 27, tzinfo=UTC),
    ),
    ("tencent", TENCENT_BOUNCE, "hard", "example@example.com", datetime(2022, 6, 1, 6, 24, 43, tzinfo=UTC)),
]


@pytest.mark.parametrize(("name", "document", "kind", "address", "at"), SAMPLES)
def test_a_published_sample_is_read(
    name: str, document: Any, kind: str, address: str, at: datetime | None
) -> None:
    batch = of(name, document)
    assert batch.bad == []
    (found,) = batch.events
    assert (found.kind, found.address, found.at) == (kind, address, at)
    assert kind != "hard" or (found.status, "@" in found.words) == (found.status or "5.1.1", False)


def test_what_names_our_message_is_kept() -> None:
    def one(name: str, document: Any) -> Posted:
        (found,) = of(name, document).events
        return found

    assert one("ses", SES_BOUNCE).row == one("aliyun", ALIYUN_FAIL).row == (17, 4021)
    assert one("tencent", TENCENT_BOUNCE).row == (17, 4021)
    assert (one("mailgun", mailgun()).row, one("mailgun", mailgun()).mark) == ((17, 5), "ab")
    assert one("postmark", {**POSTMARK_BOUNCE, "Metadata": {"crm": "17-5.ab@crm"}}).row == (17, 5)
    assert one("brevo", {**BREVO_HARD, "X-Mailin-custom": "17-5.ab@crm"}).mark == "ab"
    assert one("sendgrid", [SENDGRID_REAL]).row is None
    assert one("postmark", POSTMARK_BOUNCE).id == "postmark:901542550"
    assert one("sendgrid", [SENDGRID_REAL]).id == "sendgrid:lC0Rc-FuQmKbnxCWxX1jRQ"
    assert one("brevo", BREVO_HARD).id == ""


def sendgrid(event: str, **more: Any) -> list[Any]:
    return [{**SENDGRID, "event": event, **more}]


KINDS: list[tuple[str, Any, str | None]] = [
    ("ses", ses("Permanent", "NoEmail"), "hard"),
    ("ses", ses("Permanent", "General", diagnosticCode="smtp; 550 5.7.1 Client host blocked"), "refused"),
    ("ses", ses("Permanent", "OnAccountSuppressionList", status="5.1.1"), "refused"),
    ("ses", ses("Transient", "General"), None),
    ("ses", ses("Transient", "General", diagnosticCode="smtp; 451 4.3.0 try later"), "soft"),
    ("ses", ses("Transient", "MailboxFull"), "soft"),
    ("ses", ses("Transient", "ContentRejected"), "refused"),
    ("ses", ses("Undetermined", "Undetermined"), "soft"),
    ("ses", SES_DELAY, None),
    ("ses", {"notificationType": "Delivery", "mail": SES_MAIL}, None),
    ("ses", {}, None),
    (
        "ses",
        {**SES_COMPLAINT, "complaint": {**SES_COMPLAINT["complaint"], "complaintFeedbackType": "not-spam"}},  # type: ignore[dict-item]
        None,
    ),
    ("sendgrid", sendgrid("bounce", reason="500 unknown recipient", status="5.0.0"), "hard"),
    ("sendgrid", sendgrid("bounce", type="blocked", reason="550 5.7.1 blocked"), "refused"),
    ("sendgrid", sendgrid("dropped", reason="Bounced Address", status="5.0.0"), "refused"),
    ("sendgrid", sendgrid("dropped", reason="Unsubscribed Address"), "opt_out"),
    ("sendgrid", sendgrid("deferred", response="400 try again later"), None),
    ("sendgrid", sendgrid("delivered", response="250 OK"), None),
    ("sendgrid", sendgrid("spamreport"), "complaint"),
    ("sendgrid", sendgrid("unsubscribe"), "opt_out"),
    ("sendgrid", sendgrid("group_resubscribe"), None),
    ("mailgun", mailgun(severity="temporary", reason="generic"), None),
    ("mailgun", mailgun(reason="suppress-bounce"), "refused"),
    ("mailgun", mailgun(reason="suppress-unsubscribe"), "opt_out"),
    ("mailgun", mailgun(event="complained", severity=None), "complaint"),
    ("mailgun", mailgun(event="unsubscribed", severity=None), "opt_out"),
    ("mailgun", mailgun(event="delivered", severity=None), None),
    ("mailgun", mailgun(event="rejected", severity=None, recipient=None), "refused"),
    ("mailgun", {**mailgun(**{"delivery-status": None})}, "hard"),
    ("postmark", {**POSTMARK_BOUNCE, "Type": "SoftBounce"}, "soft"),
    ("postmark", {**POSTMARK_BOUNCE, "Type": "SpamNotification"}, "refused"),
    ("postmark", {**POSTMARK_BOUNCE, "Type": "AutoResponder"}, None),
    ("postmark", {**POSTMARK_BOUNCE, "Type": "Transient"}, None),
    ("postmark", {**POSTMARK_BOUNCE, "RecordType": "SpamComplaint", "Type": "SpamComplaint"}, "complaint"),
    ("postmark", {**POSTMARK_SUBSCRIPTION, "Origin": "Admin"}, None),
    ("postmark", {**POSTMARK_SUBSCRIPTION, "SuppressSending": False, "SuppressionReason": None}, None),
    ("brevo", BREVO_DEFERRED, None),
    ("brevo", {**BREVO_DEFERRED, "reason": "550 RecipientError: 550 5.1.1 <x@e.org>: User unknown"}, "hard"),
    ("brevo", {**BREVO_DEFERRED, "event": "soft_bounce", "reason": "server is down"}, "soft"),
    (
        "brevo",
        {**BREVO_DEFERRED, "event": "blocked", "reason": "blocked : due to unsubscribed user"},
        "opt_out",
    ),
    ("brevo", {**BREVO_DEFERRED, "event": "blocked", "reason": "blocked : due to blacklist user"}, "refused"),
    ("brevo", {**BREVO_DEFERRED, "event": "unsubscribed"}, "opt_out"),
    ("brevo", [{**BREVO_DEFERRED, "event": "complaint"}], "complaint"),
    ("brevo", {"events": [{**BREVO_DEFERRED, "event": "complaint"}]}, "complaint"),
    ("aliyun", aliyun("SmtpMfdFreq", "550 Domain frequency limited"), "refused"),
    ("aliyun", aliyun("SmtpSpfFail", "550 User unknown"), "refused"),
    ("aliyun", aliyun("SysOutRecipientUnsubscribed"), "opt_out"),
    ("aliyun", {**ALIYUN_FAIL, "type": "dm:Feedback:UnSubscribe"}, "opt_out"),
    ("aliyun", {**ALIYUN_FAIL, "type": "dm:Deliver:Succeed"}, None),
    ("tencent", {**TENCENT_BOUNCE, "bounceType": "soft_bounce", "reason": "452 4.2.2 full"}, "soft"),
    ("tencent", {**TENCENT_BOUNCE, "reason": "550 5.7.1 client host blocked"}, "refused"),
    ("tencent", {**TENCENT_BOUNCE, "event": "spamreport"}, "complaint"),
    ("tencent", {**TENCENT_BOUNCE, "event": "deferred"}, None),
]


@pytest.mark.parametrize(("name", "document", "kind"), KINDS)
def test_a_kind_of_event_does_what_it_says(name: str, document: Any, kind: str | None) -> None:
    batch = of(name, document)
    assert batch.bad == []
    assert [one.kind for one in batch.events] == ([kind] if kind else [])


WRONG: list[Any] = [None, "x", 7, [], {"email": ["x"], "event": "spamreport"}, {"event": "spamreport"}]


def test_one_bad_event_of_a_provider_harms_itself() -> None:
    batch = of("sendgrid", [*WRONG, SENDGRID_REAL, {**SENDGRID_REAL, "email": "x" * 300}])
    assert [one.address for one in batch.events] == ["example@test.com"]
    assert [place for place, _ in batch.bad] == [0, 1, 2, 3, 4, 5, 7]
    many = [SENDGRID_REAL] * (MOST + 1)
    for name, document in (("sendgrid", many), ("brevo", "x"), ("sendgrid", None)):
        with pytest.raises(BadInput, match="at most"):
            of(name, document)


def test_a_time_that_is_none_is_that_of_arrival() -> None:
    (found,) = of("sendgrid", [{**SENDGRID_REAL, "timestamp": "yesterday"}]).events
    assert found.at is None


def test_several_recipients_of_a_message_are_several_events() -> None:
    rows = [{"emailAddress": f"{name}@example.com"} for name in ("jane", "richard")]
    document = {**SES_BOUNCE, "bounce": {**SES_BOUNCE["bounce"], "bouncedRecipients": rows}}  # type: ignore[dict-item]
    found = of("ses", document).events
    assert [one.address for one in found] == ["jane@example.com", "richard@example.com"]
    assert len({one.id for one in found}) == 2
    assert forms.SES.events({"bounce": {"bouncedRecipients": "x"}}) == []
