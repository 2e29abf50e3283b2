"""Authors with unknown weights count by their record; those that can be replayed need none."""

from dataclasses import replace
from pathlib import Path

import pytest

from node.engine import Engine
from node.faults import ConfigFault
from node.roster import Roster, write_roster
from node.settings import SwarmSettings
from node.standing import TrustSettings
from node.verifying import VerifySettings
from node.work import EngineSettings, Trained
from protocol.beacon import HashChain
from protocol.contribution import Completion, Contribution
from protocol.identity import Keypair
from protocol.parameters import Encoding, Mode
from protocol.schedule import Schedule

ME, PEER = (Keypair.from_seed(bytes([index]) * 32).peer_id for index in (1, 2))
SMALL = SwarmSettings(prompts_per_round=4, completions_per_prompt=4, shares=2)
UNKNOWN = b"\7" * 32


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    return EngineSettings(data_dir=str(tmp_path), swarm=SMALL)


def of_peer(engine: Engine, round_index: int, *, known: bool) -> list[Contribution]:
    """What an honest peer hands in, under this node's weights or under a foreign name."""
    schedule = Schedule(engine.parameters, HashChain(engine.parameters.digest()))
    sampled = engine.sample(PEER, round_index, schedule.prompts(round_index, PEER)).contributions
    return [one if known else replace(one, policy_digest=UNKNOWN) for one in sampled]


def alone_with_peer(engine: Engine, rounds: range, *, known: bool) -> list[Trained]:
    return [engine.train(ME, index, of_peer(engine, index, known=known)) for index in rounds]


def test_a_stranger_teaches_nothing_before_it_was_clean_for_three_rounds(
    settings: EngineSettings,
) -> None:
    """With its share of the praise unbound here, only its record stands in its way."""
    free = replace(settings.train, author_share_max=1.0, strangers_share_max=1.0)
    engine = Engine(replace(settings, train=free))
    before = engine.policy.digest()
    newcomer = alone_with_peer(engine, range(2), known=False)
    after_two = engine.policy.digest()
    known = alone_with_peer(engine, range(2, 4), known=False)

    assert before == after_two
    assert all(one.step.grad_norm == 0.0 for one in newcomer)
    assert known[-1].policy_digest != after_two.hex()


def test_an_author_that_can_be_replayed_teaches_from_its_first_round(
    settings: EngineSettings,
) -> None:
    engine = Engine(settings)
    before = engine.policy.digest().hex()

    assert alone_with_peer(engine, range(1), known=True)[0].policy_digest != before


def test_strangers_alone_are_never_praised(settings: EngineSettings) -> None:
    """Their share is reckoned against what is proven, and here nothing is."""
    engine = Engine(replace(settings, trust=TrustSettings(clean_rounds_min=0)))
    bound = alone_with_peer(engine, range(1), known=False)[0]
    trusting = Engine(replace(settings, trust=TrustSettings(trusted=(str(PEER),))))
    free = alone_with_peer(trusting, range(1), known=False)[0]

    assert bound.step.grad_norm > 0.0
    assert bound.policy_digest != free.policy_digest


def test_whom_the_operator_trusts_counts_from_the_first_round_also_while_the_node_runs(
    settings: EngineSettings,
) -> None:
    engine = Engine(settings)
    before = engine.policy.digest().hex()
    newcomer = alone_with_peer(engine, range(1), known=False)[0].policy_digest
    write_roster(Path(settings.data_dir) / "roster.json", Roster().trusting(PEER))

    assert newcomer == before
    assert alone_with_peer(engine, range(1, 2), known=False)[0].policy_digest != before


def test_an_operator_that_trusts_nobody_who_can_be_is_told(settings: EngineSettings) -> None:
    with pytest.raises(ConfigFault, match="no peer id"):
        Engine(replace(settings, trust=TrustSettings(trusted=("a friend",))))


def test_the_reference_defences_distrust_nobody(settings: EngineSettings) -> None:
    engine = Engine(replace(settings, verify=VerifySettings(defence="none")))
    before = engine.policy.digest().hex()

    assert alone_with_peer(engine, range(1), known=False)[0].policy_digest != before


def test_records_go_on_after_a_restart(settings: EngineSettings) -> None:
    straight, stopped = Engine(settings), Engine(settings)
    straight.open()
    stopped.open()
    expected = alone_with_peer(straight, range(5), known=False)[-1].policy_digest
    alone_with_peer(stopped, range(3), known=False)
    stopped.save(3)

    again = Engine(settings)
    assert again.open().next_round == 3
    assert alone_with_peer(again, range(3, 5), known=False)[-1].policy_digest == expected


def with_stranger(engine: Engine, *, unknown: bool) -> Trained:
    """A round of this node's share and a peer's, the latter's weights known or not."""
    schedule = Schedule(engine.parameters, HashChain(engine.parameters.digest()))
    own = engine.sample(ME, 0, schedule.prompts(0, ME)).contributions
    both = [*own, *of_peer(engine, 0, known=not unknown)]
    both.sort(key=lambda one: (one.prompt_index, one.author))
    return engine.train(ME, 0, both)


def test_where_half_of_a_round_is_replayed_nobody_else_is_heard(settings: EngineSettings) -> None:
    """However good its record: it is here that a likely word or two would get through."""
    free = TrustSettings(clean_rounds_min=0)
    closed = with_stranger(Engine(replace(settings, trust=free)), unknown=True)
    weights = {author: set[float]() for author in (str(ME), str(PEER))}
    for one in closed.found:
        weights[one.author].add(one.weight)

    assert closed.unheard == 8
    assert weights == {str(ME): {1.0}, str(PEER): {0.0}}


def test_who_can_be_replayed_is_heard_there(settings: EngineSettings) -> None:
    assert with_stranger(Engine(settings), unknown=False).unheard == 0


def test_a_swarm_of_many_minds_stays_open(settings: EngineSettings) -> None:
    """Where less than that is replayed, as beside many strangers, records decide."""
    for trust in (TrustSettings(closed_share=0.51), TrustSettings(closed_share=2.0)):
        assert with_stranger(Engine(replace(settings, trust=trust)), unknown=True).unheard == 0


def test_whom_the_operator_trusts_is_heard_in_a_closed_swarm(settings: EngineSettings) -> None:
    trusting = TrustSettings(trusted=(str(PEER),))

    assert with_stranger(Engine(replace(settings, trust=trusting)), unknown=True).unheard == 0


def test_the_reference_defences_hear_everybody(settings: EngineSettings) -> None:
    engine = Engine(replace(settings, verify=VerifySettings(defence="none")))

    assert with_stranger(engine, unknown=True).unheard == 0


def test_a_newcomers_long_answers_are_no_measure_of_anybody(settings: EngineSettings) -> None:
    """Strangers without a record are compared with what this node would write itself."""
    swarm = replace(SMALL, mode=Mode.HORIZONTAL, prompts_per_round=1, completions_per_prompt=8)
    engine = Engine(replace(settings, swarm=replace(swarm, shares=1)))
    (honest,) = of_peer(engine, 0, known=False)
    longest = max(honest.completions, key=lambda one: len(one.tokens))
    rambling = Completion(tokens=(*longest.tokens[:-1] * 9,)[:63] + longest.tokens[-1:], ended=True)
    made = replace(honest, completions=(rambling,) * 8)
    other = replace(made, author=Keypair.from_seed(bytes([3]) * 32).peer_id)

    trained = engine.train(ME, 0, sorted([made, other], key=lambda one: one.author))

    lengths = {
        said.reason for one in trained.found for said in one.verdicts if said.stage == "length"
    }
    assert lengths == {"overlong"}


def test_who_learns_from_kin_only_learns_from_no_stranger_but_one_it_trusts(
    settings: EngineSettings,
) -> None:
    verify = VerifySettings(requires_kin=True)
    free = replace(settings.train, author_share_max=1.0, strangers_share_max=1.0)
    record = TrustSettings(clean_rounds_min=0)
    closed = replace(settings, verify=verify, train=free, trust=record)
    engine, open_one = Engine(closed), Engine(replace(closed, verify=VerifySettings()))
    trusting = Engine(replace(closed, trust=replace(record, trusted=(str(PEER),))))
    before = engine.policy.digest().hex()

    stranger, known = (alone_with_peer(engine, range(1), known=known)[0] for known in (False, True))

    assert stranger.policy_digest == before
    assert stranger.unheard > 0
    assert known.policy_digest != before
    for other in (open_one, trusting):
        assert alone_with_peer(other, range(1), known=False)[0].policy_digest != before


@pytest.mark.parametrize(
    ("swarm", "defence"),
    [
        (replace(SMALL, encoding=Encoding.TEXT), "default"),
        (SMALL, "paper"),
        (SMALL, "none"),
    ],
)
def test_kin_only_is_refused_where_nobodys_weights_are_proven(
    settings: EngineSettings, swarm: SwarmSettings, defence: str
) -> None:
    verify = VerifySettings(requires_kin=True, defence=defence)

    with pytest.raises(ConfigFault, match="requires_kin"):
        Engine(replace(settings, swarm=swarm, verify=verify))


@pytest.mark.parametrize("text", ["x " * 100, ""])
def test_what_no_sample_can_be_here_costs_a_text_swarms_author_no_record(
    settings: EngineSettings, text: str
) -> None:
    """Its own tokenizer may make less of it."""
    engine = Engine(replace(settings, swarm=replace(SMALL, encoding=Encoding.TEXT)))
    (first, *rest) = of_peer(engine, 0, known=True)
    odd = replace(first.completions[0], text=text, ended=False)
    spoilt = replace(first, completions=(odd, *first.completions[1:]))

    engine.train(ME, 0, [spoilt])
    alone = engine._standings.of(str(PEER))
    engine.train(ME, 1, [replace(one, round_index=1) for one in rest])

    assert (alone.clean, alone.refused, alone.clean_rounds) == (0, 0, 0)
    assert engine._standings.of(str(PEER)).clean > 0
