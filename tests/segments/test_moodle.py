"""The six questions of a real Moodle site, through the sync and the compiled SQL."""

import hashlib
import json
from pathlib import Path

from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.db.engine import Database
from crm_plugin.plugin import load_host
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from tests.fakes.crm import make_crm
from tests.hooks import moodle_site
from tests.segments.moodle_questions import AS_OF, QUESTIONS


def digest(ids: list[str]) -> str:
    return hashlib.md5(",".join(sorted(ids, key=int)).encode(), usedforsecurity=False).hexdigest()


def test_every_question_has_the_sites_own_answer(
    database: Database, moodle_folder: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'moodle.db'}"
    moodle_site.load(moodle_folder, url)
    at = parse_instant(AS_OF)
    crm = make_crm(database, load_host(moodle_site.settings(url)), at, **moodle_site.FACTS)
    sync(crm)
    answers = json.loads((moodle_folder / "answers.json").read_text())
    for question in answers["segments"]:
        tree = QUESTIONS[question["id"]]
        found = list(service.ids(crm, tree, at=at))
        assert (len(found), digest(found)) == (question["count"], question["md5"]), question["id"]
        assert service.count(crm, tree, at=at).count == question["count"]
