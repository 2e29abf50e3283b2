"""Completions that are forced somewhere and honest from there on.

Whoever verifies by replay sees the first token that its noise does not choose. So the strongest
attackers change as little as they can, and let the model go on with the noise of their place.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from node.attacks.attack import Tokens, Workbench
from node.policy import SampleRequest, candidates, gumbel, key_tensor

_STEP = 0x9E3779B97F4A7C15
"""By which the state of SplitMix64 moves from one position's noise to the next's."""
_MODULUS = 1 << 64


class Start(NamedTuple):
    """The beginning of a completion.

    Args:
        prompt_index: What it answers.
        key: The noise that it is, or should be, written with.
        tokens: What stands already; no EOS among them.
    """

    prompt_index: int
    key: int
    tokens: Tokens


def gone_on(bench: Workbench, starts: Sequence[Start]) -> list[Tokens]:
    """Return whole completions: each start, and what the model writes behind it.

    The noise of position p under a key is that of position 0 under the key p steps later.
    """
    requests = [
        SampleRequest(
            prompt_tokens=bench.prompt_tokens(start.prompt_index) + start.tokens,
            key=(start.key + len(start.tokens) * _STEP) % _MODULUS,
        )
        for start in starts
    ]
    limit = bench.parameters.completion_tokens_max
    rests = bench.write(requests)
    return [(*start.tokens, *rest)[:limit] for start, rest in zip(starts, rests, strict=True)]


class Scores(NamedTuple):
    """What the model says of the tokens of one completion; T of them, V the vocabulary.

    Args:
        logits: (T, V) float32, over the temperature.
        claimed: (T,) int64, the tokens.
    """

    logits: Tensor
    claimed: Tensor

    def ranks(self) -> list[int]:
        """Return how many tokens are likelier than each."""
        return (self.logits > self._own()).sum(-1).tolist()

    def mass_above(self) -> list[float]:
        """Return how likely all likelier tokens are together."""
        likelier = self.logits > self._own()
        return (self.logits.softmax(-1) * likelier).sum(-1).tolist()

    def _own(self) -> Tensor:
        return self.logits.gather(-1, self.claimed[:, None])


@torch.inference_mode()
def scores(
    bench: Workbench, prompt_indices: Sequence[int], completions: Sequence[Tokens]
) -> list[Scores]:
    """Return what the model's weights of now say of completions."""
    if not completions:
        return []
    count = bench.policy.vocabulary_size
    tables = [torch.empty(len(one), count) for one in completions]
    prompts = [bench.prompt_tokens(index) for index in prompt_indices]
    for part in bench.policy.completion_logits(prompts, completions):
        logits = part.logits.cpu() / bench.sampling.temperature
        for row in set(part.rows.tolist()):
            here = (part.rows == row).cpu()
            tables[row][part.positions.cpu()[here]] = logits[here]
    return [
        Scores(table, torch.tensor(one)) for table, one in zip(tables, completions, strict=True)
    ]


def lost_by(bench: Workbench, read: Scores, key: int, wanted: int) -> list[float]:
    """Return by how much a token loses to what the noise chooses, at each position (0: it wins).

    Infinite where the filter of sampling leaves it out.
    """
    at_one = dataclasses.replace(bench.sampling, temperature=1.0)
    lost = torch.full((len(read.claimed),), torch.inf)
    positions = torch.arange(len(read.claimed))
    keys = key_tensor([key], positions.device).expand_as(positions)
    for rows, tokens, kept in candidates(read.logits, at_one):
        totals = kept + gumbel(keys[rows], positions[rows], tokens)
        own = totals.masked_fill(tokens != wanted, -torch.inf).amax(-1)
        lost[rows] = totals.amax(-1) - own
    return lost.tolist()
