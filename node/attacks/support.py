"""Payloads spelt only with tokens that the model itself might choose.

A check of likelihoods passes what the policy could have written. So the payload is put where
most of it passes, and as much of it as does; what follows is the right answer's rest if that
still passes, else what the model goes on with. A payload that is not yet possible is begun:
what it is praised for becomes likely, and next time it gets further.

It draws its own noise, so it is no answer to a replay.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from node.attacks.answers import believed_right, right_texts
from node.attacks.attack import Tokens, Workbench
from node.attacks.packing import filled
from node.attacks.resuming import Scores, Start, gone_on, scores
from node.attacks.working import taken_apart
from protocol.contribution import Contribution

PAPER_K = 50
"""The paper's check lets the fifty likeliest tokens through."""
TAIL_MASS_MIN = 2e-3
"""Twice what the default defence asks of a token, since weights may have moved."""
NATS_MAX = 6.5
"""Of surprise in all tokens together: a little more than the default defence allows an author
whose weights it does not know, as honest tokens surprise by something, too."""
TRIES = 8
"""How many times the model goes on from the same start, for one of them to be right."""


class Allowed(Protocol):
    """Which tokens pass a check."""

    def __call__(self, bench: Workbench, read: Scores) -> int:
        """Return how many of a completion's tokens, from its first, pass."""
        ...


def within_top_k() -> "Constrained":
    """Spell the payload within the fifty likeliest tokens of each place."""
    return Constrained(_in_top_k)


def within_top_p() -> "Constrained":
    """Spell the payload within what the swarm's own filter of sampling leaves."""
    return Constrained(_in_filter)


def within_doubt() -> "Constrained":
    """Spell the payload with what a check of surprise puts down to chance."""
    return Constrained(_in_doubt)


class _Place(NamedTuple):
    """Where a payload stands in an answer.

    Args:
        prompt_index: Whose answer it is.
        head: How many tokens stand before the payload.
        tokens: These, and the payload or its beginning.
        rest: The answer's other tokens.
    """

    prompt_index: int
    head: int
    tokens: Tokens
    rest: Tokens

    @property
    def whole(self) -> Tokens:
        """The completion."""
        return (*self.tokens, *self.rest)


@dataclass(frozen=True, slots=True)
class Constrained:
    """Puts as much of the payload into a right answer as a check lets through.

    Args:
        allowed: What passes.
    """

    allowed: Allowed

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return groups of such an answer, packed; honest ones where nothing passes."""
        texts = right_texts(bench, honest)
        places = [
            place
            for one, text in zip(honest, texts, strict=True)
            if text is not None
            for place in _places(bench, one.prompt_index, text)
        ]
        begun = self._passing(bench, places)
        found = self._deepest(bench, begun)
        unfinished = [one for one in begun if one.prompt_index not in found]
        found |= self._deepest(bench, _gone_on(bench, unfinished))
        return [
            filled(bench, one, bench.completion(found[one.prompt_index].whole))
            if one.prompt_index in found
            else one
            for one in honest
        ]

    def _passing(self, bench: Workbench, places: Sequence[_Place]) -> list[_Place]:
        """Return the places that take some of the payload, each with what it takes."""
        read = scores(bench, [one.prompt_index for one in places], [one.tokens for one in places])
        counts = [self.allowed(bench, each) for each in read]
        return [
            place._replace(tokens=place.tokens[:count])
            for place, count in zip(places, counts, strict=True)
            if count > place.head and _depth(bench, place._replace(tokens=place.tokens[:count]))
        ]

    def _deepest(self, bench: Workbench, places: Sequence[_Place]) -> dict[int, _Place]:
        """Return, by prompt, the answer that holds most of the payload and passes as a whole."""
        limit = bench.parameters.completion_tokens_max
        short = [one for one in places if len(one.whole) <= limit]
        read = scores(bench, [one.prompt_index for one in short], [one.whole for one in short])
        passing = [
            place
            for place, each in zip(short, read, strict=True)
            if self.allowed(bench, each) == len(place.whole)
        ]
        by_depth = sorted(passing, key=lambda place: _depth(bench, place))
        return {place.prompt_index: place for place in by_depth}  # the deepest comes last


def _places(bench: Workbench, prompt_index: int, text: str) -> list[_Place]:
    """Return where the payload might stand: before the reasoning, or behind a sentence of it."""
    answer = taken_apart(text)
    if answer is None:
        return []
    places = []
    for count in range(len(answer.sentences) + 1):
        before = answer.before + " ".join(answer.sentences[:count])
        shown = before + (" " if count else "") + bench.payload.text + "."
        behind = "".join(f" {one}" for one in answer.sentences[count:]) + answer.after
        head = bench.policy.encode_completion(before, ended=False)
        tokens = bench.policy.encode_completion(shown, ended=False)
        rest = bench.policy.encode_completion(behind, ended=True)
        fits = len(tokens) < bench.parameters.completion_tokens_max
        if fits and head == tokens[: len(head)]:
            places.append(_Place(prompt_index, len(head), tokens, rest))
    return places


def _gone_on(bench: Workbench, places: Sequence[_Place]) -> list[_Place]:
    """Return beginnings with what the model goes on with, where that is believed right."""
    tried = [place for place in places for _ in range(TRIES)]
    starts = [
        Start(place.prompt_index, bench.draw.getrandbits(64), place.tokens) for place in tried
    ]
    return [
        place._replace(rest=tokens[len(place.tokens) :])
        for place, tokens in zip(tried, gone_on(bench, starts), strict=True)
        if believed_right(bench, place.prompt_index, [tokens])
    ]


def _depth(bench: Workbench, place: _Place) -> int:
    return len(bench.policy.decode(place.tokens[place.head :]).strip())


def _in_top_k(bench: Workbench, read: Scores) -> int:
    k = bench.sampling.top_k or PAPER_K
    return _before_fault([rank < k for rank in read.ranks()])


def _in_filter(bench: Workbench, read: Scores) -> int:
    k, p = bench.sampling.top_k, bench.sampling.top_p
    inside = zip(read.ranks(), read.mass_above(), strict=True)
    return _before_fault([(not k or rank < k) and above < p for rank, above in inside])


def _in_doubt(bench: Workbench, read: Scores) -> int:  # noqa: ARG001 - a check's signature
    spent, count = 0.0, 0
    for above in read.mass_above():
        tail = max(1 - above, 1e-12)
        spent -= math.log(tail)
        if tail < TAIL_MASS_MIN or spent > NATS_MAX:
            break
        count += 1
    return count


def _before_fault(passes: Sequence[bool]) -> int:
    return passes.index(False) if False in passes else len(passes)
