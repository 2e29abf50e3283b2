"""What others write, handed in without the work: the text that all honest nodes agree on most.

A contribution is sealed before its peers' are seen, but honest nodes are near enough to one
another that a node's own greedy text is what most of them write. It teaches nothing false; it
takes part in every group with the surest answer, and hides that it never sampled.
"""

import dataclasses
from collections.abc import Sequence

from node.attacks.attack import Workbench
from node.policy import SampleRequest
from protocol.contribution import Contribution


class Copied:
    """Hands in the greedy text of a prompt in every place; again, where it answered before."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[int, ...]] = {}

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return contributions of copies."""
        new = [one.prompt_index for one in honest if one.prompt_index not in self._told]
        greedy = dataclasses.replace(bench.sampling, temperature=0.0)
        requests = [SampleRequest(prompt_tokens=bench.prompt_tokens(index), key=0) for index in new]
        sampled = bench.policy.sample(requests, greedy, batch_size=bench.batch_size)
        self._told |= {index: one.tokens for index, one in zip(new, sampled, strict=True)}
        return [
            dataclasses.replace(
                one,
                completions=(bench.completion(self._told[one.prompt_index]),)
                * len(one.completions),
            )
            for one in honest
        ]
