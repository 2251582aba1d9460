"""Every failure becomes a page (or a JSON document) with one clear line and the right status."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge, default_exceptions

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import outage_of
from crm_plugin.kernel.errors import BadInput, Clause, CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.guard import LARGEST_BODY, is_htmx, kept_nowhere, unrouted, wants_json
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import fragment, render

log = logging.getLogger(__name__)

_TITLES = {
    400: Text("This input is not valid"),
    403: Text("You cannot do this"),
    404: Text("Not found"),
    409: Text("Not possible now"),
    503: Text("A service does not answer"),
}
_OF_CODES = {"database.too_slow": Text("This took too long")}
"""Titles of single errors."""
_BROKEN = Text("Something went wrong")
_LOGGED = Text("The error was logged. Your data are safe; please try again.")


def register(pages: Blueprint, crm: Crm) -> None:
    """Answer failures inside the CRM's pages; the school's own error pages are left alone."""

    def answered(answer: Callable[[Any], ResponseReturnValue]) -> Callable[[Any], ResponseReturnValue]:
        def handler(error: Any) -> ResponseReturnValue:
            # A request may fail before its guard, which remembers this: for a file that is not there.
            g.crm = crm
            return answer(error)

        return handler

    pages.register_error_handler(CrmError, answered(_known))
    # By each code: a school's handler of one code comes before ours of all of them.
    for code in default_exceptions:
        pages.register_error_handler(code, answered(_http))
    # The school's own guard speaks first; what it says of a page of ours is what ours says.
    pages.register_error_handler(CSRFError, answered(lambda _error: _known(BadInput("access.stale_form"))))
    pages.register_error_handler(RequestEntityTooLarge, answered(lambda _error: _known(_too_large())))
    pages.register_error_handler(500, answered(_unknown))


def answer_below(path: str, crm: Crm, state: BlueprintSetupState) -> None:
    """Answer in JSON below a path where no route matches: an application asks no blueprint about that.

    :param path: within the pages; the school's own addresses are left alone.
    """
    below = f"{state.url_prefix or ''}{path}"

    def answered(fault: HTTPException) -> ResponseReturnValue:
        g.crm = crm
        return kept_nowhere(make_response(_http(fault)))

    state.app.before_request(partial(unrouted, below, answered))


def _too_large() -> BadInput:
    return BadInput("input.bad", reason=Clause("a body has at most {limit} bytes", limit=LARGEST_BODY))


def _known(error: CrmError) -> ResponseReturnValue:
    if error.http_status >= 500:
        log.warning("%s: %s", error.code, error)
    return _answer(error.http_status, error.code, explain(error), error.place)


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    line = say("There is no such page.") if error.code == 404 else str(error.description)
    answer = make_response(_answer(error.code, f"http.{error.code}", line))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _unknown(error: Exception) -> ResponseReturnValue:
    original = getattr(error, "original_exception", None) or error
    if (outage := outage_of(original)) is not None:
        return _known(outage)
    log.error("a page failed", exc_info=original)
    return _answer(500, "http.500", say(_LOGGED))


def _answer(status: int, code: str, line: str, place: str = "") -> ResponseReturnValue:
    if wants_json() or status == 401:
        answer: Response = jsonify(error=code, message=line, place=place)
        answer.status_code = status
        if status == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    title = say(_OF_CODES.get(code) or _TITLES.get(status, _BROKEN))
    if is_htmx():
        return Response(fragment("shell/problem.html", line=line), status=status)
    if not place:  # a place is a name, which begins as it is written
        line = line[:1].upper() + line[1:]
    return render("shell/error.html", title=title, status=status, line=line)
