"""A small generated school and visitors who use it as browsers do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import create_engine
from werkzeug.test import TestResponse

from crm_plugin.demo import create_app, fill
from crm_plugin.demo.models import db

SECRET = "a secret of at least thirty-two letters"
PASSWORD = "lantern-2026"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@contextmanager
def opened(url: str, people: int = 60, **arguments: Any) -> Iterator[Flask]:
    """A school over this database, filled with so many people (0: left empty) and closed afterwards."""
    if people:
        engine = create_engine(url)
        fill(engine, people=people, **arguments)
        engine.dispose()
    app = create_app(url, secret_key=SECRET)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


class Visitor:
    """Somebody with a browser: keeps cookies and sends the token of the page before."""

    def __init__(self, app: Flask, login: str | None = None) -> None:
        self.client = app.test_client()
        if login:
            answer = self.post("/login", login=login, password=PASSWORD)
            assert answer.status_code == 302, answer.text

    def get(self, path: str) -> TestResponse:
        """Open a page, following redirects."""
        return self.client.get(path, follow_redirects=True)

    def post(self, path: str, **form: Any) -> TestResponse:
        """Send a form, with the token that the last page carried."""
        found = _TOKEN.search(self.client.get("/").text)
        assert found, "every page carries a form with a token"
        return self.client.post(path, data={"csrf_token": found[1], **form})
