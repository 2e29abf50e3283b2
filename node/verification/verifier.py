"""A round's completions in, what was found and what may teach out.

It puts the readings, the defence's stages and the refusals together; it rewards nothing and
trains nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from node.faults import ConfigFault
from node.policy import CausalPolicy, SamplingParameters
from node.settings import VerifySettings, nearest
from node.verification.defences import Defence, Ground, pipeline_of
from node.verification.form import FormSettings
from node.verification.kinship import Kinship
from node.verification.pipeline import Stage
from node.verification.readings import Readings
from node.verification.refusals import Action, Taught, what_teaches
from node.verification.rehearsal import Rehearsal
from node.verification.submission import Judged, Submission
from protocol.parameters import Encoding


class Verifier:
    """One node's defence, with what it remembers from round to round.

    Args:
        policy: This node's; its weights may change between rounds.
        sampling: The swarm's.
        form: What a completion may be.
        settings: Which defence, and what its refusals do.
        swarm: The digest of the swarm's parameters, from which noise is derived.

    Raises:
        ConfigFault: The settings name a defence, a stage or a judge that does not exist.
        ModelFault: The judge cannot be loaded, or failed its examination.
    """

    def __init__(
        self,
        policy: CausalPolicy,
        sampling: SamplingParameters,
        *,
        form: FormSettings,
        settings: VerifySettings,
        swarm: bytes,
    ) -> None:
        self._policy = policy
        self._encoding = form.encoding
        self._defence = defence_named(settings.defence)
        self.readings = Readings(policy, sampling, swarm=swarm)
        self._rehearsal = Rehearsal(policy, sampling)
        ground = Ground(
            readings=self.readings,
            form=form,
            decode=policy.decode,
            requires_kin=settings.requires_kin,
            own_lengths=self._rehearsal.lengths,
            judge=judge_named(settings.judge),
        )
        try:
            self._pipeline, self._refusals = pipeline_of(
                self._defence,
                ground,
                actions=actions_of(settings),
                undecided_weight=settings.undecided_weight,
            )
        except ValueError as error:
            fix = "Name stages of that defence, and a weight from 0 to 1."
            raise ConfigFault(f"[verify] {error}.", fix=fix) from error

    def verify(self, items: Sequence[Submission]) -> tuple[tuple[Judged, ...], tuple[Taught, ...]]:
        """Judge a round's completions, this node's too, with the weights as they are now.

        Args:
            items: In the canonical order.

        Returns:
            Each completion with what was said of it, and what of them may teach.
        """
        self.readings.open()
        self._rehearsal.open(items)
        if self._defence is not Defence.NONE:
            # All at once and in the canonical order, so that equal nodes see equal last bits.
            self.readings.of(items)
        judged = self._pipeline.judge(items)
        return judged, what_teaches(judged, self._refusals, decode=self._policy.decode)

    @property
    def distrusts(self) -> bool:
        """Whether records matter at all: under the reference defences everybody is heard."""
        return self._defence is Defence.DEFAULT

    def takes_on_trust(self, item: Submission) -> bool:
        """Whether only its author's record speaks for a completion, since none can replay it.

        Under the reference defences nobody is distrusted, as in the paper.
        """
        if not self.distrusts:
            return False
        is_text = self._encoding is Encoding.TEXT
        return is_text or self.readings.kin.of(item.policy_digest) is Kinship.OTHER

    def plain(self) -> dict[str, object]:
        """Return what is remembered of earlier rounds, as values that JSON can carry."""
        return {"stages": self._pipeline.plain(), "weights": self.readings.kin.plain()}

    def kept(self) -> dict[str, Tensor]:
        """Return the weights of earlier rounds, as far as they are kept whole."""
        return self.readings.kin.kept()

    def restore(self, plain: Mapping[str, Any], kept: Mapping[str, Tensor]) -> None:
        """Take up what `plain` and `kept` gave, so that a restart changes no verdict."""
        self._pipeline.restore(plain["stages"])
        self.readings.kin.restore(plain["weights"], kept)

    def close(self) -> None:
        """End a round: call it before the weights change, so that they can be remembered."""
        self.readings.close()


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


def judge_named(backend: str) -> Stage | None:
    """Return the judge of a backend, once it has passed its examination.

    Raises:
        ConfigFault: There is no such backend.
        ModelFault: Its model cannot be loaded, or it failed.
    """
    if backend == "none":
        return None
    from node.verification.judge import JudgeSettings, judge_stage

    return judge_stage(JudgeSettings(backend=backend))


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
