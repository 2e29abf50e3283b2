"""A round's completions in, what was found and what may teach out.

It puts the readings, the defence's stages and the refusals together; it rewards nothing and
trains nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from node.faults import ConfigFault
from node.policy import CausalPolicy, SamplingParameters
from node.verification.defences import Defence, Ground, defence_named, pipeline_of
from node.verification.form import FormSettings
from node.verification.kinship import KinshipSettings
from node.verification.pipeline import Stage
from node.verification.readings import Readings
from node.verification.refusals import Taught, what_teaches
from node.verification.rehearsal import Rehearsal
from node.verification.submission import Judged, Submission
from node.verifying import JudgeSettings, VerifySettings
from protocol.parameters import Encoding


class Verifier:
    """One node's defence, with what it remembers from round to round.

    Args:
        policy: This node's; its weights may change between rounds.
        sampling: The swarm's.
        form: What a completion may be.
        settings: Which defence, and what its refusals do.
        swarm: The digest of the swarm's parameters, from which noise is derived.
        owed: How many completions an author owes for a prompt.
        judge: A model that audits strangers' completions; None for none.
        has_record: Whether an author's record lets its completions count, if no replay proves
            them.

    Raises:
        ConfigFault: The settings name a defence or a stage that does not exist.
    """

    def __init__(
        self,
        policy: CausalPolicy,
        sampling: SamplingParameters,
        *,
        form: FormSettings,
        settings: VerifySettings,
        swarm: bytes,
        owed: int,
        judge: Stage | None = None,
        has_record: Callable[[str], bool] = lambda _author: True,
    ) -> None:
        self._policy = policy
        self._encoding = form.encoding
        self._defence = defence_named(settings.defence)
        kept = KinshipSettings(bytes_max=settings.kept_mib << 20)
        self.readings = Readings(policy, sampling, swarm=swarm, kinship=kept)
        self._rehearsal = Rehearsal(policy, sampling)
        ground = Ground(
            readings=self.readings,
            form=form,
            decode=policy.decode,
            settings=settings,
            owed=owed,
            own_lengths=self._rehearsal.lengths,
            counts=lambda item: not self.takes_on_trust(item) or has_record(item.author),
            judge=judge,
        )
        try:
            self._pipeline, self._refusals = pipeline_of(ground)
        except ValueError as error:
            fix = "Name stages of that defence, each in one list."
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
    def stages(self) -> tuple[str, ...]:
        """Their names, in their order."""
        return self._pipeline.stages

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
        return is_text or not self.readings.kin.of(item.policy_digest).proves

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


def judge_named(settings: JudgeSettings, defence: str) -> Stage | None:
    """Return the judge that settings name, once it has passed its examination.

    Args:
        settings: Which, and how it is asked.
        defence: By whose name it is asked as published, unless the settings say otherwise.

    Raises:
        ConfigFault: There is no such backend, template, address or key.
        ModelFault: Its model cannot be loaded, or it failed.
    """
    if settings.backend == "none":
        return None
    from node.verification.judge import judge_stage

    if defence == Defence.PAPER_JUDGE and not settings.template:
        settings = replace(settings, template="published")
    return judge_stage(settings)
