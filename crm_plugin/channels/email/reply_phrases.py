"""Phrases by which mail servers say what a refusal is about, in the order in which they are tried.

The first table that has a phrase of an answer decides. So what is special stands before what is general:
"too many recipients" is about us, though the word recipient stands in it. A line is a regular expression,
read without regard to capitals. The replies that they were read from, with their sources, stand in
``tests/channels/email/replies.tsv``.
"""

import re
from typing import Literal

Cause = Literal["mailbox", "full", "sender", "content", "later", "unclear"]
"""``mailbox``: it, or its domain, does not exist or takes no mail any more. ``full``: it has no room now.
``sender``: our address, domain, server, reputation or quota was refused. ``content``: this text was.
``later``: the moment is wrong. ``unclear``: a plain refusal."""


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.I | re.S)


TABLES: tuple[tuple[Cause, re.Pattern[str]], ...] = (
    (
        "later",
        _any(
            r"receiving mail (at a rate|too quickly)",
            r"(recipient|user) has exceeded .{0,40}(limit|rate)",
            r"grey-?list",
            r"address verification in progress",
            r"mailbox unavailable or access denied",
            r"mailbox unavailable.{0,30}try again later",
            r"\bHL:I[CF]C",
            r"\bMI:(DMC|SFQ)",
            r"\bRP:(DRC|QRC)",
            r"\b(MI|RP):.?FQ",
        ),
    ),
    (
        "full",
        _any(
            r"over ?quota",
            r"quota (violation|full)",
            r"exceeded storage",
            r"storage allocation",
            r"quota for user",
            r"mailbox (size limit|is full|full|quota)",
            r"full mailbox",
            r"mailbox for user is full",
            r"insufficient storage",
            r"out of (disk )?(space|quota)",
            r"zuviele mails",
            r"too many messages on the server",
            r"pleine\b",
            r"(user|mailbox|recipient|account)('s)? (disk |mail |storage )?quota (is )?exceeded",
            r"disk (quota|full)",
            r"recipient address rejected: quota exceeded",
            r"(邮箱|信箱|空间).{0,8}(已满|满了|不足)",
        ),
    ),
    (
        "sender",
        _any(
            # Who we are: verified, signed in, allowed to relay.
            r"sender (address )?(rejected|reject\b|verif|invalid|is unauthenticated)",
            r"invalid sender",
            r"emetteur invalide",
            r"(return path|sender|domain of sender|envelope sender|mail ?from).{0,60}(does not exist"
            r"|must exist|not? resol|unresolvable|not found|verif|denied|not allowed|must be same"
            r"|conform|not match)",
            r"verification failed for",
            r"callback setup failed",
            r"verify failed",
            r"fake sender",
            r"null sender",
            r"(发件人|发信人|寄件者|发送方).{0,20}(不存在|域名|无效|拒绝|被拒|验证|限制|频率)",
            r"relay(ing)?\b.{0,40}(den|not (allowed|permitted)|prohibit)",
            r"as a relay",
            r"open relay",
            r"allowed rcpthosts",
            r"(unable|not (allowed|permitted|authori[sz]ed)|cannot) to (relay|send)",
            r"authenticat(ion|e)\b.{0,30}(required|failed|failure|checks?|information|first)",
            r"not logged in",
            r"must (be )?(authenticate|log ?in)",
            r"local user only",
            r"授权码",
            r"登录",
            r"\b(spf|dkim|dmarc)\b",
            r"anti-?spoof",
            r"\bMI:(DMA|SPF|STC|SPB)",
            r"unauthenticated (e-?mail|sender)",
            # Where we send from: lists of addresses and names, reputation.
            r"dns-?[br]l",
            r"\brbl\b",
            r"[br]locked using",
            r"black-?list",
            r"block-?list",
            r"block(ed)? list",
            r"listed (at|by|in|on)\b",
            r"spamhaus\.org/query/ip",
            r"zen\.spamhaus",
            r"using spamhaus",
            r"in spamhaus",
            r"spamhaus-xbl",
            r"sorbs\.net",
            r"barracudacentral",
            r"spamcop",
            r"proofpoint\.com/\S*(lookup|ip)",
            r"listed at",
            r"(ip|host|client|domain|connection|server|sender|address)s?\b.{0,60}\b(is |are |been "
            r"|was |were )?(blocked|banned|bloquee|throttled|prohibited)",
            r"reputation",
            r"\bHL:(IPB|MEP|REP)",
            r"\b(DT:(RBL|SUM)|RP:(FRL|RCL|TRC|CEL))",
            r"(client|your) host\b.{0,40}(rejected|blocked|denied|not allowed)",
            r"client host rejected",
            r"(reverse dns|\bptr\b|rdns)",
            r"cannot find your (reverse )?hostname",
            r"\bhelo\b.{0,30}(reject|invalid|denied)",
            r"banned send",
            r"blocked for (spam|failing)",
            r"block for spam",
            r"spam (sender|abuse)",
            r"suspected spam sender",
            r"your (access|network|server|domain|ip\b)",
            r"(whitelist|white list)\b",
            r"administrative prohibition",
            r"envelope (blocked|rejected)",
            r"block-send-er",
            r"ers-customized-block",
            r"5\.7\.1\b.{0,80}: access denied",
            r":blocked\)",
            r"blocked due to spam",
            r"behaviou?r spam",
            r"too frequent",
            r"user in blacklist",
            r"rejected by recipients",
            r"account unavailable",
            r"invalid dns (mx|record)",
            r"no smtp mx only",
            r"policy rejection-? ?abuse",
            # How much we send.
            r"(sending|sender|daily|hourly|account|domain|user)('s)? ?(mail |message "
            r"|user )?(sending |message )?(quota|limit|frequency).{0,30}(exceed|reach|limited)",
            r"(exceeded|over|not enough|reached).{0,40}(sending|send|daily|hourly|outgoing"
            r"|submission) ?(quota|limit)",
            r"sender has exceeded",
            r"frequency limited",
            r"too (much|many) (recipient|rcpt|message|connect|mail|email)",
            r"number of rcpts",
            r"per (hour|day|minute)\b",
            r"this hour",
            r"rate limit",
            r"connection denied",
            r"refused to accept",
            r"(频率|频次|数量|次数|配额).{0,12}(限制|超|过)",
            r"\baccess denied\b.{0,60}(banned|spam|abuse|\bip\b|sender)",
            r"client was not authenticated",
            r"5\.7\.(23|25|26|27|29|30|57|60|64|[56]\d\d)\b",
        ),
    ),
    (
        "content",
        _any(
            r"\bDT:SPM\b",
            r"\bDT:\w{3}\b",
            r"spam",
            r"unsolicited",
            r"junk mail",
            r"virus",
            r"malware",
            r"phish",
            r"suspicious",
            r"banned content",
            r"bulk mail",
            r"(content|text|attachment|url|links?)\b.{0,60}(denied|reject|not (allowed|accepted)"
            r"|illegal|judged|blocked|inappropriate)",
            r"inappropriate words",
            r"content reject",
            r"illegal attachment",
            r"内容",
            r"垃圾",
            r"\b(message|mail|e-?mail|size)\b.{0,40}(too (big|large|long)|size limit"
            r"|exceed.{0,30}(size|fixed limit)|length)",
            r"databytes",
            r"mailsize limit",
            r"maximum threshold",
            r"size=\d+",
            r"\bfrom\W{0,2} header",
            r"valid address in from",
            r"headers? (are|is) not",
            r"rfc ?5322",
            r"missing .{0,20}header",
            r"(message|mail|e-?mail)\b.{0,30}(blocked|rejected|not (accepted|allowed)|rejete"
            r"|filtered).{0,40}(polic|secur|filter|reason|refer|ofr_)",
            r"e-?mail rejected due to",
            r"message filtered",
            r"local policy",
            r"for policy reasons",
        ),
    ),
    (
        "mailbox",
        _any(
            r"(user|recipient|mailbox|mail-box|address(ee)?|account|alias|inbox|customer"
            r"|destinataire)\b.{0,60}\b(unknown|not (be )?found|not exist|no longer|nicht bekannt"
            r"|invalid|disabled|deactivated|discontinued|suspended|terminated|inactive|closed"
            r"|expired|unallocated|frozen|archive|bloque|blocked due to inact|is a?n? ?invalid"
            r"|not (a )?valid|not recogni[sz]ed|unavailable|unrouteable|not listed)",
            r"(unknown|no such|invalid|illegal|inactive|unrouteable|unroutable|nonexist\w*"
            r"|non-exist\w*|no valid|wrong|bad|undeliverable|obsolete)\b.{0,24}\b(user|recipient"
            r"|mailbox|address(es)?|account|alias|rcptto|local part|person|domain|customer|destination)",
            r"no mailbox",
            r"does(n't| not) have an? .{0,80}account",
            r"doesn't have a\b",
            r"not our customer",
            r"no longer valid",
            r"not a (known|valid) (user|recipient|mailbox|address)",
            r"not in (my valid|recipient list)",
            r"badrcptto",
            r"recipientnotfound",
            r"recipnotfound",
            r"(recipient|address) rejected\.?\W*($|aol\.com|inactive|user|mail@|undeliverable)",
            r"recipient rejected",
            r"address rejected \S+@",
            r"5\.4\.1\b.{0,60}: access denied",
            r"(does not|doesn't|not|nie|didn't) (exist|istnieje)",
            r"isn't a valid",
            r"user not found",
            r"domain not found",
            r"no such (domain|person)",
            r"host not found",
            r"not find the recipient",
            r"find the recipient domain",
            r"policy rejection on the target address",
            r"\[SUSPEND\]",
            r"bad address syntax",
            r"not in route list",
            r"(无此|没有(该|此)?|不存在(的)?)(用户|收件人|账号|帐号|邮箱|信箱)",
            r"(用户|收件人|账号|帐号|邮箱|地址).{0,8}(不存在|无效|已?(停用|注销|禁用|冻结|删除))",
            r"非法地址",
            r"已(停用|注销|禁用)",
        ),
    ),
)
"""Cause → its phrases."""
