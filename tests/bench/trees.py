"""Twelve trees as marketers build them, and for each the ways in which a person would write its SQL.

Every form returns the ids of living people. ``{d30}`` stands for thirty days before the present, ``{now}``
for the present, ``{in14}`` for fourteen days after it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench.school import PRESENT

Document = dict[str, Any]

HELD = "('paid', 'refunding', 'partly_refunded', 'refunded')"
ALIVE = "p.status <> 'erased' AND p.merged_into IS NULL"
LINES = "SELECT person_id FROM crm_order_line WHERE held_money AND root_id ="
ACTIVE = (
    "state = 'active' AND (starts_at IS NULL OR starts_at <= {now})"
    " AND (expires_at IS NULL OR expires_at > {now})"
)


def rule(field: str, operator: str, value: Any = None) -> Document:
    """Return one condition."""
    return {"field": field, "operator": operator, "value": value}


def group(*rules: Document, combinator: str = "and", negated: bool = False) -> Document:
    """Return conditions joined."""
    return {"combinator": combinator, "not": negated, "rules": list(rules)}


def related(field: str, mode: str, *rules: Document, threshold: int | None = None) -> Document:
    """Return a condition on related rows."""
    match = {"mode": mode} | ({} if threshold is None else {"threshold": threshold})
    return {"field": field, "match": match, "value": group(*rules) if rules else None}


def span(operator: str, days: int, field: str) -> Document:
    """Return a condition on a date by days from the present."""
    return rule(field, operator, {"n": days, "unit": "day"})


def people(where: str) -> str:
    """Return the form that asks each person."""
    return f"SELECT p.id FROM crm_person p WHERE {ALIVE} AND {where}"


def of(ids: str) -> str:
    """Return the form that joins a set of person ids, each once, to the people."""
    return f"SELECT p.id FROM ({ids}) s JOIN crm_person p ON p.id = s.person_id WHERE {ALIVE}"


def among(ids: str) -> str:
    """Return the form that looks people up in a set of ids."""
    return people(f"p.id IN ({ids})")


def filled(form: str, dialect: str) -> str:
    """Return a form with its instants."""
    names = {"now": 0, "in14": 14} | {f"d{days}": -days for days in (30, 60, 90, 180, 365)}
    for name, days in names.items():
        at = (PRESENT + timedelta(days=days)).astimezone(UTC)
        form = form.replace("{" + name + "}", _literal(at, dialect))
    return form


def _literal(at: datetime, dialect: str) -> str:
    text = at.strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"'{text}'" if dialect == "sqlite" else f"TIMESTAMPTZ '{text}+00'"


_HELD_STATES = ["paid", "refunding", "partly_refunded", "refunded"]
_LATELY = "p.registered_at >= {d90} AND p.registered_at < {now}"
_PAYERS = f"SELECT person_id FROM crm_order WHERE person_id IS NOT NULL AND amount > 0 AND state IN {HELD}"
_TWO_PAID = (
    "SELECT person_id FROM crm_order WHERE person_id IS NOT NULL AND state = 'paid' AND paid_at >= {d180}"
    " AND paid_at < {now}"
)
_SPENT = (
    "SELECT person_id FROM crm_order WHERE person_id IS NOT NULL AND state = 'paid' AND currency = 'CNY'"
    " AND paid_at >= {d365} AND paid_at < {now}"
)
_SEATS = f"SELECT person_id, root_id FROM crm_enrolment WHERE role = 'learner' AND {ACTIVE}"
_BOUGHT = "SELECT person_id, root_id FROM crm_order_line WHERE held_money AND person_id IS NOT NULL"
_VIEWS = "SELECT person_id, root_id FROM crm_signal WHERE kind = 'view' AND root_id IS NOT NULL"
_NEITHER = (
    f"NOT EXISTS (SELECT 1 FROM ({_SEATS}) e WHERE e.person_id = s.person_id AND e.root_id = s.root_id)"
    f" AND NOT EXISTS (SELECT 1 FROM ({_BOUGHT}) b WHERE b.person_id = s.person_id AND b.root_id = s.root_id)"
)
_LEFT_OUT = (
    f"LEFT JOIN (SELECT DISTINCT person_id, root_id FROM ({_SEATS}) q) e"
    " ON e.person_id = s.person_id AND e.root_id = s.root_id"
    f" LEFT JOIN (SELECT DISTINCT person_id, root_id FROM ({_BOUGHT}) q) b"
    " ON b.person_id = s.person_id AND b.root_id = s.root_id"
    " WHERE e.person_id IS NULL AND b.person_id IS NULL"
)
_LEARNING = f"SELECT person_id FROM crm_enrolment WHERE {ACTIVE}"
_SEEN = "SELECT person_id FROM crm_signal WHERE at >= {d60} AND at < {now}"
_PENDING = "SELECT person_id FROM crm_order WHERE state = 'pending' AND person_id IS NOT NULL"
_YEAR = "p.registered_at >= {d365} AND p.registered_at < {now}"
_ANY_OF = "SELECT person_id FROM crm_enrolment WHERE root_id IN (11, 51, 101, 201, 301)"
_VIEWED = "SELECT person_id FROM crm_signal WHERE kind = 'view' AND at >= {d30} AND at < {now}"
_THREE = "SELECT person_id FROM crm_order WHERE person_id IS NOT NULL GROUP BY person_id HAVING COUNT(*) >= 3"
_RUNS_OUT = (
    f"SELECT person_id FROM crm_enrolment WHERE role = 'learner' AND {ACTIVE}"
    " AND expires_at > {now} AND expires_at <= {in14}"
)
_TOPIC = "root_id IN (SELECT course_id FROM crm_course_label WHERE kind = 'tag' AND folded = 'topic 5')"
_TRIED = (
    f"SELECT person_id FROM crm_signal WHERE kind = 'trial' AND at >= {{d90}} AND at < {{now}} AND {_TOPIC}"
)
_ON_TOPIC = f"SELECT person_id FROM crm_enrolment WHERE {_TOPIC}"


def _has(rows: str, person: str = "p.id") -> str:
    return f"EXISTS (SELECT 1 FROM ({rows}) r WHERE r.person_id = {person})"


TREES: dict[str, tuple[Document, dict[str, str]]] = {
    "registered lately, bought nothing": (
        group(span("inLast", 90, "registered_at"), rule("paid_count", "=", 0)),
        {
            "facts": people(f"{_LATELY} AND p.paid_count = 0"),
            "exists": people(f"{_LATELY} AND NOT {_has(_PAYERS)}"),
            "sets": f"{people(_LATELY)} EXCEPT {_PAYERS}",
            "joins": "SELECT p.id FROM crm_person p"
            f" LEFT JOIN (SELECT DISTINCT person_id FROM ({_PAYERS}) q) o ON o.person_id = p.id"
            f" WHERE {ALIVE} AND {_LATELY} AND o.person_id IS NULL",
        },
    ),
    "bought X, not Y": (
        group(
            related("orders", "some", rule("course_id", "=", "c10"), rule("state", "in", _HELD_STATES)),
            related("orders", "none", rule("course_id", "=", "c50"), rule("state", "in", _HELD_STATES)),
        ),
        {
            "sets": of(f"{LINES} 11 EXCEPT {LINES} 51"),
            "lookup": among(f"{LINES} 11 EXCEPT {LINES} 51"),
            "exists": people(f"{_has(LINES + ' 11')} AND NOT {_has(LINES + ' 51')}"),
            "aggregates": of(
                "SELECT person_id FROM crm_order_line WHERE held_money AND root_id IN (11, 51)"
                " GROUP BY person_id HAVING MIN(root_id) = 11 AND MAX(root_id) = 11"
            ),
        },
    ),
    "idle, spent much": (
        group(span("olderThan", 30, "last_active_at"), rule("paid_total", ">", "1000.00")),
        {
            "facts": people("p.last_active_at < {d30} AND p.paid_total > 10000000"),
            "aggregates": "SELECT p.id FROM crm_person p"
            " JOIN (SELECT person_id, SUM(amount) AS total FROM crm_order"
            f" WHERE state IN {HELD} AND currency = 'CNY' AND amount > 0 GROUP BY person_id) o"
            f" ON o.person_id = p.id WHERE {ALIVE} AND p.last_active_at < {{d30}} AND o.total > 10000000",
            "subquery": people(
                "p.last_active_at < {d30} AND (SELECT SUM(amount) FROM crm_order o WHERE o.person_id = p.id"
                f" AND o.state IN {HELD} AND o.currency = 'CNY') > 10000000"
            ),
        },
    ),
    "nested and, or, not": (
        group(
            span("inLast", 365, "registered_at"),
            group(
                group(rule("city", "=", "Wuhan"), related("enrolments", "some", rule("active", "=", True))),
                related("signals", "none", span("inLast", 60, "at")),
                related("orders", "some", rule("state", "=", "pending")),
                combinator="or",
            ),
        ),
        {
            "exists": people(
                f"{_YEAR} AND (p.city_folded = 'wuhan' AND {_has(_LEARNING)} OR NOT {_has(_SEEN)}"
                f" OR {_has(_PENDING)})"
            ),
            "lookups": people(
                f"{_YEAR} AND (p.city_folded = 'wuhan' AND p.id IN ({_LEARNING}) OR p.id NOT IN ({_SEEN})"
                f" OR p.id IN ({_PENDING}))"
            ),
            "joins": "SELECT p.id FROM crm_person p"
            f" LEFT JOIN (SELECT DISTINCT person_id FROM ({_LEARNING}) q) a ON a.person_id = p.id"
            f" LEFT JOIN (SELECT DISTINCT person_id FROM ({_SEEN}) q) b ON b.person_id = p.id"
            f" LEFT JOIN (SELECT DISTINCT person_id FROM ({_PENDING}) q) c ON c.person_id = p.id"
            f" WHERE {ALIVE} AND {_YEAR} AND (p.city_folded = 'wuhan' AND a.person_id IS NOT NULL"
            " OR b.person_id IS NULL OR c.person_id IS NOT NULL)",
            "sets": f"SELECT id FROM ({people(_YEAR)}) y WHERE id IN (SELECT p.id FROM crm_person p WHERE"
            f" p.city_folded = 'wuhan' AND p.id IN ({_LEARNING})"
            f" UNION ALL SELECT id FROM (SELECT id FROM crm_person EXCEPT {_SEEN}) u UNION ALL {_PENDING})",
        },
    ),
    "two paid orders in 180 days": (
        group(
            related(
                "orders", "atLeast", rule("state", "=", "paid"), span("inLast", 180, "paid_at"), threshold=2
            )
        ),
        {
            "joins": of(f"{_TWO_PAID} GROUP BY person_id HAVING COUNT(*) >= 2"),
            "lookup": among(f"{_TWO_PAID} GROUP BY person_id HAVING COUNT(*) >= 2"),
            "subquery": people(f"(SELECT COUNT(*) FROM ({_TWO_PAID}) r WHERE r.person_id = p.id) >= 2"),
        },
    ),
    "spent 500 in a year": (
        group(
            {
                "field": "orders",
                "aggregate": "sum:amount",
                "operator": ">=",
                "value": "500.00",
                "where": group(
                    rule("state", "=", "paid"), rule("currency", "=", "CNY"), span("inLast", 365, "paid_at")
                ),
            }
        ),
        {
            "joins": of(f"{_SPENT} GROUP BY person_id HAVING SUM(amount) >= 5000000"),
            "lookup": among(f"{_SPENT} GROUP BY person_id HAVING SUM(amount) >= 5000000"),
            "subquery": people(
                "(SELECT SUM(amount) FROM"
                f" ({_SPENT.replace('SELECT person_id', 'SELECT person_id, amount')}) r"
                " WHERE r.person_id = p.id) >= 5000000"
            ),
        },
    ),
    "viewed, neither enrolled nor bought it": (
        group(
            related(
                "signals",
                "some",
                rule("kind", "=", "view"),
                rule("enrolled_now", "=", False),
                rule("ever_bought", "=", False),
            )
        ),
        {
            "sets": of(f"SELECT DISTINCT person_id FROM ({_VIEWS} EXCEPT {_SEATS} EXCEPT {_BOUGHT}) q"),
            "lookup": among(f"SELECT person_id FROM ({_VIEWS} EXCEPT {_SEATS} EXCEPT {_BOUGHT}) q"),
            "exists": among(f"SELECT s.person_id FROM ({_VIEWS}) s WHERE {_NEITHER}"),
            "joins": among(f"SELECT s.person_id FROM ({_VIEWS}) s {_LEFT_OUT}"),
        },
    ),
    "the same for one course": (
        group(
            related(
                "signals",
                "some",
                rule("kind", "=", "view"),
                rule("course_id", "=", "c10"),
                rule("enrolled_now", "=", False),
                rule("ever_bought", "=", False),
            )
        ),
        {
            "sets": of(
                f"SELECT DISTINCT person_id FROM ({_VIEWS} AND root_id = 11 EXCEPT {_SEATS} AND root_id = 11"
                f" EXCEPT {_BOUGHT} AND root_id = 11) q"
            ),
            "lookup": among(
                f"SELECT person_id FROM ({_VIEWS} AND root_id = 11 EXCEPT {_SEATS} AND root_id = 11"
                f" EXCEPT {_BOUGHT} AND root_id = 11) q"
            ),
            "exists": among(f"SELECT s.person_id FROM ({_VIEWS} AND root_id = 11) s WHERE {_NEITHER}"),
            "joins": among(f"SELECT s.person_id FROM ({_VIEWS} AND root_id = 11) s {_LEFT_OUT}"),
        },
    ),
    "enrolled in any of five, active or viewed, not three orders": (
        group(
            related("enrolments", "some", rule("course_id", "in", ["c10", "c50", "c100", "c200", "c300"])),
            group(
                span("inLast", 30, "last_active_at"),
                related("signals", "some", rule("kind", "=", "view"), span("inLast", 30, "at")),
                combinator="or",
            ),
            group(related("orders", "atLeast", threshold=3), negated=True),
        ),
        {
            "exists": people(
                f"{_has(_ANY_OF)} AND (p.last_active_at >= {{d30}} AND p.last_active_at < {{now}}"
                f" OR {_has(_VIEWED)}) AND (SELECT COUNT(*) FROM crm_order o WHERE o.person_id = p.id) < 3"
            ),
            "lookups": people(
                f"p.id IN ({_ANY_OF}) AND (p.last_active_at >= {{d30}} AND p.last_active_at < {{now}}"
                f" OR p.id IN ({_VIEWED})) AND p.id NOT IN ({_THREE})"
            ),
            "joins": f"SELECT p.id FROM (SELECT DISTINCT person_id FROM ({_ANY_OF}) q) e"
            " JOIN crm_person p ON p.id = e.person_id"
            f" LEFT JOIN (SELECT DISTINCT person_id FROM ({_VIEWED}) q) v ON v.person_id = p.id"
            f" LEFT JOIN ({_THREE}) o ON o.person_id = p.id WHERE {ALIVE} AND o.person_id IS NULL"
            " AND (p.last_active_at >= {d30} AND p.last_active_at < {now} OR v.person_id IS NOT NULL)",
            "sets": of(
                f"SELECT person_id FROM (SELECT DISTINCT person_id FROM ({_ANY_OF}) a) e WHERE person_id IN"
                f" (SELECT id FROM crm_person WHERE last_active_at >= {{d30}} AND last_active_at < {{now}}"
                f" UNION ALL {_VIEWED}) EXCEPT {_THREE}"
            ),
        },
    ),
    "runs out in 14 days, nothing pending": (
        group(
            related(
                "enrolments",
                "some",
                rule("role", "=", "learner"),
                rule("active", "=", True),
                span("inNext", 14, "expires_at"),
            ),
            related("orders", "none", rule("state", "=", "pending")),
        ),
        {
            "exists": people(f"{_has(_RUNS_OUT)} AND NOT {_has(_PENDING)}"),
            "sets": of(f"{_RUNS_OUT} EXCEPT {_PENDING}"),
            "lookups": people(f"p.id IN ({_RUNS_OUT}) AND p.id NOT IN ({_PENDING})"),
            "lookup and exists": people(f"p.id IN ({_RUNS_OUT}) AND NOT {_has(_PENDING)}"),
        },
    ),
    "all seats below half": (
        group(related("enrolments", "all", rule("progress", "<", 0.5))),
        {
            "aggregates": of(
                "SELECT person_id FROM crm_enrolment GROUP BY person_id HAVING MAX(progress) < 0.5"
            ),
            "lookup": among(
                "SELECT person_id FROM crm_enrolment GROUP BY person_id HAVING MAX(progress) < 0.5"
            ),
            "exists": people(
                "EXISTS (SELECT 1 FROM crm_enrolment e WHERE e.person_id = p.id) AND NOT EXISTS"
                " (SELECT 1 FROM crm_enrolment e WHERE e.person_id = p.id"
                " AND (e.progress >= 0.5 OR e.progress IS NULL))"
            ),
            "sets": of(
                "SELECT person_id FROM crm_enrolment EXCEPT SELECT person_id FROM crm_enrolment"
                " WHERE progress >= 0.5 OR progress IS NULL"
            ),
        },
    ),
    "tried a topic, not enrolled in it": (
        group(
            related(
                "signals",
                "some",
                rule("kind", "=", "trial"),
                span("inLast", 90, "at"),
                rule("course_tag", "=", "topic 5"),
            ),
            related("enrolments", "none", rule("course_tag", "=", "topic 5")),
        ),
        {
            "sets": of(f"{_TRIED} EXCEPT {_ON_TOPIC}"),
            "lookups": people(f"p.id IN ({_TRIED}) AND p.id NOT IN ({_ON_TOPIC})"),
            "exists": people(f"{_has(_TRIED)} AND NOT {_has(_ON_TOPIC)}"),
            "lookup and exists": people(f"p.id IN ({_TRIED}) AND NOT {_has(_ON_TOPIC)}"),
        },
    ),
}
"""Name → (the tree, ways to write it by hand)."""
