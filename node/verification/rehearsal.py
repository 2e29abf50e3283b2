"""How long this node's own answers to a prompt are, where nobody else's stand beside a stranger's.

Where one author fills a group there is nothing to compare it with but what this node would write
itself; it writes a few answers and counts. Knows prompts and lengths, and judges nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from node.policy import Sampled, SampleRequest, SamplingParameters, noise_key
from node.verification.submission import Submission

ANSWERS = 8
"""Written to a prompt: enough for a quantile, and as many as a group has."""

PROMPTS_MAX = 32
"""Rehearsed in one round, so that strangers cannot make this node write without end."""

DOMAIN = b"drl-rehearsal"
"""Keys noise that is nobody's in any round."""


class Writer(Protocol):
    """A policy that can be asked to write."""

    def sample(
        self, requests: Sequence[SampleRequest], sampling: SamplingParameters
    ) -> list[Sampled]:
        """Write one completion for each request."""
        ...


class Rehearsal:
    """Lengths of own answers by prompt, each prompt rehearsed once a round, when asked about.

    Args:
        policy: This node's.
        sampling: The swarm's.
    """

    def __init__(self, policy: Writer, sampling: SamplingParameters) -> None:
        self._policy = policy
        self._sampling = sampling
        self._prompts: dict[int, tuple[int, ...]] = {}
        self._lengths: dict[int, tuple[int, ...]] = {}

    def open(self, items: Iterable[Submission]) -> None:
        """Begin a round: these are its prompts."""
        self._prompts = {item.prompt_index: item.prompt_tokens for item in items}
        self._lengths.clear()

    def lengths(self, prompt_index: int) -> Sequence[int]:
        """Return the lengths of own answers to a prompt, in tokens; () beyond the bound."""
        if prompt_index not in self._lengths:
            if len(self._lengths) >= PROMPTS_MAX or prompt_index not in self._prompts:
                return ()
            requests = [
                SampleRequest(
                    prompt_tokens=self._prompts[prompt_index],
                    key=noise_key(
                        swarm=DOMAIN,
                        round_index=0,
                        prompt_index=prompt_index,
                        author=b"",
                        index=index,
                    ),
                )
                for index in range(ANSWERS)
            ]
            try:
                written = self._policy.sample(requests, self._sampling)
            except FloatingPointError:  # weights that have diverged: nothing can be said by them
                return ()
            self._lengths[prompt_index] = tuple(len(one.tokens) for one in written)
        return self._lengths[prompt_index]
