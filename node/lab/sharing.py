"""One model for all nodes that would hold the same weights anyway, as long as that is exact.

Nodes of equal settings that train on equal contributions end with equal bits, so the work of one
is the work of all. It holds only while their rounds' contributions are equal: this is checked in
every round, and the first difference ends the sharing loudly. It knows no messages and no clock.
"""

import dataclasses
from collections.abc import Sequence

from node.attacks.adversary import Adversary
from node.attacks.packing import DECOY
from node.engine import Engine
from node.work import Contributed, EngineSettings, Evaluation, Opened, Trained
from protocol.contribution import Completion, Contribution
from protocol.identity import PeerId
from protocol.parameters import Encoding


class Parted(Exception):  # noqa: N818 - what happened to the swarm, not a mistake of anybody
    """Nodes that share a model have come to hold different contributions, or rounds."""


class Model:
    """An engine, and whoever works with it: one node, or all of a swarm.

    Args:
        settings: The engine's; any adversary in them is the node's own affair, not the model's.
        keeper: In whose name it is trained; its own reward is the one that is reported. None:
            in the name of the only node that uses it.
    """

    def __init__(self, settings: EngineSettings, keeper: PeerId | None = None) -> None:
        self.engine = Engine(settings)
        self._keeper = keeper
        self._next_round = 0
        self._last: tuple[Sequence[Contribution], Trained] | None = None
        self._evaluated: dict[tuple[str, int], Evaluation] = {}

    def open(self) -> Opened:
        """Load what there is to go on from: in a laboratory, the model as it is."""
        return self.engine.open()

    def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        """Answer an author's prompts with the weights of a round.

        Raises:
            Parted: The shared weights are those of another round.
        """
        self._check_round(round_index, self._next_round)
        return self.engine.sample(author, round_index, prompts)

    def train(
        self, author: PeerId, round_index: int, contributions: Sequence[Contribution]
    ) -> Trained:
        """Train a round, or say what came of it where another node has trained it already.

        Raises:
            Parted: Another node has trained it on other contributions.
        """
        if self._last is None or round_index >= self._next_round:
            self._check_round(round_index, self._next_round)
            trained = self.engine.train(self._keeper or author, round_index, contributions)
            self._last = (contributions, trained)
            self._next_round = round_index + 1
            return trained
        self._check_round(round_index, self._next_round - 1)
        held, trained = self._last
        if tuple(held) != tuple(contributions):
            raise Parted(
                f"in round {round_index} two nodes held different contributions "
                f"({len(held)} and {len(contributions)})"
            )
        return dataclasses.replace(trained, cpu_s=0.0)

    def evaluate(self, prompts: int) -> Evaluation:
        """Measure held-out accuracy, once for the same weights."""
        at = (self.engine.policy.digest().hex(), prompts)
        if at not in self._evaluated:
            self._evaluated = {at: self.engine.evaluate(prompts)}
            return self._evaluated[at]
        return dataclasses.replace(self._evaluated[at], cpu_s=0.0)

    def decoy(self) -> Completion:
        """Return what attackers put beside their poison, as this swarm hands it in."""
        if self.engine.parameters.encoding is Encoding.TEXT:
            return Completion(text=DECOY, ended=True)
        tokens = self.engine.policy.encode_completion(DECOY, ended=True)
        return Completion(tokens=tokens, ended=True)

    def _check_round(self, asked: int, held: int) -> None:
        if self._keeper is None:
            self._next_round = max(self._next_round, asked)  # its only node may have jumped
        elif asked != held:
            raise Parted(f"a node is in round {asked} while the shared weights are of {held}")


class Seat:
    """One node's side of a model: what it samples, rewritten if it attacks, and what it trains.

    Args:
        model: Its own or a shared one.
        adversary: What rewrites its samples before they are sealed; None is honest.
    """

    def __init__(self, model: Model, adversary: Adversary | None) -> None:
        self._model = model
        self._adversary = adversary
        self._sampled: tuple[Contribution, ...] = ()
        self.trained_on: Sequence[Contribution] = ()
        """What its last round was trained on."""

    async def open(self) -> Opened:
        """Load the model."""
        return self._model.open()

    async def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        """Answer an author's prompts of a round, as this node wants them answered."""
        honest = self._model.sample(author, round_index, prompts)
        earlier = tuple(one for one in self._sampled if one.round_index == round_index - 1)
        self._sampled = earlier + honest.contributions
        if self._adversary is None:
            return honest
        return self._adversary.crafted(self._model.engine, author, round_index, honest)

    def untouched(self, round_index: int) -> tuple[Contribution, ...]:
        """Return what its model wrote for one of its last two rounds."""
        return tuple(one for one in self._sampled if one.round_index == round_index)

    def decoy(self) -> Completion:
        """Return what attackers put beside their poison."""
        return self._model.decoy()

    async def train(
        self, author: PeerId, round_index: int, contributions: Sequence[Contribution]
    ) -> Trained:
        """Reward, verify and take a round's step."""
        self.trained_on = contributions
        return self._model.train(author, round_index, contributions)

    async def evaluate(self, prompts: int) -> Evaluation:
        """Measure held-out accuracy."""
        return self._model.evaluate(prompts)

    async def save(self, next_round: int) -> None:
        """Nothing: an interrupted cell starts again."""
