"""The committed bytes still are what this code makes and admits."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from protocol.admission import Admission
from protocol.beacon import HashChain
from protocol.envelope import open_envelope
from protocol.errors import Refused
from protocol.exchange import name_of, open_answer, open_question
from protocol.hashing import digest
from protocol.identity import Keypair, PeerId, verify
from protocol.parameters import Parameters
from protocol.schedule import Schedule

VECTORS = Path(__file__).parent.parent / "vectors"
NAMES = [
    "identities.json",
    "puzzles.json",
    "swarms.json",
    "schedules.json",
    "envelopes.json",
    "refusals.json",
    "evidence.json",
    "exchanges.json",
]


def load(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))
    return cases


def parameters_of(name: str) -> Parameters:
    return next(
        Parameters(**case["parameters"]) for case in load("swarms.json") if case["name"] == name
    )


def bytes_of(message: str | dict[str, Any]) -> bytes:
    if isinstance(message, str):
        return bytes.fromhex(message)
    return bytes.fromhex(message["hex"]) + bytes(message["then_zeros"])


def test_every_file_is_known_and_is_made_from_the_code_as_it_is() -> None:
    made = runpy.run_path(str(VECTORS / "make.py"))["vectors"]()

    assert list(made) == NAMES
    for name, cases in made.items():
        assert json.loads(json.dumps(cases)) == load(name), name


@pytest.mark.parametrize("case", load("exchanges.json"), ids=["open", "closed"])
def test_exchanges(case: dict[str, Any]) -> None:
    parameters = parameters_of(case["swarm"])
    question = open_question(bytes.fromhex(case["question"]), parameters.digest())
    answer = open_answer(
        bytes.fromhex(case["answer"]), question, message_bytes_max=parameters.message_bytes_max
    )
    held = [bytes.fromhex(raw) for raw in case["held_by_the_neighbour"]]
    frozen = case["closed_with"]

    assert question.round_index == case["round"]
    assert [raw.hex() for raw in held if name_of(raw) in question.names] == case[
        "held_by_the_asker"
    ]
    assert [raw.hex() for raw in answer.messages] == case["held_by_the_neighbour"][1:]
    assert frozen == (None if answer.frozen is None else [one.hex() for one in answer.frozen])


@pytest.mark.parametrize("case", load("identities.json"), ids=lambda case: case["peer_id"][-8:])
def test_identities(case: dict[str, str]) -> None:
    peer_id = PeerId.parse(case["peer_id"])

    assert peer_id == Keypair.from_seed(bytes.fromhex(case["seed"])).peer_id
    assert peer_id.to_bytes().hex() == case["peer_id_bytes"]
    assert verify(peer_id, bytes.fromhex(case["message"]), bytes.fromhex(case["signature"]))


@pytest.mark.parametrize("case", load("puzzles.json"), ids=lambda case: str(case["zero_bits"]))
def test_puzzles(case: dict[str, Any]) -> None:
    hashed = digest("drl/join/1", case["swarm"].encode(), bytes.fromhex(case["public_key"]))

    bits = "".join(f"{byte:08b}" for byte in hashed)
    assert len(bits) - len(bits.lstrip("0")) == case["zero_bits"]


@pytest.mark.parametrize("case", load("envelopes.json"), ids=lambda case: case["swarm"])
def test_envelopes_are_admitted(case: dict[str, Any]) -> None:
    parameters = parameters_of(case["swarm"])
    admission = Admission(parameters, Schedule(parameters, HashChain(parameters.digest())))
    messages = [bytes.fromhex(message) for message in case["messages"]]

    admitted = [admission.admit(message, round_index=0) for message in messages]

    assert admitted[-1].contribution == open_envelope(messages, parameters)
    assert admitted[-1].contribution is not None
    assert admitted[-1].contribution.digest().hex() == case["digest"]


def test_some_envelope_comes_in_parts() -> None:
    assert {len(case["messages"]) for case in load("envelopes.json")} == {1, 2}


@pytest.mark.parametrize("case", load("refusals.json"), ids=lambda case: case["name"])
def test_refusals(case: dict[str, Any]) -> None:
    parameters = parameters_of(case["swarm"])
    admission = Admission(parameters, Schedule(parameters, HashChain(parameters.digest())))
    raised: Refused | None = None

    for message in case["messages"]:
        try:
            admission.admit(bytes_of(message), round_index=case["current_round"])
        except Refused as refused:
            raised = refused

    assert raised is not None
    assert (raised.reason, raised.rejects) == (case["reason"], case["verdict"] == "REJECT")


@pytest.mark.parametrize("case", load("evidence.json"), ids=lambda case: case["swarm"])
def test_evidence(case: dict[str, Any]) -> None:
    """It follows from the messages, and convicts by itself."""
    parameters = parameters_of(case["swarm"])
    schedule = Schedule(parameters, HashChain(parameters.digest()))
    first, second = map(bytes.fromhex, case["messages"])
    witness, stranger = (Admission(parameters, schedule) for _ in range(2))
    witness.admit(first, round_index=0)

    with pytest.raises(Refused) as refused:
        witness.admit(second, round_index=0)

    assert refused.value.evidence == bytes.fromhex(case["evidence"])
    convicted = stranger.convict(bytes.fromhex(case["evidence"]), round_index=0)
    assert str(convicted) == case["author"]
