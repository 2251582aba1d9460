"""Messages of the errors about permissions, and about the school."""

CODES: dict[str, str] = {
    "access.refused": "you cannot do this: it needs the permission {permission}",
    "access.limited": "you see some courses only, and this concerns the whole school",
    "access.bad_token": "this token is unknown, revoked or expired",
    "token.outlives": "a token made with a token ends with it or before: {until} at the latest",
    "access.signed_out": "sign in first",
    "access.stale_form": "this page is out of date: reload it and try again",
    "host.none": "no host is registered: set CRM_HOST",
    "host.unknown": "there is no host named {name}; installed: {known}",
    "host.not_read": "nothing of the school has been read yet: run crm init",
    "host.several": "more than one plug-in answers the host hooks: {names}",
    "host.not_a_host": "{name} is not a host: {reason}",
    "host.failed": "the school's {hook} failed: {reason}",
    "host.slow": "the school's {hook} took longer than {seconds} s",
    "host.garbage": "the school's {hook} returned {reason}",
    "host.backing_off": "the school's {hook} failed lately; next try at {until}",
    "host.no_capability": "this school cannot do {capability}",
}
"""Code → English message."""
