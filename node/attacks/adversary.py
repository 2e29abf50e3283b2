"""An honest engine with a content attack before the seal."""

import random
from collections.abc import Sequence

from node.attacks.attack import Attack, Workbench
from node.attacks.catalogue import make_attack, payload_of
from node.engine import Engine
from node.settings import AdversarySettings
from node.work import Contributed, EngineSettings
from protocol.identity import PeerId


class Adversary:
    """What rewrites a node's contributions; one for each node, whose memory it is.

    Args:
        settings: Which attack, and with what.

    Raises:
        ConfigFault: There is no such attack.
    """

    def __init__(self, settings: AdversarySettings) -> None:
        self._settings = settings
        self._payload = payload_of(settings)
        made = make_attack(settings)
        self._attack: Attack | None = made if isinstance(made, Attack) else None

    def crafted(
        self, engine: Engine, author: PeerId, round_index: int, honest: Contributed
    ) -> Contributed:
        """Return what is handed in instead of what was honestly sampled.

        Args:
            engine: The node's own model's side; its weights stay as they are.
            author: Who hands in.
            round_index: 0-based round.
            honest: What the node sampled as it should.
        """
        if self._attack is None:
            return honest
        parameters = engine.parameters
        bench = Workbench(
            policy=engine.policy,
            task=engine.task,
            parameters=parameters,
            sampling=engine.sampling(),
            swarm=parameters.digest(),
            author=author,
            round_index=round_index,
            payload=self._payload,
            oracle=self._settings.oracle,
            candidates=self._settings.candidates,
            draw=luck(author, round_index),
            batch_size=engine.batch_size,
        )
        contributions = tuple(self._attack.craft(bench, honest.contributions))
        return Contributed(contributions=contributions, tokens=honest.tokens, cpu_s=honest.cpu_s)


class AdversarialEngine(Engine):
    """An engine whose samples are rewritten."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._adversary = Adversary(settings.adversary)

    def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        """Answer an author's prompts of a round, as the attack wants them answered."""
        honest = super().sample(author, round_index, prompts)
        return self._adversary.crafted(self, author, round_index, honest)


def engine_of(settings: EngineSettings) -> Engine:
    """Return the engine that the settings ask for: honest, unless they name an attack."""
    return AdversarialEngine(settings) if settings.adversary.attack else Engine(settings)


def luck(author: PeerId, round_index: int) -> random.Random:
    """Return an attacker's dice of a round: the same for the same author, so that runs replay."""
    seed = f"{author}/{round_index}"
    return random.Random(seed)  # noqa: S311 - an experiment's luck, to be repeated
