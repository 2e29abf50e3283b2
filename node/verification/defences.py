"""Named sets of stages, from nothing to the default, and what each one's refusals do.

A defence is chosen by name in the settings. It knows which stages exist and whom each is for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from node.faults import ConfigFault
from node.settings import nearest
from node.verdict import Reason, Verdict
from node.verification.accumulation import Accumulation
from node.verification.audit import EquationAudit
from node.verification.completeness import Completeness
from node.verification.copies import Copies, explained_by_likelihood
from node.verification.form import Form, FormSettings
from node.verification.kinship import Kin
from node.verification.length import (
    Counts,
    Length,
    LengthSettings,
    OwnLengths,
    everybody_counts,
    no_lengths,
)
from node.verification.pipeline import Pipeline, Remembers, Stage
from node.verification.readings import Readings
from node.verification.refusals import Action, RefusalSettings
from node.verification.replay import Replay, ReplaySettings
from node.verification.submission import Submission
from node.verification.support import MinP, TopK, TopP
from node.verification.surprisal import Surprisal, SurprisalSettings
from node.verifying import ALL_STAGES, VerifySettings
from protocol.parameters import Encoding

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
    PAPER = "paper", "the paper's check of log-probabilities (arXiv 2511.09780, 5): reward 0"
    PAPER_JUDGE = "paper_judge", "the paper's judge, asked and read as published: reward 0"
    TOP_P = "top_p", "the paper's check, of the likeliest tokens that hold a probability: reward 0"
    MIN_P = "min_p", "the paper's check, of tokens near the likeliest: reward 0"
    NONE = "none", "nothing: whatever is admitted is trained on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What stages are built on.

    Args:
        readings: The round's evidence.
        form: What a completion may be.
        decode: Token ids to text.
        settings: What an operator set: which defence, its thresholds, what its refusals do.
        owed: How many completions an author owes for a prompt, to be counted in a text swarm.
        own_lengths: How long this node's own answers to a prompt are, where they must be known.
        counts: Whose completions are a measure of others' lengths.
        judge: A model that audits strangers' completions, last; None for none.
    """

    readings: Readings
    form: FormSettings
    decode: Callable[[Sequence[int]], str]
    settings: VerifySettings
    owed: int
    own_lengths: OwnLengths = no_lengths
    counts: Counts = everybody_counts
    judge: Stage | None = None


class Strangers:
    """Asks a stage about authors only whom no replay proves.

    Where the weights are known it is exact; what a stage of likelihoods would add there is
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
        strangers = [item for item in items if not self._kin.of(item.policy_digest).proves]
        others = [item for item in items if self._kin.of(item.policy_digest).proves]
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


def pipeline_of(ground: Ground) -> tuple[Pipeline, RefusalSettings]:
    """Return a defence's stages, ready to judge, and what their refusals do.

    Raises:
        ConfigFault: There is no such defence, it lacks a judge, or proves nothing of weights.
        ValueError: An action is set for a stage that the defence does not have, or two are.
    """
    defence = defence_named(ground.settings.defence)
    if ground.settings.requires_kin and not _proves(defence, ground.form.encoding):
        cause = "[verify] requires_kin: nobody's weights are proven here."
        fix = "Leave it out, or use defence = default in a swarm of tokens."
        raise ConfigFault(cause, fix=fix)
    stages, own_actions = _stages_of(defence, ground)
    actions = actions_of(ground.settings)
    default = actions.pop(ALL_STAGES, None)
    settings = RefusalSettings(
        actions={**({} if default else own_actions), **actions},
        default=default or Action.DROP,
        undecided_weight=ground.settings.undecided_weight,
    )
    return Pipeline(stages, me=NOBODY, settings=settings), settings


def defence_named(name: str) -> Defence:
    """Return the defence of a name.

    Raises:
        ConfigFault: There is none; the nearest is named.
    """
    named = {one.value: one for one in Defence}
    if name not in named:
        fix = nearest(name, list(named))
        raise ConfigFault(f"[verify] defence = {name!r} is unknown.", fix=fix)
    return named[name]


def actions_of(settings: VerifySettings) -> dict[str, Action]:
    """Return what an operator wants refusals to do, by stage.

    Raises:
        ValueError: A stage is named twice.
    """
    found: dict[str, Action] = {}
    for action in Action:
        for stage in getattr(settings, action.value):
            if stage in found:
                raise ValueError(f"the stage {stage!r} has two actions")
            found[stage] = action
    return found


def _proves(defence: Defence, encoding: Encoding) -> bool:
    return defence is Defence.DEFAULT and encoding is Encoding.TOKENS


Stages = Sequence[Stage | tuple[Stage, ...]]
"""As a pipeline takes them."""


def _stages_of(defence: Defence, ground: Ground) -> tuple[Stages, dict[str, Action]]:
    settings, readings = ground.settings, ground.readings
    match defence:
        case Defence.NONE:
            return [], {}
        case Defence.DEFAULT:
            return _default(ground)
        case Defence.PAPER:
            check: Stage = TopK(readings, k=settings.top_k, slack=settings.top_k_slack)
        case Defence.TOP_P:
            check = TopP(readings, p=settings.top_p, slack=settings.top_p_slack)
        case Defence.MIN_P:
            check = MinP(readings, p=settings.min_p)
        case Defence.PAPER_JUDGE:
            if ground.judge is None:
                fix = "Name one with --set judge.backend=hf:MODEL or openai:URL#MODEL."
                raise ConfigFault("[verify] defence = 'paper_judge' has no judge.", fix=fix)
            check = ground.judge
    return [check], {check.name: Action.ZERO}


def _default(ground: Ground) -> tuple[Stages, dict[str, Action]]:
    settings, readings = ground.settings, ground.readings
    form = Form(ground.form, decode=ground.decode)
    copies = Copies(
        explains=explained_by_likelihood(readings.logprob), near=settings.near_copies or None
    )
    length = Length(
        LengthSettings(factor=settings.length_factor),
        own_lengths=ground.own_lengths,
        counts=ground.counts,
    )
    audits: list[Stage] = [copies, EquationAudit(), length]
    last = [] if ground.judge is None else [ground.judge]
    actions = {vetoing.name: Action.VETO for vetoing in (length, *last)}
    actions[EquationAudit.name] = Action.WITHHOLD
    if ground.form.encoding is Encoding.TEXT:  # whose tokens are not its author's
        whole = Completeness(ground.owed, ground.form.tokens_max)
        return [(form, whole), *audits, _surprisal(ground, asks_kin=True), *last], actions
    replay = Replay(
        readings,
        ReplaySettings(
            rounded=settings.margin_rounded,
            stale=settings.margin_stale,
            requires_kin=settings.requires_kin,
        ),
    )
    # Together: whose sum is too much is shown token by token what each completion did to it.
    weighed: list[Stage | tuple[Stage, ...]] = [form, (Accumulation(readings), replay)]
    surprisal = _surprisal(ground, asks_kin=settings.asks_kin)
    if settings.asks_kin:
        return [*weighed, *audits, surprisal, *last], actions
    strangers = [Strangers(audit, readings.kin) for audit in audits]
    judges = [Strangers(judge, readings.kin) for judge in last]
    return [*weighed, *strangers, surprisal, *judges], actions


def _surprisal(ground: Ground, *, asks_kin: bool) -> Surprisal:
    settings = SurprisalSettings(
        tail_mass_min=ground.settings.tail_mass_min,
        deviations_max=ground.settings.deviations_max,
        asks_kin=asks_kin,
    )
    return Surprisal(ground.readings, settings)
