"""The table of edges: whatever does not stand in it never happens."""

from itertools import product

import pytest

from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.ledger.states import EDGES, STATES, move
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.kernel.db.engine import Database
from tests.fakes.crm import NOW

ALLOWED = {edge for edges in EDGES.values() for edge in edges}
FORBIDDEN = [edge for edge in product(STATES, STATES) if edge not in ALLOWED]


def put_row(database: Database, state: str) -> None:
    with database.begin() as session:
        session.add(Delivery(id=1, campaign_id=1, person_id=1, channel="sms", state=state))


def state_of(database: Database) -> str:
    with database.read() as session:
        return session.get_one(Delivery, 1).state


@pytest.mark.parametrize(("source", "target"), FORBIDDEN, ids=lambda name: str(name))
def test_no_verb_takes_a_forbidden_edge(source: str, target: str) -> None:
    for verb in EDGES:
        with pytest.raises(ValueError, match="does not lead"):
            move(None, verb, [source], target)  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", EDGES)
def test_an_allowed_edge_moves_only_rows_in_its_source_state(database: Database, verb: str) -> None:
    source, target = sorted(EDGES[verb])[0]
    other = next(state for state in STATES if state not in {source, target})
    put_row(database, other)
    with database.begin() as session:
        assert move(session, verb, [source], target) == 0
    assert state_of(database) == other
    with database.begin() as session:
        session.get_one(Delivery, 1).state = source
    with database.begin() as session:
        assert move(session, verb, [source], target) == 1
    assert state_of(database) == target


def test_nothing_leaves_an_end_but_by_a_person_or_a_report() -> None:
    automatic = {"ripen", "lease", "give_back", "refuse", "mark", "settle", "lapse"}
    ends = {"excluded", "delivered", "failed_permanent", "failed_transient", "cancelled", "sent"}
    assert not [edge for verb in automatic for edge in EDGES[verb] if edge[0] in ends]


def test_out_of_unknown_settling_leads_to_what_a_worker_knows() -> None:
    targets = {target for source, target in EDGES["settle"] if source == "unknown"}
    ends = {"sent", "failed_permanent", "failed_transient", "cancelled"}
    assert targets == ends | {"pending", "waiting"}, "what was never called, or surely not taken"


CAMPAIGN_EDGES = {(s, t) for edges in campaign_states.EDGES.values() for s, t in edges.items()}


@pytest.mark.parametrize("verb", campaign_states.EDGES)
@pytest.mark.parametrize("state", campaign_states.STATES)
def test_a_campaign_changes_only_along_its_table(database: Database, verb: str, state: str) -> None:
    with database.begin() as session:
        session.add(
            Campaign(
                id=1,
                name="x",
                channel="sms",
                state=state,
                audience={},
                content={},
                created_by="t",
                created_at=NOW,
                updated_at=NOW,
            )
        )
    with database.begin() as session:
        changed = campaign_states.change(session, 1, verb)
        assert changed is (state in campaign_states.EDGES[verb])
    with database.read() as session:
        assert session.get_one(Campaign, 1).state == campaign_states.EDGES[verb].get(state, state)
