"""An honest engine with a content attack before the seal."""

import dataclasses
import random
import time
from collections.abc import Sequence

from node.attacks.attack import Attack, Workbench
from node.attacks.catalogue import make_attack, payload_of
from node.engine import Engine
from node.faults import ConfigFault
from node.payload import Payload, PayloadKind
from node.settings import AdversarySettings
from node.tasks.grammar import written
from node.work import Contributed, EngineSettings
from protocol.identity import PeerId


class Adversary:
    """What rewrites a node's contributions; one for each node, whose memory it is.

    Args:
        settings: Which attack, and with what. Of an attack on the wire nothing is seen here.

    Raises:
        ConfigFault: There is no such attack.
    """

    def __init__(self, settings: AdversarySettings) -> None:
        self._settings = settings
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

        Raises:
            ConfigFault: No completion of the swarm has room for the payload.
        """
        if self._attack is None:
            return honest
        started = time.process_time()
        bench = workbench(engine, self._settings, author=author, round_index=round_index)
        contributions = tuple(self._attack.craft(bench, honest.contributions))
        spent = time.process_time() - started
        return dataclasses.replace(honest, contributions=contributions, cpu_s=honest.cpu_s + spent)


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


def workbench(
    engine: Engine, settings: AdversarySettings, *, author: PeerId, round_index: int
) -> Workbench:
    """Return what an attack works with in one round of one node.

    Its luck is the same for the same author and round, so that runs replay.

    Raises:
        ConfigFault: No completion of the swarm has room for the payload.
    """
    parameters = engine.parameters
    bench = Workbench(
        policy=engine.policy,
        task=engine.task,
        parameters=parameters,
        sampling=engine.sampling(),
        swarm=parameters.digest(),
        author=author,
        round_index=round_index,
        payload=payload_of(settings) or Payload(PayloadKind.LENGTH),  # which has no text either
        oracle=settings.oracle,
        candidates=settings.candidates,
        draw=random.Random(f"{author}/{round_index}"),  # noqa: S311 - luck of an experiment
        batch_size=engine.batch_size,
    )
    _check_room(bench)
    return bench


def _check_room(bench: Workbench) -> None:
    """Refuse a payload that even the barest answer is too long with: nobody would attack."""
    payload = bench.payload.text
    barest = written(f"{payload}.", "0")
    if payload and bench.written(barest) is None:
        tokens = len(bench.policy.encode_completion(barest, ended=True))
        parameters = bench.parameters
        raise ConfigFault(
            f"The payload {payload!r} fits into no completion: the barest answer with it has "
            f"{tokens} tokens and {len(barest.encode())} bytes; the swarm allows "
            f"{parameters.completion_tokens_max} and {parameters.text_bytes_max}.",
            fix="Choose a shorter payload, or a swarm that allows more (completion_tokens_max).",
        )
