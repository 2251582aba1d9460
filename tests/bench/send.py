"""How fast campaigns leave, against carriers that take everything at once: `make bench-send`.

On PostgreSQL, durable as a school's, with an empty policy. Every yardstick runs in the same run as what it
measures, and as often; medians are compared.
"""

import argparse
from collections.abc import Callable

from crm_plugin.kernel.db.engine import Database
from tests.bench.rig import machine, say, servers, tables
from tests.bench.send_email import email
from tests.bench.send_far import far
from tests.bench.send_large import freezing, large, small
from tests.bench.send_sms import sms
from tests.bench.sending_school import fill

PARTS = ("email", "sms", "far", "freeze", "large")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="of a campaign by e-mail or SMS")
    parser.add_argument("--people", type=int, default=1_000_000, help="of a large campaign")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS))
    given = parser.parse_args()
    parts = given.parts.split(",")
    with servers():
        if "email" in parts:
            _on_a_school(given.messages, lambda database: email(database, given.messages, given.runs))
        if "sms" in parts:
            _on_a_school(given.messages, lambda database: sms(database, given.messages, given.runs))
        if "far" in parts:
            far(_on_a_school, given.runs)
        if "freeze" in parts:
            _on_a_school(given.people, lambda database: freezing(database, given.runs))
        if "large" in parts:
            _on_a_school(given.messages, lambda database: small(database, given.runs))
            _on_a_school(given.people, lambda database: large(database, given.messages))


def _on_a_school(people: int, measure: Callable[[Database], None]) -> None:
    with tables("postgresql") as database:
        fill(database, people)
        say(f"{people:,} people on {machine(database)}")
        measure(database)


if __name__ == "__main__":
    main()
