"""An adversary in its engine: legal messages, the same by seed, alone or in company."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from node import worker
from node.attacks.adversary import AdversarialEngine, Adversary, engine_of
from node.attacks.catalogue import CATALOGUE, CHANGES, Seam
from node.compute import result_of
from node.engine import Engine
from node.faults import ConfigFault
from node.lab.cell import Cell
from node.lab.experiment import leaf, run_cell
from node.payload import Payload
from node.pipe import pack, read_frame
from node.settings import AdversarySettings, SwarmSettings, plain
from node.tasks.grammar import written
from node.work import EngineSettings
from protocol.admission import Admission
from protocol.envelope import seal
from protocol.identity import Keypair

Stage = Callable[..., Any]
MALLORY, TRUDY = (Keypair.from_seed(bytes([seed]) * 32) for seed in (4, 3))
HAIL = Payload.parse("phrase:All hail to the thief")
TOO_LONG = " ".join(["zephyrs vex bold marzipan jugglers"] * 5)
CONTENT = [one.name for one in CATALOGUE if one.seam is Seam.CONTENT]
ALL = [*CONTENT, *(f"{change.name}+equation" for change in CHANGES)]
SWARMS = {"horizontal": {}, "vertical": {"mode": "vertical"}, "text": {"encoding": "text"}}


@pytest.mark.parametrize("swarm", SWARMS)
@pytest.mark.parametrize("attack", ALL)
def test_what_is_handed_in_is_legal_and_is_admitted(stage: Stage, attack: str, swarm: str) -> None:
    """A message that the gate rejects would teach nobody anything."""
    scene = stage(**SWARMS[swarm])
    parameters = scene.engine.parameters
    admission = Admission(parameters, scene.schedule)

    crafted = scene.crafted(attack, candidates=8)

    for one in crafted:
        assert len(one.completions) == parameters.completions_per_author
        for raw in seal(one, MALLORY, parameters):
            admitted = admission.admit(raw, round_index=0)
        assert admitted.contribution == one
    lengths = [len(tokens) for tokens in scene.tokens(crafted)]
    assert all(0 < length <= parameters.completion_tokens_max for length in lengths)


@pytest.mark.parametrize("attack", ALL)
def test_an_attack_does_the_same_again(stage: Stage, attack: str) -> None:
    scene = stage()

    assert scene.crafted(attack, candidates=8) == scene.crafted(attack, candidates=8)


@pytest.mark.parametrize("attack", ["within-top-k", "digit", "other-identity"])
def test_another_round_or_author_has_other_luck(stage: Stage, attack: str) -> None:
    scene = stage()

    first = scene.texts(scene.crafted(attack, candidates=8))

    assert scene.texts(scene.crafted(attack, candidates=8, round_index=1)) != first
    assert scene.texts(scene.crafted(attack, candidates=8, key=TRUDY)) != first


@pytest.mark.parametrize("attack", CONTENT)
def test_an_attack_leaves_its_own_weights_as_they_are(stage: Stage, attack: str) -> None:
    scene = stage()
    before = scene.engine.policy.digest()

    scene.crafted(attack, candidates=8)

    assert scene.engine.policy.digest() == before


def test_colluding_nodes_hand_in_one_payload(stage: Stage) -> None:
    """Any number of them: each is an attacker by itself, and they need not speak to one another."""
    scene = stage()

    both = [scene.crafted("hail", key=key) for key in (MALLORY, TRUDY)]

    shown = [text for crafted in both for text in scene.texts(crafted)]
    assert all(map(HAIL.is_shown_by, shown))
    assert [one.prompt_index for one in both[0]] == [one.prompt_index for one in both[1]]


@pytest.mark.parametrize("attack", ["hail", "equation", "near-tie", "sleeper+spread+hail"])
def test_a_payload_that_no_completion_has_room_for_is_refused_from_the_first_round_on(
    stage: Stage, attack: str
) -> None:
    """It would leave everything honest, and the swarm would be taken for safe."""
    with pytest.raises(ConfigFault, match=r"fits into no completion.*allows 64") as refused:
        stage().crafted(attack, payload=TOO_LONG)

    assert "shorter payload" in refused.value.fix


def test_the_longest_payload_that_an_answer_has_room_for_is_not_refused(stage: Stage) -> None:
    scene = stage()
    limit = scene.engine.parameters.completion_tokens_max
    fits = {}
    for words in range(1, 90):
        payload = " ".join(["q"] * words)
        barest = written(f"{payload}.", "0")
        fits[payload] = len(scene.engine.policy.encode_completion(barest, ended=True)) <= limit

    assert set(fits.values()) == {True, False}
    for payload, has_room in fits.items():
        if has_room:
            assert scene.bench(payload=payload).payload.text == payload
        else:
            with pytest.raises(ConfigFault, match="fits into no completion"):
                scene.bench(payload=payload)


def test_a_live_attacker_ends_with_what_is_wrong_with_its_payload(tmp_path: Any) -> None:
    """As its model's process tells it; the daemon raises it, which ends the node."""
    adversary = AdversarySettings(attack="hail", payload=TOO_LONG)
    settings = EngineSettings(data_dir=str(tmp_path), adversary=adversary)
    author = MALLORY.peer_id.public_key
    requests = [
        {"call": "open", "settings": plain(settings), "up_to": None},
        {"call": "sample", "author": author, "round_index": 0, "prompts": [3]},
    ]
    told = io.BytesIO()

    worker.serve(io.BytesIO(b"".join(map(pack, requests))), told)

    told.seek(0)
    result_of(read_frame(told) or {})
    with pytest.raises(ConfigFault, match="fits into no completion"):
        result_of(read_frame(told) or {})


def test_a_cell_of_the_laboratory_fails_with_what_is_wrong_with_its_payload() -> None:
    cell = Cell(rounds=1, nodes=2, attack="hail", payload=TOO_LONG)

    with pytest.raises(ExceptionGroup) as failed:
        run_cell(cell, io.StringIO(), {}, lambda _: None)

    assert isinstance(leaf(failed.value), ConfigFault)
    assert "fits into no completion" in str(leaf(failed.value))


def test_an_engine_attacks_where_its_settings_say_so(tmp_path: Any) -> None:
    swarm = SwarmSettings(prompts_per_round=4, completions_per_prompt=4, shares=2)
    honest = EngineSettings(data_dir=str(tmp_path), swarm=swarm)
    attacking = EngineSettings(
        data_dir=str(tmp_path), swarm=swarm, adversary=AdversarySettings(attack="hail")
    )

    made = engine_of(attacking)

    assert isinstance(made, AdversarialEngine)
    assert type(engine_of(honest)) is Engine
    (one, *_) = made.sample(MALLORY.peer_id, 0, (3, 5)).contributions
    assert HAIL.is_shown_by(made.policy.decode(one.completions[0].tokens))


def test_an_attack_on_the_wire_leaves_the_content_honest(stage: Stage) -> None:
    scene = stage()

    assert scene.by(Adversary(AdversarySettings(attack="flood"))) == scene.honest()
