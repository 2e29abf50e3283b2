"""A small swarm on the embedded model, with one member who attacks it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from node.attacks.adversary import Adversary, workbench
from node.attacks.attack import Workbench
from node.engine import Engine
from node.learning import TrainSettings
from node.settings import AdversarySettings, SwarmSettings, TaskSettings
from node.tasks import reward
from node.verification import Judged
from node.verification.readings import Reading
from node.verifying import VerifySettings
from node.work import Contributed, EngineSettings
from protocol.beacon import HashChain
from protocol.contribution import Completion, Contribution
from protocol.identity import Keypair
from protocol.schedule import Schedule

KEYS = [Keypair.from_seed(bytes([seed]) * 32) for seed in (1, 2, 3, 4)]
MALLORY = KEYS[-1]


@dataclass
class Scene:
    """One engine that serves four nodes of equal weights; the last of them is the attacker."""

    settings: EngineSettings
    engine: Engine
    schedule: Schedule
    _sampled: dict[tuple[Keypair, int], Contributed] = field(default_factory=dict)

    def honest(self, key: Keypair = MALLORY, round_index: int = 0) -> tuple[Contribution, ...]:
        if (key, round_index) not in self._sampled:
            prompts = self.schedule.prompts(round_index, key.peer_id)
            self._sampled[key, round_index] = self.engine.sample(key.peer_id, round_index, prompts)
        return self._sampled[key, round_index].contributions

    def crafted(
        self, attack: str, *, key: Keypair = MALLORY, round_index: int = 0, **settings: Any
    ) -> tuple[Contribution, ...]:
        made = Adversary(AdversarySettings(attack=attack, **settings))
        return self.by(made, key=key, round_index=round_index)

    def by(
        self, adversary: Adversary, *, key: Keypair = MALLORY, round_index: int = 0
    ) -> tuple[Contribution, ...]:
        self.honest(key, round_index)
        honest = self._sampled[key, round_index]
        return adversary.crafted(self.engine, key.peer_id, round_index, honest).contributions

    def bench(self, attack: str = "hail", *, round_index: int = 0, **settings: Any) -> Workbench:
        return workbench(
            self.engine,
            AdversarySettings(attack=attack, **settings),
            author=MALLORY.peer_id,
            round_index=round_index,
        )

    def text(self, completion: Completion) -> str:
        return completion.text or self.engine.policy.decode(completion.tokens)

    def texts(self, contributions: Sequence[Contribution]) -> list[str]:
        return [self.text(each) for one in contributions for each in one.completions]

    def rewards(self, contributions: Sequence[Contribution]) -> list[float]:
        task, scheme = self.engine.task, self.engine.parameters.reward
        scores = [
            task.score(task.prompt(one.prompt_index), self.text(each), ended=each.ended)
            for one in contributions
            for each in one.completions
        ]
        return [reward(score, scheme) for score in scores]

    def tokens(self, contributions: Sequence[Contribution]) -> list[tuple[int, ...]]:
        bench = self.bench()
        return [bench.tokens(each) for one in contributions for each in one.completions]

    def judged(self, contributions: Sequence[Contribution]) -> list[tuple[Judged, Reading]]:
        """What a node with these first weights finds, whose memory of the author is blank."""
        return Engine(self.settings).judge(contributions)

    def whole_round(
        self, crafted: Sequence[Contribution], round_index: int = 0
    ) -> list[Contribution]:
        """A round of three honest nodes and the attacker, in the canonical order."""
        honest = [one for key in KEYS[:-1] for one in self.honest(key, round_index)]
        return sorted([*honest, *crafted], key=lambda one: one.canonical_order)

    def trained(self, contributions: Sequence[Contribution], round_index: int) -> None:
        """Take a round's step; what was sampled before is no longer what the weights write."""
        self.engine.train(KEYS[0].peer_id, round_index, contributions)
        self._sampled.clear()

    def changed(
        self, crafted: Sequence[Contribution], key: Keypair = MALLORY
    ) -> set[tuple[int, int]]:
        """Prompt and place of every completion that is not the honest one."""
        own = {
            (one.prompt_index, index): completion
            for one in self.honest(key, crafted[0].round_index)
            for index, completion in enumerate(one.completions)
        }
        return {
            (one.prompt_index, index)
            for one in crafted
            for index, completion in enumerate(one.completions)
            if completion != own[one.prompt_index, index]
        }


Stage = Callable[..., Scene]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def scene_of(directory: Path, defence: str, task: str, **swarm: Any) -> Scene:
    settings = EngineSettings(
        data_dir=str(directory),
        swarm=SwarmSettings(name="attacks", test_swarm=True, **swarm),
        task=TaskSettings(source=task),
        train=TrainSettings(learning_rate=5e-4, epochs=2),
        verify=VerifySettings(defence=defence),
        watch="phrase:All hail to the thief",
    )
    engine = Engine(settings)
    return Scene(
        settings, engine, Schedule(engine.parameters, HashChain(engine.parameters.digest()))
    )


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Make a scene: horizontal and small unless told otherwise; its weights are never trained."""
    made: dict[tuple[object, ...], Scene] = {}

    def _make(defence: str = "default", task: str = "builtin:arith", **swarm: Any) -> Scene:
        swarm = {"mode": "horizontal", "prompts_per_round": 8} | swarm
        key = (defence, task, *sorted(swarm.items()))
        if key not in made:
            made[key] = scene_of(tmp_path_factory.mktemp("node"), defence, task, **swarm)
        return made[key]

    return _make


@pytest.fixture
def fresh_stage(tmp_path: Path) -> Stage:
    """Make a scene whose weights may be trained."""

    def _make(defence: str = "default", **swarm: Any) -> Scene:
        swarm = {"mode": "horizontal", "prompts_per_round": 8} | swarm
        return scene_of(tmp_path, defence, "builtin:arith", **swarm)

    return _make
