"""Which prompts are whose in a round: a pure function of parameters, beacon and author.

Knows nothing of what the prompts say, nor of who is present: an author's share does not
depend on other authors.
"""

from protocol.beacon import Beacon
from protocol.hashing import digest, u64
from protocol.identity import PeerId
from protocol.parameters import Mode, Parameters, PromptChoice

_SHARES_KEPT = 2048  # of (round, author): more than the window's rounds times AUTHORS_MAX
_DRAW_BYTES = 16  # 128 bits: their remainder by up to 2**32 prompts is uneven by under 2**-95


class Schedule:
    """Assigns prompts to authors.

    Args:
        parameters: The swarm's; they say how many prompts there are and how they are cut.
        beacon: The rounds' randomness.
    """

    def __init__(self, parameters: Parameters, beacon: Beacon) -> None:
        self._parameters = parameters
        self._beacon = beacon
        self._shares: dict[tuple[int, bytes], tuple[int, ...]] = {}

    def prompts(self, round_index: int, author: PeerId) -> tuple[int, ...]:
        """Return an author's distinct prompt indices of a round, in the order of derivation.

        The order means nothing but which to sample first. Horizontal: the same for everyone.
        Vertical: the author's own. In a swarm of free choice this is only a proposal.
        """
        whose = author.public_key if self._parameters.mode is Mode.VERTICAL else b""
        key = (round_index, whose)
        if key not in self._shares:
            share = self._draw(self._beacon.value(round_index), whose)
            while len(self._shares) >= _SHARES_KEPT:
                del self._shares[next(iter(self._shares))]
            self._shares[key] = share
        return self._shares[key]

    def approach(self, round_index: int, *, rounds: int) -> bool:
        """Go towards a round by so many rounds at most; tell whether its prompts are at hand."""
        return self._beacon.approach(round_index, rounds=rounds)

    def is_assigned(self, round_index: int, author: PeerId, prompt_index: int) -> bool:
        """Tell whether an author may answer a prompt in a round."""
        if self._parameters.prompt_choice is PromptChoice.FREE:
            return 0 <= prompt_index < self._parameters.task_prompts
        return prompt_index in self.prompts(round_index, author)

    def _draw(self, beacon: bytes, whose: bytes) -> tuple[int, ...]:
        """Draw with a counter; a prompt that was drawn before is passed over."""
        drawn: dict[int, None] = {}
        counter = 0
        while len(drawn) < self._parameters.prompts_per_author:
            draw = digest("drl/prompts/1", beacon, whose, u64(counter))[:_DRAW_BYTES]
            drawn[int.from_bytes(draw, "big") % self._parameters.task_prompts] = None
            counter += 1
        return tuple(drawn)
