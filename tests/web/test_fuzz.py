"""No input makes a failure: every page, with the real forms of a school in every state and odd values.

A run is repeated by its number: each request follows from (number of the run, number of the request).
"""

import logging
import os
import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.staff import Undo
from crm_plugin.tables import metadata
from tests.web.fixtures import School
from tests.web.fuzz.every_state import open_every_state, pages_of
from tests.web.fuzz.pages_forms import Form, forms_of
from tests.web.fuzz.requests import PAGES, Asked, Requests

CASES, BATCHES, BATCH = 170, 20, 1_000
"""Of each database: so many in each run, and so many batches of so many in a long one."""
KEPT = ("person", "course", "order", "order_line", "enrolment", "delivery", "audit", "consent_record", "hit")
"""Tables of which no page takes a row away."""

WITHOUT: dict[str, tuple[str, ...]] = {
    "sms_template_submit": ("remark",),
    "sms_template_ask": (),
    "data_confirm": ("stream",),
    "topics_start": (),
}
"""Routes whose forms no page of this school shows (no carrier that approves texts, no doubt) → fields."""


def forms_in(school: School) -> dict[str, list[Form]]:
    """Return the forms of all pages, and those that only a script or an earlier change brings."""
    forms = forms_of(school, pages_of(school))
    with school.crm.db.read() as session:
        undos = [Form(f"/admin/crm/undo/{ident}") for ident in session.scalars(sa.select(Undo.id))]
    rare = {name: [Form("", [(field, "") for field in fields])] for name, fields in WITHOUT.items()}
    found = {**rare, **forms, "people_sample": forms["people_count"], "undo_change": undos}
    assert [one.rule for one in PAGES if one.methods == ("POST",) and not found.get(one.name)] == []
    return found


def kept(school: School) -> dict[str, int]:
    """Return how many rows there are of what nobody may lose."""
    counts = {name: sa.select(sa.func.count()).select_from(metadata.tables[f"crm_{name}"]) for name in KEPT}
    with school.crm.db.read() as session:
        return {name: session.scalar(count) or 0 for name, count in counts.items()}


def ask(school: School, asked: Asked, token: str) -> None:
    """Send a request, and check that its answer is no failure, and an error a page with one line."""
    if asked.method == "GET":
        path = f"{asked.path}?{asked.body.decode()}"
        answer = school.client.get(path, headers=asked.headers)
    else:
        data = f"csrf_token={token}&".encode() + asked.body
        kind = "application/x-www-form-urlencoded"
        answer = school.client.post(asked.path, data=data, content_type=kind, headers=asked.headers)
    assert answer.status_code < 500, answer.data[:500]
    if answer.status_code >= 400 and answer.headers.get("Content-Type", "").startswith("text/html"):
        text = answer.text
        assert "<h1" in text or 'role="alert"' in text or "404 Not Found" in text, text[:500]
    answer.close()


def fuzz(school: School, log: pytest.LogCaptureFixture, run: str, numbers: range) -> None:
    """Send the requests of a run; then see that nothing is lost, and that each page still opens."""
    before, token = kept(school), school.csrf()
    forms = forms_in(school)
    paths = [form.path for rows in forms.values() for form in rows]
    requests = Requests(forms, sorted({part for path in paths for part in path.split("/") if part.isdigit()}))
    for number in numbers:
        asked = requests.make(random.Random(f"{run} {number}"))
        log.clear()
        try:
            ask(school, asked, token)
        except Exception as error:
            raise AssertionError(f"request {number} of run {run}: {asked}") from error
        failed = [row for row in log.records if row.exc_info or row.levelno >= logging.ERROR]
        assert not failed, (run, number, asked, failed)
    after = kept(school)
    assert all(after[name] >= count for name, count in before.items()), (before, after)
    for route in PAGES:
        if route.methods == ("GET",) and "<" not in route.rule and route.rule != "/orders":
            assert school.get(route.rule).status_code == 200, (run, route.rule)


def test_odd_input_fails_no_page(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fuzz(open_every_state(database, tmp_path), caplog, "each", range(CASES))


@pytest.mark.long
@pytest.mark.parametrize("batch", range(BATCHES))
def test_odd_input_fails_no_page_in_a_long_run(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, batch: int
) -> None:
    run = os.environ.get("CRM_TEST_SEED") or str(random.randrange(10**6))
    print(f"CRM_TEST_SEED={run}")
    school = open_every_state(database, tmp_path)
    school.sign_in(locale=("en", "zh")[batch % 2])
    fuzz(school, caplog, run, range(batch * BATCH, (batch + 1) * BATCH))
