"""The forms of the providers that we know, by their own documentation; each is tested with its sample.

What a provider did not even try, as the address is on a list of its own, is no word of the recipient's
server: *refused*. Where the list holds opt-outs or complaints, it is what that person said.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_plugin.channels.email.carried_id import CUSTOM, METADATA
from crm_plugin.channels.email.feedback.posted import MOST, too_many
from crm_plugin.channels.email.feedback.providers.form import Form, value

_OURS = (
    "SmtpAuthFail SmtpSpfFail SmtpDmaFail SmtpMfBad SmtpDbl SmtpContSpam SmtpMiscSpam SmtpMfFreq SmtpMfdFreq"
)
_LISTED = "SysOutRcptOnAccountLevelBounceList SysOutHoneypot SmtpIPFreq SmtpMfLimit SmtpRcptFreq"
_POSTMARK_REFUSED = (
    "Blocked DMARCPolicy VirusNotification SMTPApiError TemplateRenderingFailed SpamNotification"
)


def _list(document: Any) -> Sequence[Any]:
    """Return the events of a request that holds one or many."""
    found = document.get("events", [document]) if isinstance(document, Mapping) else document
    if not isinstance(found, list) or len(found) > MOST:
        raise too_many()
    return found


def _recipients(document: Any) -> Sequence[Any]:
    """Return an event of SES for each of its recipients; one that is only delayed has none."""
    lists = "bounce.bouncedRecipients|complaint.complainedRecipients"
    found = value(document, lists)
    if isinstance(found, list):
        rows = [one for one in found if not (isinstance(one, Mapping) and one.get("action") == "delayed")]
    else:
        sent_to = value(document, "mail.destination")
        rows = [{"emailAddress": one} for one in sent_to] if isinstance(sent_to, list) else []
    if len(rows) > MOST:
        raise too_many()
    idents = [
        f"{value(document, 'bounce.feedbackId|complaint.feedbackId') or ''}/{n}" for n in range(len(rows))
    ]
    return [
        {**document, "recipient": row, "ident": ident if ident[0] != "/" else ""}
        for row, ident in zip(rows, idents, strict=True)
    ]


SES = Form(
    kind=(
        "notificationType|eventType",
        "bounce.bounceType|complaint.complaintSubType|complaint.complaintFeedbackType"
        "|subscription.newTopicPreferences.unsubscribeAll",
        "bounce.bounceSubType",
    ),
    meanings={
        "Bounce/Permanent": "judged",
        "Bounce/Permanent/Suppressed": "refused",
        "Bounce/Permanent/OnAccountSuppressionList": "refused",
        "Bounce/Transient": "soft",
        "Bounce/Transient/General": "coded",
        "Bounce/Transient/MessageTooLarge": "refused",
        "Bounce/Transient/ContentRejected": "refused",
        "Bounce/Transient/AttachmentRejected": "refused",
        "Bounce/Undetermined": "soft",
        "Complaint": "complaint",
        "Complaint/not-spam": "",
        "Complaint/OnAccountSuppressionList": "refused",
        "Reject": "refused",
        "Subscription/True": "opt_out",
    },
    address="recipient.emailAddress",
    at="bounce.timestamp|complaint.timestamp|subscription.timestamp|mail.timestamp",
    id="ident",
    message_id="mail.commonHeaders.messageId",
    status="recipient.status",
    words=("recipient.diagnosticCode",),
    events=_recipients,
)
SENDGRID = Form(
    kind=("event", "type|reason"),
    meanings={
        "bounce": "judged",
        "bounce/blocked": "refused",
        "dropped": "refused",
        "dropped/Unsubscribed Address": "opt_out",
        "dropped/Spam Reporting Address": "complaint",
        "spamreport": "complaint",
        "unsubscribe": "opt_out",
        "group_unsubscribe": "opt_out",
    },
    address="email",
    at="timestamp",
    id="sg_event_id",
    message_id="smtp-id",
    status="status",
    words=("reason",),
    events=_list,
)
MAILGUN = Form(
    kind=("event", "severity", "reason"),
    meanings={
        "failed/permanent": "judged",
        "failed/permanent/suppress-bounce": "refused",
        "failed/permanent/suppress-unsubscribe": "opt_out",
        "failed/permanent/suppress-complaint": "complaint",
        "complained": "complaint",
        "unsubscribed": "opt_out",
        "rejected": "refused",
    },
    address="recipient|message.headers.to",
    at="timestamp",
    id="id",
    message_id="message.headers.message-id",
    status="delivery-status.enhanced-code",
    words=("delivery-status.code", "delivery-status.message|delivery-status.description"),
    events=lambda document: [value(document, "event-data")],
)
POSTMARK = Form(
    kind=("RecordType", "Type|SuppressionReason", "Origin"),
    meanings={
        "Bounce/HardBounce": "judged",
        "Bounce/BadEmailAddress": "judged",
        "Bounce/SoftBounce": "soft",
        **{f"Bounce/{name}": "refused" for name in _POSTMARK_REFUSED.split()},
        "Bounce/SpamComplaint": "complaint",
        "Bounce/Unsubscribe": "opt_out",
        "SpamComplaint": "complaint",
        "SubscriptionChange/ManualSuppression/Recipient": "opt_out",
    },
    address="Email|Recipient",
    at="BouncedAt|ChangedAt",
    id="ID",
    message_id=f"Metadata.{METADATA}",
    words=("Details",),
)
BREVO = Form(
    kind=("event", "reason"),
    meanings={
        "hard_bounce": "judged",
        "soft_bounce": "soft",
        "deferred": "final",
        "invalid_email": "hard",
        "error": "refused",
        "blocked": "refused",
        "blocked/blocked : due to unsubscribed user": "opt_out",
        "complaint": "complaint",
        "spam": "complaint",
        "unsubscribed": "opt_out",
        "unsubscribe": "opt_out",
    },
    address="email",
    at="ts_epoch|ts_event",
    message_id=f"{CUSTOM}|message-id",
    words=("reason",),
    events=_list,
)
ALIYUN = Form(
    kind=("type", "data.failed_type"),
    meanings={
        "dm:Deliver:Fail": "judged",
        **{f"dm:Deliver:Fail/{name}": "refused" for name in (*_OURS.split(), *_LISTED.split())},
        "dm:Deliver:Fail/SysOutRecipientReportedSpam": "complaint",
        "dm:Deliver:Fail/SysOutRecipientUnsubscribed": "opt_out",
        "dm:Feedback:FblReport": "complaint",
        "dm:Feedback:UnSubscribe": "opt_out",
    },
    address="data.rcpt|data.block_email",
    at="time",
    id="id",
    message_id="data.msg_id|data.message_id",
    words=("data.err_msg",),
)
TENCENT = Form(
    kind=("event", "bounceType"),
    meanings={
        "bounce": "judged",
        "bounce/soft_bounce": "soft",
        "bounce/soft": "soft",
        "dropped": "refused",
        "spamreport": "complaint",
        "unsubscribe": "opt_out",
    },
    address="email",
    at="timestamp",
    message_id="messageId",
    words=("reason",),
)
