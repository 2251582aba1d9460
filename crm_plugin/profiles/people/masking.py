"""Telephones and addresses: which staff see them in clear, and what the others see."""

from crm_plugin.host.records import Actor
from crm_plugin.profiles.store.normalise import fold


def may_see_contacts(actor: Actor) -> bool:
    """Return whether a member of staff sees telephones and addresses in clear, and may filter by them."""
    return actor.may("crm.contacts")


def mask_address(text: str) -> str:
    """Return an e-mail address or a telephone number as staff see it who may not see it in clear."""
    return (mask_email(text) if "@" in text else mask_phone(text)) or ""


def mask_email(text: str | None) -> str | None:
    """Return an address with its first letter and its domain only."""
    if not text:
        return text
    local, at, domain = text.rpartition("@")
    return f"{local[:1]}***{at}{domain}" if at else "***"


def mask_phone(text: str | None) -> str | None:
    """Return a telephone number with its last two digits only; its length stays hidden."""
    return f"***{text[-2:]}" if text and len(text) > 6 else text and "***"


def mask_username(text: str | None, email: str | None, phone: str | None) -> str | None:
    """Return a user name, masked when it is an address or the person's telephone number."""
    if not text:
        return text
    if "@" in text:
        return mask_email(text)
    digits = "".join(letter for letter in text if letter.isdecimal())
    same = phone is not None and fold(text) == fold(phone)
    return mask_phone(text) if same or len(digits) >= 7 or text == email else text
