"""Aliyun's approval of texts: CreateSmsTemplate, GetSmsTemplate, and the push TemplateSmsReport.

Texts for the mainland; those for other countries are entered at their console and their codes here.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from crm_plugin.channels.sms.carriers.outcomes import Refusal
from crm_plugin.channels.sms.carriers.pushes import explanation, rows_of, word
from crm_plugin.channels.sms.carriers.template_submission import Filing, Verdict
from crm_plugin.channels.sms.templates import placeholders
from crm_plugin.kernel.errors import BadInput, Clause

_LONGEST_NAME = 30
_LONGEST_REMARK = 100
_PERSONS = ("username", "display_name", "real_name")
_STATES: Mapping[str, str] = {"0": "submitted", "1": "approved", "2": "rejected", "10": "rejected"}
"""TemplateStatus; 10 is a review that was called off at their console."""
_PUSHED: Mapping[str, str] = {"approving": "submitted", "approved": "approved", "rejected": "rejected"}

Post = Callable[[str, Mapping[str, str], Mapping[str, str]], dict[str, Any] | Refusal]
"""One call: action, query, form."""


class AliyunReview:
    """Hands texts in and asks about them, one a call."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def file(self, filing: Filing) -> str | Refusal:
        """Hand a text in as a notification or a promotion."""
        query = {
            "TemplateName": filing.name[:_LONGEST_NAME],
            "TemplateContent": filing.text,
            "TemplateType": "2" if filing.marketing else "1",
            "RelatedSignName": filing.signature,
            "Remark": filing.remark[:_LONGEST_REMARK],
        }
        names = placeholders(filing.text)
        if names:
            kinds = {name: "name" if name in _PERSONS else "others" for name in names}
            query["TemplateRule"] = json.dumps(kinds)
        found = self._post("CreateSmsTemplate", query, {})
        if isinstance(found, Refusal):
            return found
        code = found.get("TemplateCode")
        return code if isinstance(code, str) and 0 < len(code) <= 64 else Refusal("carrier_garbage")

    def verdicts(self, codes: list[str]) -> list[Verdict] | Refusal:
        """Ask about each text; one that is gone there is passed over, any other failure ends the round."""
        found: list[Verdict] = []
        for code in codes:
            answer = self._post("GetSmsTemplate", {"TemplateCode": code}, {})
            if isinstance(answer, Refusal) and answer.kind == "carrier_template":
                continue
            if isinstance(answer, Refusal):
                return found or answer
            state = _STATES.get(str(answer.get("TemplateStatus")))
            if state is not None:
                audit = answer.get("AuditInfo")
                reason = audit.get("RejectInfo") if isinstance(audit, dict) else None
                found.append(_verdict(code, state, reason))
        return found


def pushed(body: bytes) -> list[Verdict]:
    """Read TemplateSmsReport out of a push; nothing when it holds delivery reports.

    :raises BadInput: ``input.bad``, ``input.not_json``.
    """
    rows = [row for row in rows_of(body) if "template_status" in row]
    for row in rows:
        if str(row["template_status"]) not in _PUSHED:
            raise BadInput("input.bad", "template_status", reason=Clause("unknown state of a template"))
    return [
        _verdict(word(row, "template_code", 64), _PUSHED[row["template_status"]], row.get("reason"))
        for row in rows
    ]


def _verdict(code: str, state: Any, reason: object) -> Verdict:
    return Verdict(code, state, explanation(reason) if state == "rejected" else None)
