"""Codes of delivery reports by which the recipient, or a list of people's complaints, refuses our marketing.

Operators of the mainland write them; carriers and agencies hand them on. Only whole codes count: the same
prefix holds codes of all kinds, and plain numbers mean other things at other carriers.
"""

import re
from collections.abc import Mapping

OPTED_OUT = "opted_out"
BLOCKED = "blocked_number"
REFUSING = (OPTED_OUT, BLOCKED)
"""Kinds of a refusal (:data:`crm_plugin.channels.sms.carriers.outcomes.KINDS`) that end marketing."""

_LONGEST = 64
_BLOCKING = (
    "MX:0007 MX:0009 MX:0011 MX:0013 MX:0015 MX:0016 HIGRISK DB:0164 MB:1077 DB:0141 DB:0144 DB00144 BWLIST"
    " BWLIST_006 MBBLACK W-BLACK MOBILEBLACK TD:0001 TD:19 SME13 ERR-209 BLACK TDBLACK TSBLACK DI:9403"
    " MF:9403 MK:9403 WZ:9403"
)
MAINLAND: Mapping[str, str] = {
    **dict.fromkeys(_BLOCKING.split(), BLOCKED),
    **dict.fromkeys(("MX:0012", "TUIDING", "SC:0016", "CR:0201"), OPTED_OUT),
}
"""Code without blanks → kind, by the published tables of Tencent Cloud, Huawei, Qiniu and Volcengine."""
ALIYUN: Mapping[str, str] = {**MAINLAND, "USER_REJECT": OPTED_OUT, "MOBILE_IN_BLACK": OPTED_OUT}
TENCENT: Mapping[str, str] = {**MAINLAND, "69": BLOCKED}
TWILIO: Mapping[str, str] = {"21610": OPTED_OUT}
GATEWAY: Mapping[str, str] = {**MAINLAND, OPTED_OUT: OPTED_OUT, BLOCKED: BLOCKED}
"""Gateways hand on what operators write, or say it in our own words."""


def reason_of(code: str | None, table: Mapping[str, str]) -> str | None:
    """Return a report's code as the ledger keeps it: behind its kind where it refuses marketing."""
    if code is None:
        return None
    kind = table.get(re.sub(r"\s+", "", code))
    if kind is None or code == kind:
        return code
    return f"{kind}:{code}"[:_LONGEST]
