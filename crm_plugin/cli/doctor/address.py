"""Which address of a visitor counts, as ``crm doctor`` sees it: it asks the installation who it is itself."""

from urllib.parse import urlsplit

import requests

from crm_plugin.host.context import Crm
from crm_plugin.kernel.network import client_address
from crm_plugin.web.public.own_address import NAME

SECONDS = 3.0
MADE_UP = "192.0.2.1"
"""An address that nobody has (RFC 5737): where it counts, anybody can choose theirs."""

_ELSEWHERE = ", which is one of trusted_proxies: run this on another machine as well"
_HINT = ": if that is your proxy, name it in trusted_proxies, else all visitors are one"


def client_address_line(crm: Crm) -> tuple[bool, str]:
    """Return whether visitors' addresses can be believed, and what is seen."""
    url = f"{crm.settings.public_url.rstrip('/')}/c/{NAME}"
    try:
        plain, forged = _ask(url), _ask(url, MADE_UP)
    except Exception as error:
        return True, f"not seen: {url} does not answer from here ({type(error).__name__})"
    if _is_ours(plain, crm):
        return True, f"this machine is seen as {plain}{_ELSEWHERE if not _is_local(url) else ''}"
    if forged == MADE_UP:
        told = "a proxy passes X-Forwarded-For on as it came, or trusted_proxies names too much"
        return False, f"anybody can choose the address that counts: {told}"
    found = client_address.parsed(plain)
    hint = _HINT if found is not None and found.is_private and not _is_local(url) else ""
    return True, f"this machine is seen as {plain}{hint}"


def _is_ours(address: str, crm: Crm) -> bool:
    return client_address.is_trusted(client_address.parsed(address), crm.settings.trusted_proxies)


def _is_local(url: str) -> bool:
    host = client_address.parsed(urlsplit(url).hostname or "")
    return host is not None and host.is_loopback


def _ask(url: str, forwarded: str = "") -> str:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    answer = requests.get(url, headers=headers, timeout=SECONDS, allow_redirects=False)
    answer.raise_for_status()
    found = client_address.parsed(answer.text)
    if answer.status_code != 200 or found is None:
        raise ValueError("no address")
    return str(found)
