"""A school with a mail server: Postfix set up as docs/bounce_pipe.md says, with mailboxes of a town.

People of ``town.example`` are known to it, so that it refuses others at once. For ``far.example`` it takes
every address and finds out later; such mail comes back through the pipe of the page to ``crm bounce``.
"""

import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.prepared_campaign import KeptCampaigns
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person, Suppression
from tests.campaigns.fixtures import EVERYBODY, rows, world
from tests.conftest import absent
from tests.fakes.host import staff
from tests.servers.child import own
from tests.servers.postfix import Postfix, find, postfix

DOMAIN = "bounces.school.example"
TOWN, FAR = "town.example", "far.example"
_PAGE = Path(__file__).resolve().parents[2] / "docs" / "bounce_pipe.md"
_CRM = Path(sys.executable).with_name("crm")

# Where the page has .venv/bin/crm. The Python of the tests may lie where the pipe's account may not look, so
# the tests run the command, with the words, the environment and the mail that it would have got.
_STAND_IN = """\
#!/bin/sh
call=$(mktemp -d {calls}/XXXXXX) || exit 1
cat >"$call/mail"; printf '%s\\n' "$@" >"$call/words"; env -0 >"$call/env"; touch "$call/ready"
while [ ! -e "$call/done" ]; do [ -d "$call" ] || exit 75; sleep 0.02; done
cat "$call/said"; exit "$(cat "$call/done")"
"""


class MailServer:
    """Postfix, the pipe, and what both know of people.

    :param server: not started yet.
    """

    def __init__(self, server: Postfix) -> None:
        self.postfix = server
        self.boxes: set[str] = set()
        self.full: set[str] = set()
        self.box_limit = 20_000
        self._place = server.folder / "crm"
        self._calls = self._place / "calls"
        self._over = threading.Event()
        self._crm: Crm | None = None
        self._take_the_page()

    @property
    def url(self) -> str:
        """What the setting ``smtp_url`` says."""
        return f"smtp://127.0.0.1:{self.postfix.port}"

    def write_maps(self) -> None:
        """Let the server know the mailboxes; read by its next start."""
        self.postfix.map("boxes", {one: f"{one}/" for one in self.boxes} | {one: one for one in self.full})
        for one in self.full:
            box = self.postfix.mailboxes / one
            box.write_text("x" * (self.box_limit - 100))
            shutil.chown(box, "nobody")

    def restart(self, **settings: str) -> None:
        """Stop the server and start it again, with other settings."""
        self.write_maps()
        self.postfix.restart(**settings)

    def start(self, crm: Crm) -> None:
        """Write the settings of the school, and start."""
        self._crm = crm
        names = ("secret_key", "instance", "bounce_domain")
        settings = {name: getattr(crm.settings, name) for name in names}
        settings["database_url"] = crm.db.engine.url.render_as_string(hide_password=False)
        lines = "".join(f"CRM_{name.upper()}='{value}'\n" for name, value in settings.items())
        (self._place / "crm.env").write_text(lines)
        self.write_maps()
        self.postfix.start()

    def watch_the_pipe(self) -> None:
        """Run the command of each call of the pipe, until :meth:`close`."""
        seen: set[Path] = set()
        with ThreadPoolExecutor(2) as pool:
            while not self._over.wait(0.02):
                for call in {one.parent for one in self._calls.glob("*/ready")} - seen:
                    seen.add(call)
                    pool.submit(_run, call)
            pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Run no further command, and close the school's connections."""
        self._over.set()
        if self._crm is not None:
            hang_up(self._crm)

    def calls(self) -> list[str]:
        """What the commands of the pipe printed."""
        return [(one.parent / "said").read_text() for one in self._calls.glob("*/done")]

    def delivered(self) -> Counter[str]:
        """Address → messages in its mailbox."""
        return Counter(path.parent.parent.name for path in self.postfix.mailboxes.glob("*/new/*"))

    def _take_the_page(self) -> None:
        place, config = str(self._place), f"{self.postfix.folder}/config"
        own(self._calls)
        (self._place / ".venv/bin").mkdir(parents=True)
        (self._place / "bin").mkdir()
        _program(self._place / ".venv/bin/crm", _STAND_IN.format(calls=self._calls))
        _program(self._place / "bin/crm-bounce", block("#!/bin/sh").replace("/srv/crm", place))
        pipe = block("crm-bounce unix").replace("user=crm", "user=nobody").replace("/srv/crm", place)
        self.postfix.services += pipe
        settings = block("relay_domains").replace("hash:", "texthash:").replace("/etc/postfix", config)
        for line in settings.splitlines():
            name, _, value = line.partition(" = ")
            self.postfix.settings[name] = value
        self.postfix.settings["relay_domains"] += f" {FAR}"
        self.postfix.settings["virtual_mailbox_domains"] = TOWN
        self.postfix.settings["virtual_mailbox_limit"] = str(self.box_limit)
        self.postfix.settings["message_size_limit"] = str(self.box_limit)
        self.postfix.settings["virtual_mailbox_maps"] = self.postfix.map("boxes", {})
        allowed = block("$/ OK") + f"/@{re.escape(FAR)}$/ OK\n"
        (Path(config) / "crm_bounce_recipients").write_text(allowed)
        self.postfix.map("transport", {DOMAIN: "crm-bounce:", FAR: "virtual:"})


def block(part: str) -> str:
    """Return the example of the page that has these words in it."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", _PAGE.read_text(), re.M | re.S)
    (found,) = [one for one in blocks if part in one]
    return str(found)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server that is not started yet, whose pipe is watched; skipped where none can be started."""
    missing = find()
    if missing:
        absent(missing, fails_in_ci="root" not in missing)
    with postfix() as server:
        made = MailServer(server)
        watcher = threading.Thread(target=made.watch_the_pipe)
        watcher.start()
        try:
            yield made
        finally:
            made.close()
            watcher.join()


def server_says(log: str, campaign: int) -> dict[int, list[str]]:
    """Return what a log says: row of a campaign → its end, once for each time that the server took it."""
    taken = re.findall(r"cleanup\[\d+\]: (\w+): message-id=<(\d+)-(\d+)\.", log)
    whole = set(re.findall(r"qmgr\[\d+\]: (\w+): from=<", log))  # others were cut off half way
    ends = dict(re.findall(r"virtual\[\d+\]: (\w+): to=<.*status=(\w+)", log))
    found: dict[int, list[str]] = {}
    for queue_id, of, row in taken:
        if int(of) == campaign and queue_id in whole:
            found.setdefault(int(row), []).append(ends.get(queue_id, "queued"))
    return found


def agree(crm: Crm, server: MailServer, campaigns: Sequence[int]) -> None:
    """Check that books, log and mailboxes say the same of every message of all campaigns so far."""
    arrived: Counter[str] = Counter()
    people = {str(row.address) for campaign in campaigns for row in rows(crm, campaign).values()}
    for campaign in campaigns:
        expected = {}
        log = server_says(server.postfix.said(), campaign)
        for row in rows(crm, campaign).values():
            said = log.get(row.id, [])
            if row.state == "sent" or (row.state == "unknown" and said):
                expected[row.id] = ["sent"]
                arrived[str(row.address)] += 1
            elif (row.reason or "").startswith("bounce_"):
                expected[row.id] = ["bounced"]
        assert log == expected
    assert {one: count for one, count in server.delivered().items() if one in people} == arrived


def school(
    database: Database, folder: Path, server: MailServer, addresses: Sequence[str], **settings: Any
) -> Crm:
    """Start the server for a school with people at these addresses, in their order."""
    values = {"smtp_url": server.url, "bounce_domain": DOMAIN, "mail_from": "School <news@school.example>"}
    crm = world(database, folder, people=len(addresses), **values, **settings)
    with crm.db.begin() as session:
        for number, address in enumerate(addresses, 1):
            mine = sa.update(Person).where(Person.id == number)
            session.execute(mine.values(email=address, email_key=address))
    server.start(crm)
    return crm


def email(**content: str) -> dict[str, Any]:
    """The file of a campaign to everybody."""
    return {"name": "x", "audience": EVERYBODY, "channel": "email", "subject": "x", "text": "x", **content}


def launched(crm: Crm) -> int:
    """Launch a campaign to everybody."""
    ident = drafts.create(crm, staff("tester"), email())
    service.launch(crm, staff("tester"), ident)
    return ident


def stopped(crm: Crm) -> set[str]:
    """Return the addresses that are not written to any more."""
    with crm.db.read() as session:
        return set(session.scalars(sa.select(Suppression.address_key)))


def hang_up(crm: Crm) -> None:
    """Close the connections of this process, as its end does."""
    for running in crm.state(KeptCampaigns).running.values():
        running.carrier.close()
    crm.state(KeptCampaigns).running.clear()


def wait_for(done: Callable[[], bool], seconds: float = 200.0) -> None:
    """Wait until something is so, for long: a command takes a minute on a machine with twenty other jobs."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _run(call: Path) -> None:
    environment = dict(one.split("=", 1) for one in (call / "env").read_text().split("\0") if one)
    words = (call / "words").read_text().splitlines()
    with (call / "mail").open("rb") as mail, (call / "said").open("wb") as said:
        command = [str(_CRM), *words]
        done = subprocess.run(
            command,
            stdin=mail,
            stdout=said,
            stderr=said,
            env=environment,
            cwd=environment["PWD"],
            check=False,
        )
    (call / "part").write_text(str(done.returncode))
    (call / "part").rename(call / "done")
