"""The model's side of a round: what is sampled can be sampled again, what is trained resumes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from node.engine import Engine
from node.faults import CheckpointFault, ConfigFault
from node.settings import SwarmSettings
from node.verifying import JudgeSettings, VerifySettings
from node.work import EngineSettings
from protocol.beacon import HashChain
from protocol.contribution import Completion, Contribution
from protocol.identity import Keypair, PeerId
from protocol.parameters import Encoding, Mode
from protocol.schedule import Schedule

PEERS = [Keypair.from_seed(bytes([index]) * 32).peer_id for index in range(1, 4)]
SMALL = SwarmSettings(prompts_per_round=4, completions_per_prompt=4, shares=2)


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    return EngineSettings(data_dir=str(tmp_path), swarm=SMALL)


def share(engine: Engine, author: PeerId, round_index: int) -> tuple[Contribution, ...]:
    beacon = HashChain(engine.parameters.digest())
    prompts = Schedule(engine.parameters, beacon).prompts(round_index, author)
    return engine.sample(author, round_index, prompts).contributions


def train(engine: Engine, round_index: int) -> str:
    """One round in which two peers contribute; return the policy's digest after it."""
    both = [one for author in PEERS[:2] for one in share(engine, author, round_index)]
    both.sort(key=lambda one: (one.prompt_index, one.author))
    return engine.train(PEERS[0], round_index, both).policy_digest


def test_a_share_is_whole_and_the_same_whoever_samples_it_again(settings: EngineSettings) -> None:
    """The noise is the swarm's: another node with the same weights can replay it."""
    one, other = Engine(settings), Engine(settings)

    sampled = share(one, PEERS[0], 3)

    assert sampled == share(other, PEERS[0], 3)
    assert [len(each.completions) for each in sampled] == [4, 4]
    assert {each.policy_digest for each in sampled} == {one.policy.digest()}


def test_another_author_or_round_is_other_noise(settings: EngineSettings) -> None:
    engine = Engine(replace(settings, swarm=replace(SMALL, mode=Mode.HORIZONTAL)))

    written = {
        share(engine, author, round_index)[0].completions
        for author in PEERS
        for round_index in range(3)
    }

    assert len(written) == 9


def test_a_saved_engine_goes_on_as_if_it_had_not_stopped(
    settings: EngineSettings, tmp_path: Path
) -> None:
    unbroken = Engine(replace(settings, data_dir=str(tmp_path / "unbroken")))
    expected = [train(unbroken, index) for index in range(4)]
    stopped = Engine(settings)
    stopped.open()
    for index in range(2):
        train(stopped, index)
    stopped.save(2)

    resumed = Engine(settings)
    opened = resumed.open()

    assert opened.next_round == 2
    assert opened.policy_digest == expected[1]
    assert [train(resumed, index) for index in (2, 3)] == expected[2:]


def test_where_every_checkpoint_is_damaged_nothing_begins_anew(settings: EngineSettings) -> None:
    """From the original model, all that was learnt would be lost without a word."""
    engine = Engine(settings)
    engine.open()
    engine.save(1)
    (manifest,) = engine.run_dir.glob("checkpoints/*/MANIFEST.json")
    manifest.unlink()

    with pytest.raises(CheckpointFault, match="none of the checkpoints") as caught:
        Engine(settings).open()

    assert "move" in caught.value.fix


def test_a_restart_changes_no_verdict_about_late_authors_or_strangers(
    settings: EngineSettings, tmp_path: Path
) -> None:
    """Those are judged by what is remembered: weights of past rounds, sums, earlier texts."""
    settings = replace(settings, swarm=replace(SMALL, shares=4))
    unbroken = Engine(replace(settings, data_dir=str(tmp_path / "unbroken")))
    rounds, expected = [], []
    late = share(unbroken, PEERS[1], 0)
    for index in range(4):
        strange = [
            replace(one, policy_digest=bytes(32)) for one in share(unbroken, PEERS[2], index)
        ]
        rounds.append([*share(unbroken, PEERS[0], index), *late, *strange])
        late = share(unbroken, PEERS[1], index + 1)
        expected.append(unbroken.train(PEERS[0], index, rounds[-1]))
    stopped = Engine(settings)
    stopped.open()
    for index in range(3):
        stopped.train(PEERS[0], index, rounds[index])
    stopped.save(3)

    resumed = Engine(settings)
    resumed.open()
    trained = resumed.train(PEERS[0], 3, rounds[3])

    assert trained.found == expected[3].found
    assert trained.policy_digest == expected[3].policy_digest
    of_the_late = [one for one in trained.found if one.author == str(PEERS[1])]
    said = {said for one in of_the_late for said in one.verdicts if said.stage == "replay"}
    assert {one.reason for one in said} == {"clean"}


def test_rewards_are_computed_here_and_told_apart_by_author(settings: EngineSettings) -> None:
    engine = Engine(settings)
    own, theirs = (share(engine, author, 0) for author in PEERS[:2])
    silent = Completion(tokens=(engine.parameters.eos_token,), ended=True)
    mute = [replace(one, completions=(silent,) * 4) for one in theirs]
    undefended = Engine(replace(settings, verify=VerifySettings(defence="none")))

    trained = undefended.train(PEERS[0], 0, [*own, *mute])

    assert trained.own_reward > 0
    assert trained.peers_reward == 0
    assert trained.completions == 16
    assert trained.same_policy == 4


def test_a_tampered_completion_is_refused_and_not_trained_on(settings: EngineSettings) -> None:
    """One token changed, however likely the new one: not what its public noise chooses."""
    engine = Engine(settings)
    own, theirs = (share(engine, author, 0) for author in PEERS[:2])
    first = theirs[0]
    tokens = first.completions[2].tokens
    edited = replace(first.completions[2], tokens=(tokens[0], tokens[1] + 1, *tokens[2:]))
    tampered = replace(first, completions=(*first.completions[:2], edited, first.completions[3]))

    trained = engine.train(PEERS[0], 0, [*own, tampered, theirs[1]])

    (found,) = trained.findings
    assert (found.author, found.prompt_index, found.index) == (
        str(PEERS[1]),
        first.prompt_index,
        2,
    )
    assert (found.outcome, found.stage, found.reason) == ("refuse", "replay", "not_replayed")
    assert trained.completions == 16
    assert trained.step.completions == 15


def test_without_a_defence_it_is_trained_on(settings: EngineSettings) -> None:
    """A defence that was never needed proves nothing."""
    undefended = replace(settings, verify=VerifySettings(defence="none"))
    engine = Engine(undefended)
    (first, second) = share(engine, PEERS[1], 0)
    slogan = replace(first.completions[0], tokens=(7, 8, 9, engine.parameters.eos_token))
    tampered = replace(first, completions=(slogan, *first.completions[1:]))

    trained = engine.train(PEERS[0], 0, [tampered, second])

    assert trained.findings == ()
    assert trained.step.completions == 8


def test_honest_rounds_have_no_findings_and_verifying_changes_no_bit_between_peers(
    settings: EngineSettings,
) -> None:
    one, other = Engine(settings), Engine(settings)
    for round_index in range(3):
        both = [share(one, author, round_index) for author in PEERS[:2]]
        ordered = sorted(sum(both, ()), key=lambda each: (each.prompt_index, each.author))

        trained = [
            engine.train(me, round_index, ordered)
            for engine, me in ((one, PEERS[0]), (other, PEERS[1]))
        ]

        assert trained[0].policy_digest == trained[1].policy_digest
        assert trained[0].findings == trained[1].findings == ()


@pytest.mark.parametrize(
    ("verify", "says"),
    [
        ({"defence": "papper"}, "papper"),
        ({"veto": ("reply",)}, "reply"),
        ({"drop": ("replay",), "mask": ("replay",)}, "two actions"),
        ({"defence": "paper_judge"}, "paper_judge"),
    ],
)
def test_a_defence_that_does_not_exist_is_refused(
    settings: EngineSettings, verify: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigFault, match=says):
        Engine(replace(settings, verify=VerifySettings(**verify)))


def test_a_judge_that_does_not_exist_is_refused(settings: EngineSettings) -> None:
    with pytest.raises(ConfigFault, match="oracle"):
        Engine(replace(settings, judge=JudgeSettings(backend="oracle")))


def test_a_policy_that_another_sampled_from_is_noticed(settings: EngineSettings) -> None:
    engine = Engine(settings)
    foreign = [replace(one, policy_digest=b"\7" * 32) for one in share(engine, PEERS[1], 0)]

    assert engine.train(PEERS[0], 0, foreign).same_policy == 0


def test_a_round_in_which_nobody_contributed_is_a_normal_round(settings: EngineSettings) -> None:
    engine = Engine(settings)
    before = engine.policy.digest().hex()

    trained = engine.train(PEERS[0], 0, [])

    assert trained.policy_digest == before
    assert trained.step.warning == "empty_round"


def test_text_is_read_with_this_nodes_own_tokenizer(settings: EngineSettings) -> None:
    text = replace(settings, swarm=replace(SMALL, encoding=Encoding.TEXT))
    by_text, by_tokens = Engine(text), Engine(settings)

    written = share(by_text, PEERS[0], 0)

    assert all(not one.tokens for each in written for one in each.completions)
    assert by_text.train(PEERS[0], 0, written).completions == 8
    assert by_tokens.parameters.digest() != by_text.parameters.digest()


@pytest.mark.parametrize("text", ["x " * 100, "", "</answer>" * 65])
def test_text_that_nobody_could_have_sampled_is_left_out(
    settings: EngineSettings, text: str
) -> None:
    """Empty, or longer than the limit in this node's tokens."""
    engine = Engine(replace(settings, swarm=replace(SMALL, encoding=Encoding.TEXT)))
    (first, second) = share(engine, PEERS[1], 0)
    odd = replace(first.completions[0], text=text, ended=False)
    tampered = replace(first, completions=(odd, *first.completions[1:]))

    trained = engine.train(PEERS[0], 0, [tampered, second])

    reasons = [one.deciding.reason for one in trained.found]
    assert (trained.completions, trained.unusable) == (8, 1)
    assert reasons[0] == ("oversized" if text else "empty")
    assert set(reasons[1:4]) == {"incomplete"}, "or one long text of many would be chosen"
    assert not {"incomplete", "oversized", "empty"} & set(reasons[4:])
    assert all(one.weight == 0 for one in trained.found[:4])


@pytest.mark.parametrize("text", ["x " * 100, ""])
def test_text_that_is_no_sample_trains_nobody_under_any_defence(
    settings: EngineSettings, text: str
) -> None:
    swarm = replace(SMALL, encoding=Encoding.TEXT)
    undefended = replace(settings, swarm=swarm, verify=VerifySettings(defence="none"))
    engine = Engine(undefended)
    (first, _) = share(engine, PEERS[1], 0)
    odd = replace(first.completions[0], text=text, ended=False)

    trained = engine.train(PEERS[0], 0, [replace(first, completions=(odd, *first.completions[1:]))])

    assert [one.weight for one in trained.found] == [0.0, 1.0, 1.0, 1.0]


def test_an_evaluation_repeats_and_never_uses_training_prompts(settings: EngineSettings) -> None:
    engine = Engine(settings)

    first, second = engine.evaluate(40), engine.evaluate(40)

    assert replace(first, cpu_s=0) == replace(second, cpu_s=0)
    assert first.prompts == 40
    assert 0 < first.sampled < first.greedy <= 1


def test_numbers_that_contradict_each_other_are_refused_by_name(settings: EngineSettings) -> None:
    with pytest.raises(ConfigFault, match="shares"):
        Engine(replace(settings, swarm=replace(SMALL, shares=3)))


def test_nodes_of_a_text_swarm_agree_about_each_others_completions_and_their_own(
    settings: EngineSettings,
) -> None:
    """Of one text one thing is said, whoever wrote it and whoever asks."""
    text = replace(settings, swarm=replace(SMALL, encoding=Encoding.TEXT))
    one, other = Engine(text), Engine(text)
    both = [share(one, author, 0) for author in PEERS[:2]]
    ordered = sorted(sum(both, ()), key=lambda each: (each.prompt_index, each.author))
    spoilt = replace(ordered[0].completions[0], text="<think>2 + 3 = 7</think> <answer>7</answer>")
    ordered[0] = replace(ordered[0], completions=(spoilt, *ordered[0].completions[1:]))

    trained = [engine.train(me, 0, ordered) for engine, me in ((one, PEERS[0]), (other, PEERS[1]))]

    one_said, other_said = (
        [(found.author, found.prompt_index, found.index, found.verdicts) for found in each.findings]
        for each in trained
    )
    assert one_said == other_said != []


def test_the_judge_is_asked_about_strangers_and_about_nobody_else(
    settings: EngineSettings,
) -> None:
    """Here all is honest: what matters is who was asked, not what it says of them."""
    judged = Engine(replace(settings, judge=JudgeSettings(backend="builtin")))
    known, unknown = (share(judged, author, 0) for author in PEERS[:2])
    strangers = [replace(one, policy_digest=b"\7" * 32) for one in unknown]

    found = judged.train(PEERS[0], 0, [*known, *strangers]).findings

    assert {one.author for one in found if one.stage == "judge"} <= {str(PEERS[1])}
    ((asked,),) = judged._verifier._pipeline._steps[-1:]
    assert asked.name == "judge"
    assert asked._stage._remembered  # type: ignore[attr-defined]  # it was asked at all


def test_what_the_weights_cannot_read_trains_nobody_and_is_blamed_on_nobody(
    settings: EngineSettings,
) -> None:
    """In short numbers a text may overflow them; a step on it would come to nought for all."""
    engine = Engine(settings)
    honest = [one for author in PEERS[:2] for one in share(engine, author, 0)]
    said = {token for one in honest for each in one.completions for token in each.tokens}
    asked = {token for one in honest for token in engine._prompt(one.prompt_index)}
    odd = next(token for token in range(engine.policy.vocabulary_size) if token not in said | asked)
    embedding = engine.policy.model.get_input_embeddings()
    assert isinstance(embedding, torch.nn.Embedding)
    # Apart from the output layer, with which it is shared, so that only who says it is unreadable.
    embedding.weight = torch.nn.Parameter(embedding.weight.detach().clone())
    embedding.weight.data[odd] = torch.inf
    text = Completion(tokens=(odd,) * 7 + (engine.policy.eos_token,), ended=True)
    spoilt = replace(honest[0], completions=(text, *honest[0].completions[1:]))

    trained = engine.train(PEERS[0], 0, [spoilt, *honest[1:]])

    (found, *_) = trained.found
    assert (found.deciding.outcome, found.deciding.reason) == ("undecided", "unread_tokens")
    assert found.weight == 0.0
    assert trained.step.steps_skipped == 0
    assert trained.step.optimiser_steps > 0
