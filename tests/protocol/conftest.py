"""A small swarm to try the protocol's rules on: four prompts a round, two shares."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pytest

from protocol.admission import Admission
from protocol.beacon import HashChain
from protocol.contribution import Completion, Contribution
from protocol.envelope import Part, open_part, seal
from protocol.identity import Keypair
from protocol.parameters import Encoding, Parameters
from protocol.schedule import Schedule

EOS = 1
SMALL = Parameters(
    swarm="small",
    task="builtin:arith",
    task_digest="a" * 64,
    task_prompts=1000,
    model_family="b" * 64,
    tokenizer="c" * 64,
    vocabulary_size=512,
    eos_token=EOS,
    prompts_per_round=4,
    completions_per_prompt=2,
    shares=2,
    completion_tokens_max=6,
)


@dataclass(frozen=True)
class SmallSwarm:
    """Parameters, keys by number, and honest contributions to break."""

    parameters: Parameters
    filler: str = "é"

    def with_(self, **changes: Any) -> "SmallSwarm":
        return replace(self, parameters=replace(self.parameters, **changes))

    @cached_property
    def schedule(self) -> Schedule:
        return Schedule(self.parameters, HashChain(self.parameters.digest()))

    def admission(self, **limits: int) -> Admission:
        return Admission(self.parameters, self.schedule, **limits)

    def keypair(self, number: int = 0) -> Keypair:
        return Keypair.from_seed(number.to_bytes(32, "big"))

    def completions(self, salt: int = 0) -> tuple[Completion, ...]:
        """One that is closed by EOS, then those that fill the limit."""
        most = self.parameters.completion_tokens_max
        if self.parameters.encoding is Encoding.TEXT:
            first = Completion(text=f"{self.filler}{salt}", ended=True)
            rest = Completion(text=self.filler, ended=False)
        else:
            first = Completion(tokens=(2 + salt % 256, 3, EOS), ended=True)
            rest = Completion(tokens=(300,) * most, ended=False)
        return (first, *[rest] * (self.parameters.completions_per_author - 1))

    def contribution(
        self, number: int = 0, round_index: int = 0, place: int = 0, *, salt: int = 0
    ) -> Contribution:
        """The honest answer of author `number` to its prompt at `place` of its share."""
        author = self.keypair(number).peer_id
        return Contribution(
            author=author,
            round_index=round_index,
            prompt_index=self.schedule.prompts(round_index, author)[place],
            policy_digest=bytes(range(32)),
            completions=self.completions(salt),
        )

    def messages(
        self, number: int = 0, round_index: int = 0, place: int = 0, *, salt: int = 0
    ) -> tuple[bytes, ...]:
        contribution = self.contribution(number, round_index, place, salt=salt)
        return seal(contribution, self.keypair(number), self.parameters)

    def resealed(self, message: bytes, number: int = 0, **changes: Any) -> bytes:
        """The same message with changed fields, signed anew: what a dishonest author can make."""
        part = replace(open_part(message, self.parameters), **changes)
        return self.signed(part, number).to_bytes()

    def signed(self, part: Part, number: int = 0) -> Part:
        return replace(part, signature=self.keypair(number).sign(part.signing_bytes()))


@pytest.fixture
def swarm() -> SmallSwarm:
    return SmallSwarm(SMALL)


@pytest.fixture
def text_swarm() -> SmallSwarm:
    return SmallSwarm(replace(SMALL, encoding=Encoding.TEXT, text_bytes_max=100))


@pytest.fixture
def parts_swarm() -> SmallSwarm:
    """Contributions of some 1850 bytes, and messages of 1024 at most: three parts each."""
    parameters = replace(SMALL, encoding=Encoding.TEXT, message_bytes_max=1024, text_bytes_max=1000)
    return SmallSwarm(parameters, filler="é" * 450)


@pytest.fixture
def make_parameters() -> Callable[..., Parameters]:
    return lambda **changes: replace(SMALL, **changes)
