"""Messages of the errors about links."""

CODES: dict[str, str] = {
    "link.broken": "{url} does not answer properly: {reason}",
    "link.unchecked": "{url} is sent unchecked: {reason}",
    "link.bad_url": "{url!r} is not a web address",
}
"""Code → English message."""
