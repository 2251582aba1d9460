"""The demo: ready by one command, full of things to see, gone without a trace, and there again."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from crm_plugin.cli.demo import as_variables
from crm_plugin.cli.demo_contents.notes import NOTES
from crm_plugin.cli.demo_contents.stories import DRAFT, STORIES
from crm_plugin.kernel.settings import Settings, load
from crm_plugin.segments.stock_queries import STOCK

PEOPLE = "150"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """A running ``crm demo``."""

    def __init__(self, folder: Path, port: int) -> None:
        words = [
            "demo",
            "--language",
            "zh",
            "--people",
            PEOPLE,
            "--port",
            str(port),
            "--instance",
            str(folder),
        ]
        # A group of its own, so that Ctrl-C reaches all of it, as in a terminal.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "crm_plugin.cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.port = port

    def ready(self) -> list[psutil.Process]:
        """Wait until pages are served; returns the processes below."""
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(OSError):
                self.page("/")
                break
            time.sleep(0.1)
        assert self.process.poll() is None, self.process.communicate()
        below = psutil.Process(self.process.pid).children(recursive=True)
        assert below
        return below

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def end(self, number: int, *, group: bool) -> str:
        """Send a signal; returns what was printed."""
        (os.killpg if group else os.kill)(self.process.pid, number)
        output, errors = self.process.communicate(timeout=30)
        assert "Traceback" not in errors, errors
        return output


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(ends: ExitStack, folder: Path, port: int) -> Demo:
    demo = Demo(folder, port)

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(demo.process.pid, signal.SIGKILL)
        demo.process.communicate()

    ends.callback(kill)
    return demo


def all_gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=15)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_from_nothing_to_pages_to_nothing_and_again(ends: ExitStack, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "demo"
    demo = start(ends, folder, port)
    below = demo.ready()
    assert "<html" in demo.page("/")

    second = start(ends, folder, free_port())
    _, errors = second.process.communicate(timeout=30)
    assert (second.process.returncode, errors.count("\n")) == (2, 1), errors
    assert "another demo runs" in errors
    third = start(ends, tmp_path / "other", port)
    _, errors = third.process.communicate(timeout=30)
    assert (third.process.returncode, errors) == (2, f"crm: port {port} is taken: choose another by PORT=…\n")

    output = demo.end(signal.SIGINT, group=True)
    assert all_gone(below)
    assert f"http://127.0.0.1:{port}/" in output
    assert len(re.findall(r" / \S+", output)) >= 2
    before = look(folder)
    assert before["pinned"] == [one.name for one in STOCK]
    assert before["courses in Chinese"] == 1
    assert before["counted"] == len(STOCK)
    assert before["on the school's home"] == len(STOCK)
    staff_have_worked(before)

    forget(folder, STOCK[0].name)
    demo = start(ends, folder, port)
    below = demo.ready()
    demo.end(signal.SIGKILL, group=False)
    assert all_gone(below), "children outlive a killed parent"
    after = look(folder)
    assert after["people"] == before["people"] > 100
    assert after["campaigns"] == before["campaigns"], "nothing is sent twice"
    assert after["pinned"] == [one.name for one in STOCK[1:]], "what was deleted stays deleted"


def by_state(connection: sa.Connection) -> dict[str, list[str]]:
    found = defaultdict(list)
    own = "kind = 'campaign' AND parent_id IS NULL AND removed_at IS NULL"
    kept = sa.text(f"SELECT state, name FROM crm_campaign WHERE {own} ORDER BY id")
    for state, name in connection.execute(kept):
        found[state].append(name)
    return found


def staff_have_worked(found: dict[str, Any]) -> None:
    sent = [story.name["zh"] for story in STORIES if story.days > 0]
    planned, written = STORIES[-1].name["zh"], DRAFT.name["zh"]
    assert len(sent) >= 12
    # In so small a school some have nobody to write to.
    done = found["campaigns"]["finished"]
    assert done == [name for name in sent if name in done]
    assert len(done) >= 10
    assert (found["campaigns"]["scheduled"], found["campaigns"]["draft"][:1]) == ([planned], [written])
    assert found["carriers"] == ["host", "outbox"], "nothing leaves the demo"
    assert min(found["human"], found["scanner"], found["returned"], found["replies"]) > 0
    assert found["notes"] == len(NOTES)
    assert found["chases"] == ["on", "on", "draft"]
    assert found["periods"] >= 2
    assert found["days"] >= 10, "the home page is counted before the first visit"
    assert found["boards"] > 25


_CHASES = "SELECT state FROM crm_automation ORDER BY id"
_CARRIERS = "SELECT DISTINCT carrier FROM crm_delivery WHERE carrier IS NOT NULL ORDER BY carrier"


def look(folder: Path) -> dict[str, Any]:
    engine = sa.create_engine(f"sqlite:///{folder / 'school.db'}")
    with engine.connect() as connection:

        def one(query: str) -> int:
            return int(connection.execute(sa.text(query)).scalar_one())

        shared = "SELECT name FROM crm_query WHERE pinned AND shared ORDER BY position"
        found = {
            "people": one("SELECT COUNT(*) FROM crm_person"),
            "pinned": list(connection.execute(sa.text(shared)).scalars()),
            "counted": one("SELECT COUNT(*) FROM crm_query WHERE count > 0"),
            "courses in Chinese": one("SELECT COUNT(*) FROM crm_course WHERE title = 'Python 零基础'"),
            "on the school's home": one("SELECT COUNT(*) FROM school_pins WHERE count > 0"),
            "figures on the school's home": one("SELECT COUNT(*) FROM school_key_figures"),
            "carriers": list(connection.execute(sa.text(_CARRIERS)).scalars()),
            "human": one("SELECT COUNT(*) FROM crm_hit WHERE kind = 'human'"),
            "scanner": one("SELECT COUNT(*) FROM crm_hit WHERE kind = 'scanner'"),
            "returned": one("SELECT COUNT(*) FROM crm_bounce"),
            "replies": one("SELECT COUNT(*) FROM crm_reply WHERE wish = ''"),
            "notes": one("SELECT COUNT(*) FROM crm_follow_up"),
            "periods": one(
                "SELECT COUNT(*) FROM crm_campaign WHERE parent_id = (SELECT MAX(campaign_id) "
                "FROM crm_recurrence)"
            ),
            "chases": list(connection.execute(sa.text(_CHASES)).scalars()),
            "days": one("SELECT COUNT(DISTINCT day) FROM crm_sent_day"),
            "boards": one("SELECT COUNT(*) FROM crm_course_figures"),
            "campaigns": by_state(connection),
        }
    engine.dispose()
    return found


def forget(folder: Path, name: str) -> None:
    engine = sa.create_engine(f"sqlite:///{folder / 'school.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM crm_query WHERE name = :name"), {"name": name})
    engine.dispose()


def test_the_worker_gets_the_settings_of_the_pages(tmp_path: Path) -> None:
    file = tmp_path / "crm.toml"
    file.touch()
    limits = {"carrier:aliyun": "100/s", "channel:sms": "3000/min"}
    chosen = Settings(rate_limits=limits, host_timezone="Asia/Shanghai", worker_processes=3)
    assert vars(load(as_variables(chosen), file)) == vars(chosen)
    assert vars(load(as_variables(Settings()), file)) == vars(Settings())
