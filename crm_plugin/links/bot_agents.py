"""Which user agents are programs: crawlerdetect's list, and what it misses."""

import re
from functools import lru_cache

from crawlerdetect import CrawlerDetect

_detector = CrawlerDetect()

# Mail gateways and messengers that fetch links before people do, and that the list does not know.
_MORE = re.compile(
    r"barracuda|proofpoint|mimecast|ironport|fireeye|forcepoint|trendmicro|sophos|messagelabs"
    r"|google(image|-safety|-read|other)|bitlybot|security ?check|urlsec|safebrowsing|linkcheck"
    r"|whatsapp/|telegrambot|skypeuripreview|slack-img|teamsbot|dingtalkbot|headlesschrome|phantomjs",
    re.IGNORECASE,
)
# Phones of that maker, and Office programs in which a person clicked: no programs on their own.
_PEOPLE = re.compile(r"\bcubot\b|ms-?office|microsoft (office|outlook)|\bmsoffice\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def is_program(agent: str) -> bool:
    """Return whether a user agent names a crawler, scanner, preview or library; empty says nothing."""
    if not agent:
        return False
    if _MORE.search(agent):
        return True
    rest = _PEOPLE.sub(" ", agent)
    return bool(rest.strip() and _detector.isCrawler(rest))
