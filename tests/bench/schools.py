"""What the benchmarks of segments share: a bulk school on each database that is asked for."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from tests.bench import bulk_school
from tests.bench.rig import machine, say, servers, tables
from tests.bench.school import PRESENT, School
from tests.fakes.crm import make_crm


def asked_for(description: str | None) -> argparse.Namespace:
    """Read the command line: ``people``, ``db`` and ``seed``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--people", type=int, default=int(os.environ.get("PEOPLE", "1000000")))
    parser.add_argument("--db", default=os.environ.get("DB", "postgresql,sqlite"))
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def schools(given: argparse.Namespace, **settings: Any) -> Iterator[Crm]:
    """Yield a CRM with its school full, one database after the other.

    :param settings: of the CRM.
    """
    with servers():
        for kind in given.db.split(","):
            with _school(kind, given, settings) as crm:
                yield crm


@contextmanager
def _school(kind: str, given: argparse.Namespace, settings: dict[str, Any]) -> Iterator[Crm]:
    with tables(kind) as database:
        say(machine(database))
        bulk_school.fill(database, given.people, given.seed)
        say(f"{given.people:,} people are there")
        yield _crm(database, given, settings)


def _crm(database: Database, given: argparse.Namespace, settings: dict[str, Any]) -> Crm:
    return make_crm(database, School(given.people, given.seed), PRESENT, **settings)
