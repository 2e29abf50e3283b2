from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from node.rollout import Group, Rollout

VOCABULARY = 12

MakeGroups = Callable[..., list[Group]]


class Bigram:
    """A policy small enough to follow: each token's odds depend on the one before it alone."""

    def __init__(self, seed: int = 0) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.model = nn.Module()
        self.model.table = nn.Parameter(torch.randn(VOCABULARY, VOCABULARY, generator=draw))
        self.model.idle = nn.Parameter(torch.ones(2), requires_grad=False)
        self.model.register_buffer("scale", torch.ones(()))
        self.asked: list[tuple[int, bool]] = []

    def logprobs(
        self,
        prompts: Sequence[tuple[int, ...]],
        completions: Sequence[tuple[int, ...]],
        *,
        temperature: float = 1.0,
    ) -> Tensor:
        self.asked.append((len(completions), torch.is_grad_enabled()))
        width = max(len(completion) for completion in completions)
        rows = []
        for prompt, completion in zip(prompts, completions, strict=True):
            before = torch.tensor([prompt[-1], *completion[:-1]])
            logits = self.model.table[before] * self.model.scale / temperature
            picked = logits.log_softmax(-1)[torch.arange(len(completion)), list(completion)]
            rows.append(torch.cat([picked, picked.new_zeros(width - len(completion))]))
        return torch.stack(rows)


@pytest.fixture
def make_bigram() -> Callable[..., Bigram]:
    return Bigram


def random_group(prompt_index: int, size: int, draw: torch.Generator) -> Group:
    def below(limit: int) -> int:
        return int(torch.randint(limit, (), generator=draw))

    prompt = tuple(below(VOCABULARY) for _ in range(3))
    return Group(
        prompt_index,
        tuple(
            Rollout(
                prompt_tokens=prompt,
                completion_tokens=tuple(below(VOCABULARY) for _ in range(1 + below(6))),
                ended=below(4) > 0,
                reward=below(3) / 2,
                author="author",
                index=index,
            )
            for index in range(size)
        ),
    )


@pytest.fixture
def make_groups() -> MakeGroups:
    """Random groups of completions of one to six tokens, a quarter of them cut off."""

    def make(seed: int = 0, *, count: int = 6, size: int = 4) -> list[Group]:
        draw = torch.Generator().manual_seed(seed)
        return [random_group(index, size, draw) for index in range(count)]

    return make
