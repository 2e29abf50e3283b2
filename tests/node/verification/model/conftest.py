"""A policy small enough to follow, which can be verified as a large one is."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from node.policy import CompletionLogits, SamplingParameters, choose, key_tensor, noise_key
from node.verification import Submission
from node.verification.readings import Readings
from protocol.identity import Keypair

VOCABULARY = 12
EOS = 0
SWARM = b"swarm"
SAMPLING = SamplingParameters(temperature=1.0, top_p=0.95, tokens_max=16)
PROMPT = (3, 4)
ALICE, BOB = (str(Keypair.from_seed(bytes([seed] * 32)).peer_id) for seed in (1, 2))

Tokens = tuple[int, ...]


class Bigram:
    """Each token's scores depend on the one before it alone."""

    vocabulary_size = VOCABULARY
    eos_token = EOS

    def __init__(self, seed: int = 0, *, spread: float = 2.0) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.model: nn.Module = nn.Module()
        self.model.table = nn.Parameter(
            spread * torch.randn(VOCABULARY, VOCABULARY, generator=draw)
        )
        self.asked = 0

    @property
    def table(self) -> Tensor:
        table: Tensor = self.model.get_parameter("table").data
        return table

    def digest(self) -> bytes:
        return hashlib.sha256(self.table.view(torch.uint8).numpy().tobytes()).digest()

    def nudge(self, size: float, seed: int = 99) -> None:
        """Change the weights in place, as an optimiser does."""
        draw = torch.Generator().manual_seed(seed)
        self.table.add_(size * torch.randn(VOCABULARY, VOCABULARY, generator=draw))

    def completion_logits(
        self, prompts: Sequence[Tokens], completions: Sequence[Tokens], *, logits_max: int
    ) -> Iterator[CompletionLogits]:
        self.asked += len(prompts)
        count = max(1, logits_max // VOCABULARY)
        places = [
            (row, position, ((prompt[-1], *completion))[position])
            for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True))
            for position in range(len(completion))
        ]
        for start in range(0, len(places), count):
            part = torch.tensor(places[start : start + count])
            yield CompletionLogits(part[:, 0], part[:, 1], self.table[part[:, 2]].clone())

    def write(
        self,
        key: int,
        *,
        start: Tokens = (),
        prompt: Tokens = PROMPT,
        sampling: SamplingParameters = SAMPLING,
    ) -> Tokens:
        """Sample honestly, or go on honestly from a start that may not be."""
        written = list(start)
        keys = key_tensor([key], torch.device("cpu"))
        while len(written) < sampling.tokens_max and written[-1:] != [EOS]:
            logits = self.table[[(prompt[-1], *written)[-1]]]
            position = torch.tensor([len(written)])
            written.append(int(choose(logits, keys, position, sampling)))
        return tuple(written)


def key_of(author: str, round_index: int, prompt_index: int, index: int) -> int:
    """Return the noise key of a place."""
    public_key = {
        str(pair.peer_id): pair.peer_id.public_key
        for pair in (Keypair.from_seed(bytes([seed] * 32)) for seed in (1, 2))
    }[author]
    return noise_key(
        swarm=SWARM,
        round_index=round_index,
        prompt_index=prompt_index,
        author=public_key,
        index=index,
    )


Make = Callable[..., Submission]


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(7)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def policy() -> Bigram:
    return Bigram()


@pytest.fixture
def make_policy() -> Callable[..., Bigram]:
    return Bigram


@pytest.fixture
def sampling() -> SamplingParameters:
    return SAMPLING


@pytest.fixture
def readings(policy: Bigram) -> Readings:
    return Readings(policy, SAMPLING, swarm=SWARM)


@pytest.fixture
def make_readings() -> Callable[..., Readings]:
    def _make(policy: Bigram, **settings: Any) -> Readings:
        return Readings(policy, SAMPLING, swarm=SWARM, **settings)

    return _make


@pytest.fixture
def key() -> Callable[..., int]:
    """Return the key of a place, Alice's first unless told otherwise."""

    def _key(
        author: str = ALICE, *, round_index: int = 0, prompt_index: int = 0, index: int = 0
    ) -> int:
        return key_of(author, round_index, prompt_index, index)

    return _key


@pytest.fixture
def handed_in(submission: Make, policy: Bigram) -> Make:
    """Make a submission; honestly written by the policy of now, unless tokens are given."""

    def _make(author: str = ALICE, **fields: Any) -> Submission:
        place = {name: fields.get(name, 0) for name in ("round_index", "prompt_index", "index")}
        writer = fields.pop("writer", policy)
        tokens = fields.pop("tokens", None)
        if tokens is None:
            tokens = writer.write(key_of(author, **place))
        fields.setdefault("policy_digest", writer.digest())
        return submission(
            author=author,
            tokens=tokens,
            ended=tokens[-1:] == (EOS,),
            prompt_tokens=PROMPT,
            **fields,
        )

    return _make


@pytest.fixture
def authors() -> tuple[str, str]:
    return ALICE, BOB
