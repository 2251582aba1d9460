"""Where one database is given other SQL than the rest: a named choice each, with what decided it.

The forms mean the same; a wrong choice is slow and never wrong, but where its words say so. The figures are
in ``docs/benchmarks.md`` ("Segments at a million people"), by ``make bench-segments``. No other file of
the filter language asks for a dialect's name.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Dialect:
    """How conditions are written for one database; the defaults are plain SQL."""

    name: str

    anti_join: Literal["not_in", "not_exists"] = "not_in"
    """How a set of people is left out. PostgreSQL makes an anti-join of NOT EXISTS only."""

    probe_behind_set: bool = False
    """With another set to start from, a set to leave out is asked person by person.

    SQLite gathers the whole set for NOT IN; for a few people it is better asked one by one, unless the set
    must be counted together.
    """

    probe_broad_or: bool = False
    """*Or* that holds for many people is asked of who is found by the conditions beside it.

    SQLite would write all of them down first. "Nested and, or, not" of the benchmark takes 0.76 of the time
    of the best form by hand since.
    """

    subtract_small_sets: bool = True
    """Sets of few people are taken from each other first (EXCEPT).

    So they come in order, and twice as many people a second can be looked up: "bought X, not Y" is 1.00 to
    1.01 of the best form by hand. On MariaDB it was not measured, and is not done.
    """

    union: Literal["all", "distinct", "all_in_derived_table"] = "all"
    """How the branches of *or* become one set.

    Of UNION ALL PostgreSQL expects 200 different people, whatever the branches, and looks each up by key.
    MariaDB would run a UNION inside IN once for every person; a derived table it makes once.
    """

    topics_are_small: bool = False
    """The people of a course's tag or category are a small set to begin with, as those of a course are.

    A topic names few courses of many, but all of them together may be much: SQLite had better ask about each
    person there, PostgreSQL reads them by their index in no time.
    """

    union_after_except: bool = False
    """What EXCEPT leaves goes through a UNION with nobody.

    PostgreSQL takes it for 200 people and looks each of a million up by key; the outcome of UNION it takes
    for the sum of its parts.
    """

    lines_by_key: bool = False
    """Lines of an order are looked up by its key, not searched in a list of orders.

    A list too long for PostgreSQL's work memory is searched row by row; a lookup by key never is.
    """

    exists_as_scalar: bool = False
    """EXISTS inside another set is written as a scalar subquery; here the plain form would be wrong.

    MariaDB 10.11 makes a semi-join of EXISTS and loses rows where it nests it into another one.
    """

    averages_in_wide_numbers: bool = True
    """Sums and counts are multiplied as NUMERIC(38), so that an average is compared exactly.

    SQLite has no wider number than 64 bits; beyond them it goes on with a float by itself.
    """

    levels_in_place: int = 0
    """After so many groups inside each other a set of people gets a name (WITH); 0 = never.

    SQLite's parser holds a hundred open pieces, and a set inside a set opens some thirteen: the deepest
    trees failed with "parser stack overflow". Typical trees are not as deep, and stay as they are.
    """

    expect_open_range: bool = False
    """A range without a beginning is marked as likely.

    SQLite takes one open end for a quarter of the rows and looks them up by an index; before some day lie
    most of them, and reading the table through is several times as fast ("idle, spent much": 0.19).
    """


PLAIN = Dialect("")
DIALECTS = {
    "sqlite": Dialect(
        "sqlite",
        probe_behind_set=True,
        probe_broad_or=True,
        averages_in_wide_numbers=False,
        levels_in_place=2,
        expect_open_range=True,
    ),
    "postgresql": Dialect(
        "postgresql",
        anti_join="not_exists",
        union="distinct",
        topics_are_small=True,
        union_after_except=True,
        lines_by_key=True,
    ),
    "mysql": Dialect("mysql", subtract_small_sets=False, union="all_in_derived_table", exists_as_scalar=True),
}
"""By the name that SQLAlchemy gives them; MariaDB is ``mysql``."""
