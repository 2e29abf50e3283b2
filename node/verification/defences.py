"""Named sets of stages, from nothing to the default, and what each one's refusals do.

A defence is chosen by name in the settings. It knows which stages exist and whom each is for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from node.verdict import Reason, Verdict
from node.verification.accumulation import Accumulation
from node.verification.audit import EquationAudit
from node.verification.copies import Copies, explained_by_likelihood
from node.verification.form import Form, FormSettings
from node.verification.kinship import Kin, Kinship
from node.verification.length import Length, OwnLengths, no_lengths
from node.verification.pipeline import Pipeline, Remembers, Stage
from node.verification.readings import Readings
from node.verification.refusals import Action, RefusalSettings
from node.verification.replay import Replay, ReplaySettings
from node.verification.submission import Submission
from node.verification.support import TopK
from node.verification.surprisal import Surprisal, SurprisalSettings
from protocol.parameters import Encoding

PAPER_K = 50
"""The paper's check: every token among the fifty likeliest (arXiv 2511.09780, section 5)."""

NOBODY = ""
"""A node judges its own completions as its peers will: else two nodes with equal weights and
equal contributions would train on different sets, and drift apart."""


class Defence(StrEnum):
    """What stands between a peer's completion and the trainer.

    Attributes:
        meaning: One sentence for people.
    """

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        """Make a member of its value and its meaning."""
        defence = str.__new__(cls, name)
        defence._value_ = name
        defence.meaning = meaning
        return defence

    DEFAULT = (
        "default",
        "replay for authors with known weights; copies, equations, length and surprisal for others",
    )
    PAPER = "paper", "the paper's check of log-probabilities, as published: reward 0"
    NONE = "none", "nothing: whatever is admitted is trained on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What stages are built on.

    Args:
        readings: The round's evidence.
        form: What a completion may be.
        decode: Token ids to text.
        requires_kin: Whether completions of unknown weights are undecided in the replay.
        own_lengths: How long this node's own answers to a prompt are, where they must be known.
        judge: A model that audits strangers' completions, last; None for none.
    """

    readings: Readings
    form: FormSettings
    decode: Callable[[Sequence[int]], str]
    requires_kin: bool = False
    own_lengths: OwnLengths = no_lengths
    judge: Stage | None = None


class Strangers:
    """Asks a stage about authors only whose weights are unknown here.

    Known weights are replayed, which is exact; what a stage of likelihoods would add there is
    wrong refusals.

    Args:
        stage: Which stage.
        kin: Tells whose weights are known.
    """

    def __init__(self, stage: Stage, kin: Kin) -> None:
        self.name = stage.name
        self._stage = stage
        self._kin = kin

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
        """Return one verdict for each item."""
        strangers = [item for item in items if self._kin.of(item.policy_digest) is Kinship.OTHER]
        others = [item for item in items if self._kin.of(item.policy_digest) is not Kinship.OTHER]
        given = dict(zip(strangers, self._stage.judge(strangers, own=[*own, *others]), strict=True))
        unasked = Verdict(stage=self.name, reason=Reason.NOT_ASKED)
        return [given.get(item, unasked) for item in items]

    def plain(self) -> object:
        """Return what the stage remembers; None of one that does not."""
        return self._stage.plain() if isinstance(self._stage, Remembers) else None

    def restore(self, plain: object) -> None:
        """Let the stage take up what `plain` gave."""
        if isinstance(self._stage, Remembers):
            self._stage.restore(plain)


def pipeline_of(
    defence: Defence, ground: Ground, *, actions: Mapping[str, Action], undecided_weight: float
) -> tuple[Pipeline, RefusalSettings]:
    """Return a defence's stages, ready to judge, and what their refusals do.

    Args:
        defence: Which.
        ground: What the stages are built on.
        actions: By stage, where other than the defence's own.
        undecided_weight: What a completion counts of which a stage could not decide, in 0..1.

    Raises:
        ValueError: An action is set for a stage that the defence does not have.
    """
    stages, own_actions = _stages_of(defence, ground)
    settings = RefusalSettings(
        actions={**own_actions, **actions}, undecided_weight=undecided_weight
    )
    return Pipeline(stages, me=NOBODY, settings=settings), settings


def _stages_of(defence: Defence, ground: Ground) -> tuple[list[Stage], dict[str, Action]]:
    readings = ground.readings
    match defence:
        case Defence.NONE:
            return [], {}
        case Defence.PAPER:
            return [TopK(readings, k=PAPER_K)], {TopK.name: Action.ZERO}
        case Defence.DEFAULT:
            form = Form(ground.form, decode=ground.decode)
            copies = Copies(explains=explained_by_likelihood(readings.logprob))
            length = Length(own_lengths=ground.own_lengths)
            audits: list[Stage] = [copies, EquationAudit(), length]
            last = [] if ground.judge is None else [ground.judge]
            actions = {vetoing.name: Action.VETO for vetoing in (length, *last)}
            actions[EquationAudit.name] = Action.WITHHOLD
            if ground.form.encoding is Encoding.TEXT:  # whose tokens are not its author's
                every = Surprisal(readings, SurprisalSettings(asks_kin=True))
                return [form, *audits, every, *last], actions
            replay = Replay(readings, ReplaySettings(requires_kin=ground.requires_kin))
            strangers = [Strangers(audit, readings.kin) for audit in audits]
            judges = [Strangers(judge, readings.kin) for judge in last]
            weighed: list[Stage] = [Accumulation(readings), replay]
            return [form, *weighed, *strangers, Surprisal(readings), *judges], actions
