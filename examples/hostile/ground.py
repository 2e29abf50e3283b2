"""The swarm that is attacked: its numbers, its keys, and honest contributions to break.

Small numbers, a round a second: what matters is the wire, not what travels on it.
"""

import time
from dataclasses import replace
from random import Random
from typing import Any

from protocol.beacon import HashChain
from protocol.contribution import Completion, Contribution
from protocol.envelope import Part, open_part, seal
from protocol.identity import Keypair
from protocol.parameters import Parameters
from protocol.schedule import Schedule
from protocol.topics import address_topic, contribution_topic

PARAMETERS = Parameters(
    swarm="hostile",
    test_swarm=True,
    task="builtin:arith",
    task_digest="a" * 64,
    task_prompts=100_000,
    model_family="b" * 64,
    tokenizer="c" * 64,
    vocabulary_size=512,
    eos_token=1,
    prompts_per_round=16,
    completions_per_prompt=8,
    shares=2,
    completion_tokens_max=64,
)
TOPIC = contribution_topic(PARAMETERS)
ADDRESS_TOPIC = address_topic(PARAMETERS)
ROUND_S = 1.0
SCHEDULE = Schedule(PARAMETERS, HashChain(PARAMETERS.digest()))


def keypair(name: str) -> Keypair:
    """Return the same key for the same name."""
    return Keypair.from_seed(Random(name).randbytes(32))  # noqa: S311 - keys of a test


def round_at(epoch_ns: int) -> int:
    """Return the round, by a clock that all processes of one machine share."""
    return int((time.monotonic_ns() - epoch_ns) / 1e9 / ROUND_S)


def contribution(author: Keypair, round_index: int, place: int, *, salt: int = 0) -> Contribution:
    """Return an honest answer to the author's prompt at `place` of its share."""
    random = Random(f"{author.peer_id}/{round_index}/{place}/{salt}")  # noqa: S311 - tokens of a test
    ended = Completion(tokens=(*(random.randrange(2, 512) for _ in range(20)), 1), ended=True)
    long = Completion(tokens=tuple(random.randrange(2, 512) for _ in range(64)), ended=False)
    return Contribution(
        author=author.peer_id,
        round_index=round_index,
        prompt_index=SCHEDULE.prompts(round_index, author.peer_id)[place],
        policy_digest=bytes(32),
        completions=(ended,) + (long,) * (PARAMETERS.completions_per_author - 1),
    )


def message(author: Keypair, round_index: int, place: int, *, salt: int = 0) -> bytes:
    """Return its one signed message."""
    return seal(contribution(author, round_index, place, salt=salt), author, PARAMETERS)[0]


def changed(data: bytes, author: Keypair, **changes: Any) -> bytes:
    """Return a message with other fields, signed anew: what a dishonest author can make."""
    part: Part = replace(open_part(data, PARAMETERS), **changes)
    return replace(part, signature=author.sign(part.signing_bytes())).to_bytes()
