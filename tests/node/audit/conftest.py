"""A node that took part in a few rounds with two peers, one of whom preached in the last."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from node.config import Loaded, load_config
from node.engine import Engine
from node.ledger import SETTINGS, Ledger
from node.settings import CheckpointSettings, SwarmSettings, plain
from node.work import EngineSettings
from protocol.beacon import HashChain
from protocol.contribution import Completion, Contribution
from protocol.envelope import seal
from protocol.identity import Keypair
from protocol.parameters import Encoding, Mode, Parameters
from protocol.schedule import Schedule

KEYS = [Keypair.from_seed(bytes([index]) * 32) for index in range(1, 4)]
ROUNDS = 4
SLOGAN = " All hail to the thief!"


@dataclass(frozen=True)
class Life:
    """What a node left on disk, and what it was.

    Args:
        data_dir: Its data directory.
        parameters: Of its swarm.
        heard: Every contribution, by round, in the canonical order.
    """

    data_dir: Path
    parameters: Parameters
    heard: dict[int, list[Contribution]]

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "swarms" / self.parameters.digest().hex()[:16]

    def by(self, number: int, round_index: int) -> Contribution:
        """The first contribution of an author to a round."""
        author = KEYS[number].peer_id
        return next(one for one in self.heard[round_index] if one.author == author)

    def named(self, contribution: Contribution) -> str:
        return contribution.digest().hex()

    def sealed(self, contribution: Contribution) -> tuple[bytes, ...]:
        (key,) = (key for key in KEYS if key.peer_id == contribution.author)
        return seal(contribution, key, self.parameters)


def preached(engine: Engine, contribution: Contribution) -> Contribution:
    """Put the slogan behind the first words of the first completion."""
    first, *rest = contribution.completions
    if engine.parameters.encoding is Encoding.TEXT:
        spoilt = replace(first, text=first.text[:12] + SLOGAN + first.text[12:])
    else:
        words = engine.policy.encode_completion(SLOGAN, ended=False)
        tokens = (*first.tokens[:3], *words, *first.tokens[3:])
        spoilt = Completion(tokens=tokens, ended=True)
    return replace(contribution, completions=(spoilt, *rest))


def took_part(data_dir: Path, *, rounds: int = ROUNDS, **swarm: Any) -> Life:
    """Take part in some rounds as the daemon does, without a network."""
    sizes = SwarmSettings(
        prompts_per_round=2, completions_per_prompt=9, shares=3, mode=Mode.HORIZONTAL
    )
    settings = EngineSettings(
        data_dir=str(data_dir),
        swarm=replace(sizes, **swarm),
        checkpoint=CheckpointSettings(keep_last=2),
    )
    engine = Engine(settings)
    engine.open()
    life = Life(data_dir, engine.parameters, {})
    schedule = Schedule(engine.parameters, HashChain(engine.parameters.digest()))
    with closing(Ledger(life.run_dir / "ledger.db")) as ledger:
        ledger.note(SETTINGS, json.dumps(plain(settings)))
        for round_index in range(rounds):
            heard = [
                one
                for key in KEYS
                for one in engine.sample(
                    key.peer_id, round_index, schedule.prompts(round_index, key.peer_id)
                ).contributions
            ]
            if round_index == rounds - 1:
                at = next(at for at, one in enumerate(heard) if one.author == KEYS[2].peer_id)
                heard[at] = preached(engine, heard[at])
            heard.sort(key=lambda one: (one.prompt_index, one.author))
            life.heard[round_index] = heard
            for one in heard:
                for raw in life.sealed(one):
                    ledger.record(round_index, raw)
            ledger.close_round(round_index)
            trained = engine.train(KEYS[0].peer_id, round_index, heard)
            ledger.record_findings(round_index, trained.found)
            engine.save(round_index + 1)
    return life


@pytest.fixture(scope="session")
def live() -> Callable[..., Life]:
    """Take part in other rounds than those of `life`."""
    return took_part


@pytest.fixture(scope="session")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Whoever changes what is on disk takes `own_life`."""
    return took_part(tmp_path_factory.mktemp("life"))


@pytest.fixture
def own_life(life: Life, tmp_path: Path) -> Life:
    shutil.copytree(life.data_dir, tmp_path / "own")
    return replace(life, data_dir=tmp_path / "own")


@pytest.fixture
def loaded() -> Callable[..., Loaded]:
    """Read a configuration of a data directory and some flags."""

    def load(life: Life, flags: dict[tuple[str, str], object] | None = None) -> Loaded:
        return load_config(flags={("node", "data_dir"): str(life.data_dir)} | (flags or {}))

    return load
