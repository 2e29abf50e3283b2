"""Reading finished completions: the hidden state that each of their tokens was chosen from.

One pass over prompts and completions, for training and for judging. It knows no rewards and no
probabilities. Rows are padded on the right: under causal attention nothing that counts ever
sees the padding, so no mask is needed for it.

Shapes: B completions, T tokens of the longest, N their tokens in all, H hidden size.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from node.policy.padding import right_padded
from node.policy.transformer import Transformer, repeated_heads

Tokens = tuple[int, ...]

_BUCKET_TOKENS_MIN = 256
"""Below this many tokens a pass costs more in calls than in padding."""

_BUCKET_TOKENS_MAX = 1 << 15
"""Above this many, padding included, a pass only costs memory."""

_PAIRS_MAX = 1 << 22
"""The same of pairs of tokens of which one is asked about the other: long texts, fewer at once."""

_PADDING_MAX = 0.2
"""The share of padding at which a bucket of like lengths ends."""


class Read(NamedTuple):
    """Some completions' tokens, each with what it was chosen from.

    Args:
        rows: (n,) int64, which completion.
        positions: (n,) int64, 0-based, which token of it.
        hidden: (n, H), the last hidden state before that token.
    """

    rows: Tensor
    positions: Tensor
    hidden: Tensor


def read_behind_prompts(
    transformer: Transformer, prompts: Sequence[Tokens], completions: Sequence[Tokens]
) -> Iterator[Read]:
    """Yield the reading of completions, in buckets of like length, by the Llama family.

    Each distinct prompt is read once, and all its completions attend to that one reading:
    in a group of eight, this about halves the work. Gradients flow through both.

    Args:
        transformer: The weights.
        prompts: B prompts, none empty; equal ones are recognised.
        completions: B completions, none empty.
    """
    device = transformer.embedding.device
    distinct = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompts))}
    tokens, lengths = right_padded(tuple(distinct), device)
    hidden, past = transformer.prefill(tokens)
    last = hidden[torch.arange(len(distinct), device=device), lengths - 1]
    place_of_row = torch.tensor([distinct[prompt] for prompt in prompts], device=device)
    longest = max(map(len, prompts), default=0)
    for bucket in buckets([len(completion) for completion in completions], behind=longest):
        rows = torch.tensor(bucket, device=device)
        places = place_of_row[rows]
        written, counts = right_padded([completions[row] for row in bucket], device)
        behind = _Behind(past, places, lengths[places], written.shape[1] - 1)
        before_first = last.index_select(0, places)[:, None]
        states = before_first
        if written.shape[1] > 1:
            after = transformer.hidden(written[:, :-1], behind.positions, behind.attend)
            states = torch.cat((before_first, after), 1)
        yield _picked(rows, counts, states, torch.zeros_like(counts))


class _Behind:
    """Attention of completions to the shared reading of their prompts, and to themselves."""

    def __init__(
        self, past: list[tuple[Tensor, Tensor]], places: Tensor, lengths: Tensor, count: int
    ) -> None:
        longest = int(lengths.max())
        steps = torch.arange(count, device=places.device)
        self._past = [(keys[:, :, :longest], values[:, :, :longest]) for keys, values in past]
        self._places = places
        self.positions = lengths[:, None] + steps
        sees_prompt = torch.arange(longest, device=places.device) < lengths[:, None]
        sees_own = steps <= steps[:, None]
        self._sees = torch.cat(
            (
                sees_prompt[:, None].expand(-1, count, -1),
                sees_own.expand(len(places), -1, -1),
            ),
            -1,
        )[:, None]

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return what the completions' queries read (see `transformer.Attend`)."""
        prompt_keys, prompt_values = self._past[layer]
        all_keys = torch.cat((prompt_keys.index_select(0, self._places), keys), 2)
        all_values = torch.cat((prompt_values.index_select(0, self._places), values), 2)
        return functional.scaled_dot_product_attention(
            queries,
            repeated_heads(all_keys, queries),
            repeated_heads(all_values, queries),
            attn_mask=self._sees,
        )


def read_whole(
    model: nn.Module, prompts: Sequence[Tokens], completions: Sequence[Tokens]
) -> Iterator[Read]:
    """Yield the reading of completions by a Hugging Face model's own forward.

    Args:
        model: Any causal language model.
        prompts: B prompts, none empty.
        completions: B completions, none empty.
    """
    decoder: Any = model.base_model
    device = next(decoder.parameters()).device
    texts = [(*p, *c[:-1]) for p, c in zip(prompts, completions, strict=True)]
    for bucket in buckets([len(text) for text in texts]):
        tokens, _ = right_padded([texts[row] for row in bucket], device)
        states = decoder(input_ids=tokens, use_cache=False).last_hidden_state
        counts = torch.tensor([len(completions[row]) for row in bucket], device=device)
        first = torch.tensor([len(prompts[row]) - 1 for row in bucket], device=device)
        yield _picked(torch.tensor(bucket, device=device), counts, states, first)


def _picked(rows: Tensor, counts: Tensor, states: Tensor, first: Tensor) -> Read:
    """Pick `counts` states from `first` on in each row of `states` (rows, T, H)."""
    steps = torch.arange(states.shape[1], device=states.device)
    places, positions = (steps < counts[:, None]).nonzero(as_tuple=True)
    flat = places * states.shape[1] + first[places] + positions
    return Read(rows[places], positions, states.flatten(0, 1).index_select(0, flat))


def buckets(lengths: Sequence[int], *, behind: int = 0) -> list[list[int]]:
    """Return the indices of all rows, in groups of like length, longest first.

    A group ends where padding would pass its bound, or the group its largest size.

    Args:
        lengths: Of the rows, in tokens.
        behind: How many tokens more each of theirs may be asked about.
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    starts, real = [0], 0
    for place, row in enumerate(order):
        longest = lengths[order[starts[-1]]]
        padded = (place - starts[-1] + 1) * longest
        wasteful = (
            real >= _BUCKET_TOKENS_MIN and padded - real - lengths[row] > _PADDING_MAX * padded
        )
        large = padded > _BUCKET_TOKENS_MAX or padded * (behind + longest) > _PAIRS_MAX
        if place > starts[-1] and (wasteful or large):
            starts.append(place)
            real = 0
        real += lengths[row]
    return [order[start:end] for start, end in pairwise([*starts, len(order)])]
