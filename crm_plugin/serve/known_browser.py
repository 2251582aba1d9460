"""The cookie by which a browser shows that a name signed in with it before.

It opens nothing, and it names nobody. It says whose guesses are counted apart from those of strangers, also
after signing out.
"""

import base64
import hashlib
import hmac
import re
import secrets

from flask import Request
from werkzeug.wrappers import Response

COOKIE = "crm_known"
MOST = 4
"""Names that one browser is known for; a further one pushes out the one that signed in longest ago."""
SECONDS = 365 * 86_400
_MARK = re.compile(r"([\w-]{12})([\w-]{22})", re.ASCII)


class KnownBrowsers:
    """Makes and reads the cookie.

    :param secret: that signs it.
    :param secure: whether it is sent by https only.
    """

    def __init__(self, secret: str, *, secure: bool) -> None:
        self._key = hashlib.sha256(f"known browsers {secret}".encode()).digest()
        self._secure = secure

    def shown(self, request: Request, login: str) -> str:
        """Return what a browser shows for a name; empty when nobody signed in there by that name."""
        return next((mark for mark in self._marks(request) if self._is_for(mark, login)), "")

    def remember(self, request: Request, answer: Response, login: str) -> None:
        """Let a browser show from now on that a name signed in with it."""
        others = [mark for mark in self._marks(request) if not self._is_for(mark, login)]
        mine = self.shown(request, login) or self._made(login)
        answer.set_cookie(
            COOKIE,
            "".join([*others, mine][-MOST:]),
            max_age=SECONDS,
            path=f"{request.script_root}/login",
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )

    def _marks(self, request: Request) -> list[str]:
        return ["".join(parts) for parts in _MARK.findall(request.cookies.get(COOKIE, ""))[:MOST]]

    def _made(self, login: str) -> str:
        name = secrets.token_urlsafe(9)
        return name + self._proof(name, login)

    def _is_for(self, mark: str, login: str) -> bool:
        name, proof = mark[:12], mark[12:]
        return hmac.compare_digest(proof, self._proof(name, login))

    def _proof(self, name: str, login: str) -> str:
        digest = hmac.digest(self._key, f"{name} {login}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
