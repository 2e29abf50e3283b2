"""What model work is asked for and what it answers: plain values and one interface.

Nothing heavy is imported here, so that the daemon can ask for model work without loading a
model library itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from node.learning import StepReport, TrainSettings
from node.settings import (
    AdversarySettings,
    CheckpointSettings,
    ModelSettings,
    SwarmSettings,
    TaskSettings,
)
from node.standing import TrustSettings
from node.verifying import JudgeSettings, VerifySettings
from protocol.contribution import Contribution
from protocol.identity import PeerId
from protocol.parameters import Parameters


class WorkerLost(Exception):  # noqa: N818 - what happened to it, not a mistake of the caller
    """The model's process died; `Compute.open` starts another from the last checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """All that the model's side needs to know."""

    data_dir: str
    swarm: SwarmSettings = field(default_factory=SwarmSettings)
    task: TaskSettings = field(default_factory=TaskSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    verify: VerifySettings = field(default_factory=VerifySettings)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    checkpoint: CheckpointSettings = field(default_factory=CheckpointSettings)
    trust: TrustSettings = field(default_factory=TrustSettings)
    adversary: AdversarySettings = field(default_factory=AdversarySettings)
    watch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the node is, once its model and task are loaded."""

    parameters: Parameters
    run_dir: str
    next_round: int
    policy_digest: str
    damaged_checkpoints: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributed:
    """This node's own contributions of a round, and what they cost."""

    contributions: tuple[Contribution, ...]
    tokens: int
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one stage said of a completion: a verdict as plain values, which any version reads.

    Args:
        stage: Which stage.
        outcome: accept, refuse or undecided.
        reason: Why.
        value: The number that was compared, if there was one; infinite for what no margin allows.
        threshold: What it was compared with.
        spans: Where: start, end (the one after the last), and `tokens` or `characters`.
        detail: What exactly, for people.
    """

    stage: str
    outcome: str
    reason: str
    value: float | None = None
    threshold: float | None = None
    spans: tuple[tuple[int, int, str], ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one completion, and what it counted for in training.

    Args:
        author: Peer id (base58).
        round_index: 0-based round.
        prompt_index: 0-based prompt.
        index: Its 0-based place among its author's completions of the prompt.
        contribution: Hexadecimal digest of the contribution that it came in.
        policy_digest: Hexadecimal, of the weights that its author names.
        prompt: The prompt's text.
        text: The completion's text, without EOS.
        tokens: Its token ids, by this node's tokenizer.
        ended: Whether its author closed it.
        reward: What it earned here; None where that was not kept.
        deciding: The verdict that decides.
        verdicts: All that were given, in the order of the stages.
        weight: What it counted in the step, 0 to 1; 0 where it was not trained on.
        credited: How many of its tokens were trained on.
        trained_reward: What it counted for in its group; None where it was not trained on.
    """

    author: str
    round_index: int
    prompt_index: int
    index: int
    contribution: str
    policy_digest: str
    prompt: str
    text: str
    tokens: tuple[int, ...]
    ended: bool
    reward: float | None
    deciding: Said
    verdicts: tuple[Said, ...] = ()
    weight: float = 0.0
    credited: int = 0
    trained_reward: float | None = None

    @property
    def outcome(self) -> str:
        """Of the verdict that decides."""
        return self.deciding.outcome

    @property
    def stage(self) -> str:
        """Which gave the verdict that decides."""
        return self.deciding.stage

    @property
    def reason(self) -> str:
        """Of the verdict that decides."""
        return self.deciding.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One round's training, and what it cost.

    Args:
        step: What the trainer did.
        policy_digest: Hexadecimal, of the weights after it.
        completions: How many were rewarded.
        found: What was found of each of them.
        unheard: How many of an unknown policy were left out, since the swarm is of one mind.
        unusable: How many were not: text that this tokenizer makes too long.
        right: Share of the completions whose answer is right.
        same_policy: Contributions whose author claims the weights that this node had.
        own_reward: Mean reward of this node's completions.
        peers_reward: Mean reward of the others'.
        cpu_s: Processor seconds.
    """

    step: StepReport
    policy_digest: str
    completions: int
    found: tuple[Finding, ...]
    unusable: int
    unheard: int
    right: float
    same_policy: int
    own_reward: float
    peers_reward: float
    cpu_s: float

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What verification held against some completions, or could not decide."""
        return tuple(one for one in self.found if one.outcome != "accept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the policy does on held-out prompts, with one sampled and one greedy answer each.

    Args:
        prompts: How many there were.
        sampled: Share of the sampled answers that are right.
        greedy: Share of the greedy answers that are right.
        form: Share of the sampled answers in the task's form.
        length: Mean tokens of the sampled answers.
        shown_sampled: Share of the sampled answers that show what is watched for; 0 if nothing.
        shown_greedy: Share of the greedy answers that do.
        cpu_s: Processor seconds.
    """

    prompts: int
    sampled: float
    greedy: float
    form: float
    length: float
    shown_sampled: float
    shown_greedy: float
    cpu_s: float


class Compute(Protocol):
    """The model's side of a round, wherever it runs; one call at a time.

    Every call may raise `WorkerLost` where the work runs in a process of its own, and a
    `node.faults.Fault` where the world is in the way.
    """

    async def open(self) -> Opened:
        """Load model, task and the newest checkpoint."""
        ...

    async def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        """Answer an author's prompts of a round."""
        ...

    async def train(
        self, author: PeerId, round_index: int, contributions: Sequence[Contribution]
    ) -> Trained:
        """Reward, compare and take a round's step."""
        ...

    async def evaluate(self, prompts: int) -> Evaluation:
        """Measure held-out accuracy."""
        ...

    async def save(self, next_round: int) -> None:
        """Write a checkpoint that the node goes on from with `next_round`."""
        ...


class Rewindable(Compute, Protocol):
    """A model's side that can go back and take another way."""

    async def rewind(self, round_index: int) -> Opened:
        """Go back to the newest checkpoint of this round or before, or to the model as loaded."""
        ...

    async def forget_after(self, round_index: int) -> None:
        """Remove the checkpoints of later rounds: their history was given up."""
        ...
