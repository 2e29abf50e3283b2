"""Model work in this very process: for tests, simulations and the laboratory."""

from collections.abc import Sequence

from node.attacks.adversary import engine_of
from node.work import Contributed, EngineSettings, Evaluation, Opened, Trained
from protocol.contribution import Contribution
from protocol.identity import PeerId


class InlineCompute:
    """The engine behind the asynchronous interface; calls block their task."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self.engine = engine_of(settings)

    async def open(self) -> Opened:
        """Load the newest checkpoint."""
        return self.engine.open()

    async def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        """Answer an author's prompts of a round."""
        return self.engine.sample(author, round_index, prompts)

    async def train(
        self, author: PeerId, round_index: int, contributions: Sequence[Contribution]
    ) -> Trained:
        """Reward, compare and take a round's step."""
        return self.engine.train(author, round_index, contributions)

    async def evaluate(self, prompts: int) -> Evaluation:
        """Measure held-out accuracy."""
        return self.engine.evaluate(prompts)

    async def save(self, next_round: int) -> None:
        """Write a checkpoint."""
        self.engine.save(next_round)

    async def forget_after(self, round_index: int) -> None:
        """Remove later checkpoints."""
        self.engine.forget_after(round_index)

    async def rewind(self, round_index: int) -> Opened:
        """Go back to an earlier checkpoint."""
        self.engine = engine_of(self._settings)
        return self.engine.open(round_index)
