"""Write the golden vectors beside this file: `python tests/vectors/make.py`.

Run it only when the wire is meant to change, together with `VERSION`: the files are what
another implementation is held to. Everything in them is derived from the seeds below.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from protocol.admission import Admission
from protocol.beacon import HashChain
from protocol.contribution import Completion, Contribution
from protocol.envelope import Part, open_part, seal
from protocol.errors import Refused
from protocol.evidence import Evidence
from protocol.exchange import Question, answer_to
from protocol.identity import Keypair
from protocol.parameters import Parameters
from protocol.puzzle import zero_bits
from protocol.schedule import Schedule
from protocol.topics import address_topic, contribution_topic, question_protocol

HERE = Path(__file__).parent
SEEDS = tuple(bytes([number]) * 32 for number in (1, 2, 3))
POLICY_DIGEST = bytes(range(32))

TOKENS = Parameters(
    swarm="vectors",
    test_swarm=True,
    task="builtin:arith",
    task_digest="a" * 64,
    task_prompts=1000,
    model_family="b" * 64,
    tokenizer="c" * 64,
    vocabulary_size=512,
    eos_token=1,
    prompts_per_round=4,
    completions_per_prompt=2,
    shares=2,
    completion_tokens_max=4,
)
SWARMS = {
    "tokens": TOKENS,
    "horizontal": replace(TOKENS, mode="horizontal"),
    "free": replace(TOKENS, prompt_choice="free"),
    # A name for which the first two seeds' keys happen to solve the puzzle, not the third's.
    "join puzzle": replace(TOKENS, swarm="vectors-241", join_bits=4),
    "text in parts": replace(TOKENS, encoding="text", message_bytes_max=1024, text_bytes_max=900),
}


def identities() -> list[dict[str, Any]]:
    """Seeds, the keys and peer ids they give, and a signature."""
    keypairs = [Keypair.from_seed(seed) for seed in SEEDS]
    return [
        {
            "seed": keypair.seed.hex(),
            "public_key": keypair.peer_id.public_key.hex(),
            "peer_id_bytes": keypair.peer_id.to_bytes().hex(),
            "peer_id": str(keypair.peer_id),
            "message": b"drl".hex(),
            "signature": keypair.sign(b"drl").hex(),
        }
        for keypair in keypairs
    ]


def puzzles() -> list[dict[str, Any]]:
    """Keys, and how many bits of a swarm's puzzle they solve."""
    return [
        {
            "swarm": parameters.swarm,
            "public_key": Keypair.from_seed(seed).peer_id.public_key.hex(),
            "zero_bits": zero_bits(parameters.swarm, Keypair.from_seed(seed).peer_id),
        }
        for parameters in (TOKENS, SWARMS["join puzzle"])
        for seed in SEEDS
    ]


def swarms() -> list[dict[str, Any]]:
    """Parameters with what follows from them alone."""
    return [
        {
            "name": name,
            "parameters": asdict(parameters),
            "digest": parameters.digest().hex(),
            "contribution_topic": contribution_topic(parameters),
            "address_topic": address_topic(parameters),
            "question_protocol": question_protocol(parameters),
            "prompts_per_author": parameters.prompts_per_author,
            "completions_per_author": parameters.completions_per_author,
            "payload_bytes_max": parameters.payload_bytes_max,
            "chunk_bytes": parameters.chunk_bytes,
            "parts_max": parameters.parts_max,
        }
        for name, parameters in SWARMS.items()
    ]


def schedules() -> list[dict[str, Any]]:
    """Beacon values and shares, by swarm, round and author."""
    cases = []
    for name, parameters in SWARMS.items():
        chain = HashChain(parameters.digest())
        schedule = Schedule(parameters, chain)
        cases.extend(
            {
                "swarm": name,
                "round": round_index,
                "beacon": chain.value(round_index).hex(),
                "author_seed": seed.hex(),
                "prompts": list(schedule.prompts(round_index, Keypair.from_seed(seed).peer_id)),
            }
            for round_index in (0, 1, 1000)
            for seed in SEEDS[:2]
        )
    return cases


def contribution(name: str, seed: bytes = SEEDS[0], round_index: int = 0) -> Contribution:
    """The honest contribution of a swarm that the vectors are made from."""
    parameters = SWARMS[name]
    author = Keypair.from_seed(seed).peer_id
    prompts = Schedule(parameters, HashChain(parameters.digest())).prompts(round_index, author)
    if parameters.encoding == "text":
        first = Completion(text="<think>2+2=4</think> <answer>4</answer> é", ended=True)
        rest = Completion(text="word " * 170, ended=False)
    else:
        first = Completion(tokens=(7, 300, 1), ended=True)
        rest = Completion(tokens=(511, 0, 128, 127), ended=False)
    completions = (first, rest, rest)[: parameters.completions_per_author]
    return Contribution(
        author=author,
        round_index=round_index,
        prompt_index=prompts[0],
        policy_digest=POLICY_DIGEST,
        completions=completions,
    )


def envelopes() -> list[dict[str, Any]]:
    """Honest contributions with every byte string on their way to the wire."""
    cases = []
    for name, parameters in SWARMS.items():
        one = contribution(name)
        messages = seal(one, Keypair.from_seed(SEEDS[0]), parameters)
        cases.append(
            {
                "swarm": name,
                "author_seed": SEEDS[0].hex(),
                "round": one.round_index,
                "prompt": one.prompt_index,
                "policy_digest": one.policy_digest.hex(),
                "completions": [asdict(completion) for completion in one.completions],
                "payload": one.payload().hex(),
                "digest": one.digest().hex(),
                "signing_bytes": [
                    open_part(message, parameters).signing_bytes().hex() for message in messages
                ],
                "messages": [message.hex() for message in messages],
            }
        )
    return cases


def _signed(part: Part, **changes: Any) -> bytes:
    changed = replace(part, **changes)
    signature = Keypair.from_seed(SEEDS[0]).sign(changed.signing_bytes())
    return replace(changed, signature=signature).to_bytes()


def _with_payload(part: Part, one: Contribution) -> bytes:
    return _signed(part, payload=one.payload(), digest=one.digest())


def _single_refusals() -> Iterable[tuple[str, list[bytes], int]]:
    """Name, messages of the swarm "tokens" in order, and the current round."""
    one = contribution("tokens")
    good = seal(one, Keypair.from_seed(SEEDS[0]), TOKENS)[0]
    part = open_part(good, TOKENS)
    first, rest = one.completions
    yield "empty", [b""], 0
    yield "too large", [good + bytes(48 * 1024)], 0
    yield "another version", [good[:1] + b"\x02" + good[2:]], 0
    yield "another swarm", [_signed(part, swarm=bytes(32))], 0
    yield "cut short", [good[:-1]], 0
    yield "trailing byte", [good + b"\x00"], 0
    yield "round as a boolean", [good[:70] + b"\xc2" + good[71:]], 0
    yield "round in two bytes", [good[:70] + b"\xcc\x00" + good[71:]], 0
    yield "array in three bytes", [b"\xdc\x00\x0a" + good[1:]], 0
    yield "part 1 of 1", [_signed(part, part_index=1)], 0
    yield "two parts where one is full", [_signed(part, part_count=2)], 0
    yield "round long over", [good], 3
    yield "twice the same bytes", [good, good], 0
    yield "round ahead", [_signed(part, round_index=3)], 0
    yield "round ahead, known", [_signed(part, round_index=9), _signed(part, round_index=4)], 0
    yield "prompt of nobody", [_signed(part, prompt_index=1000)], 0
    yield "signature of other bytes", [replace(part, signature=bytes(64)).to_bytes()], 0
    other = _with_payload(part, replace(one, policy_digest=bytes(32)))
    yield "another answer", [good, other], 0
    later = seal(contribution("tokens", round_index=1), Keypair.from_seed(SEEDS[0]), TOKENS)[0]
    yield "after another answer", [good, other, later], 0
    yield "another digest", [_signed(part, digest=bytes(32))], 0
    yield "one completion", [_with_payload(part, replace(one, completions=(first,)))], 0
    outside = replace(first, tokens=(512, 1))
    yield "token 512", [_with_payload(part, replace(one, completions=(outside, rest)))], 0
    early = replace(first, tokens=(1, 7, 1))
    yield "EOS inside", [_with_payload(part, replace(one, completions=(early, rest)))], 0
    cut = replace(rest, tokens=(7, 8, 9))
    yield "cut early", [_with_payload(part, replace(one, completions=(first, cut)))], 0
    text = Completion(text="x", ended=True)
    yield "text among tokens", [_with_payload(part, replace(one, completions=(text, text)))], 0


def evidence() -> list[dict[str, Any]]:
    """Two messages, and the evidence that they make."""
    one = contribution("tokens")
    first = open_part(seal(one, Keypair.from_seed(SEEDS[0]), TOKENS)[0], TOKENS)
    second = open_part(_with_payload(first, replace(one, policy_digest=bytes(32))), TOKENS)
    made = Evidence.of(second, first.statement())
    return [
        {
            "swarm": "tokens",
            "messages": [first.to_bytes().hex(), second.to_bytes().hex()],
            "author": str(made.author),
            "evidence": made.to_bytes().hex(),
        }
    ]


def exchanges() -> list[dict[str, Any]]:
    """A question of who holds one of two messages, answered while a round is open and after."""
    keypairs = [Keypair.from_seed(seed) for seed in SEEDS[:2]]
    held = [
        raw
        for seed, keypair in zip(SEEDS, keypairs, strict=False)
        for raw in seal(contribution("tokens", seed), keypair, TOKENS)
    ]
    question = Question.about(TOKENS.digest(), 0, held[:1])
    digests = sorted(open_part(raw, TOKENS).digest for raw in held)
    return [
        {
            "swarm": "tokens",
            "round": 0,
            "held_by_the_asker": [held[0].hex()],
            "held_by_the_neighbour": [raw.hex() for raw in held],
            "closed_with": None if frozen is None else [digest.hex() for digest in frozen],
            "question": question.to_bytes().hex(),
            "answer": answer_to(question, held, frozen).to_bytes().hex(),
        }
        for frozen in (None, digests)
    ]


def refusals() -> list[dict[str, Any]]:
    """Messages admitted in order, all but the last, whose reason is given."""
    cases = []
    for name, messages, round_index in _single_refusals():
        admission = Admission(TOKENS, Schedule(TOKENS, HashChain(TOKENS.digest())))
        for message in messages[:-1]:
            try:
                admission.admit(message, round_index=round_index)
            except Refused as refused:
                if refused.author is None:
                    raise
        try:
            admission.admit(messages[-1], round_index=round_index)
        except Refused as refused:
            verdict, reason = ("REJECT" if refused.rejects else "IGNORE"), str(refused.reason)
        else:
            verdict, reason = "ADMIT", ""
        cases.append(
            {
                "name": name,
                "swarm": "tokens",
                "current_round": round_index,
                # The longest is a valid message and zeros: written as such to keep the file small.
                "messages": [_shortened(message) for message in messages],
                "verdict": verdict,
                "reason": reason,
            }
        )
    return cases


def _shortened(message: bytes) -> str | dict[str, Any]:
    bare = message.rstrip(b"\x00")
    zeros = len(message) - len(bare)
    return {"hex": bare.hex(), "then_zeros": zeros} if zeros > 1000 else message.hex()


def vectors() -> dict[str, list[dict[str, Any]]]:
    """Every file's name and contents."""
    return {
        "identities.json": identities(),
        "puzzles.json": puzzles(),
        "swarms.json": swarms(),
        "schedules.json": schedules(),
        "envelopes.json": envelopes(),
        "refusals.json": refusals(),
        "evidence.json": evidence(),
        "exchanges.json": exchanges(),
    }


def main() -> None:
    """Write the files."""
    for name, cases in vectors().items():
        (HERE / name).write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
