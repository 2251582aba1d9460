"""Tencent Cloud's approval of texts: AddSmsTemplate and DescribeSmsTemplateList; there is no push.

Texts for the mainland; those for other countries are entered at their console and their ids here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from crm_plugin.channels.sms.carriers.outcomes import Refusal
from crm_plugin.channels.sms.carriers.pushes import explanation
from crm_plugin.channels.sms.carriers.template_submission import Filing, Verdict
from crm_plugin.channels.sms.templates import placeholders

_LONGEST_NAME = 30
_MOST = 100
"""Ids that one call asks about."""
_STATES: Mapping[int, Literal["submitted", "approved", "rejected"]] = {
    0: "approved",
    1: "submitted",
    2: "submitted",
    -1: "rejected",
}
"""StatusCode; 2 is approved and not in force yet."""

Post = Callable[[str, Mapping[str, Any]], dict[str, Any] | Refusal]
"""One call: action and document."""


def numbered(text: str) -> str:
    """Return a text with ``{1}``, ``{2}`` … for its placeholders, in the order in which values are sent."""
    for number, name in enumerate(placeholders(text), 1):
        text = text.replace(f"${{{name}}}", f"{{{number}}}")
    return text


class TencentReview:
    """Hands texts in one a call, and asks about a hundred at a time."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def file(self, filing: Filing) -> str | Refusal:
        """Hand a text in as marketing or as a notification."""
        document = {
            "TemplateName": filing.name[:_LONGEST_NAME],
            "TemplateContent": numbered(filing.text),
            "SmsType": 1 if filing.marketing else 2,
            "International": 0,
            "Remark": filing.remark,
        }
        found = self._post("AddSmsTemplate", document)
        if isinstance(found, Refusal):
            return found
        added = found.get("AddTemplateStatus")
        code = str(added.get("TemplateId") or "") if isinstance(added, dict) else ""
        return code if code.isdecimal() and len(code) <= 64 else Refusal("carrier_garbage")

    def verdicts(self, codes: list[str]) -> list[Verdict] | Refusal:
        """Ask about texts; ids that are no numbers cannot be theirs and are left out."""
        ids = [int(code) for code in codes if code.isdecimal()]
        found: list[Verdict] = []
        for start in range(0, len(ids), _MOST):
            document = {"International": 0, "TemplateIdSet": ids[start : start + _MOST]}
            answer = self._post("DescribeSmsTemplateList", document)
            if isinstance(answer, Refusal):
                return found or answer
            rows = answer.get("DescribeTemplateStatusSet")
            found += [_verdict(row) for row in rows if _is_known(row)] if isinstance(rows, list) else []
        return found


def _is_known(row: Any) -> bool:
    # A list is in no table, and False is no 0: it would be an approval.
    known = isinstance(row, dict) and type(row.get("StatusCode")) is int and row["StatusCode"] in _STATES
    return known and isinstance(row.get("TemplateId"), int | str)


def _verdict(row: Mapping[str, Any]) -> Verdict:
    state = _STATES[row["StatusCode"]]
    reason = explanation(row.get("ReviewReply")) if state == "rejected" else None
    return Verdict(str(row["TemplateId"]), state, reason)
