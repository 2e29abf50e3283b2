"""Stages in order, cheap ones first, each asked only about what is not settled yet.

It knows what a stage looks like and what a refusal does, and not how any stage decides.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from node.verdict import Outcome, Reason, Verdict
from node.verification.refusals import RefusalSettings
from node.verification.submission import Judged, Submission


class Stage(Protocol):
    """One way of telling an honest completion from another.

    Attributes:
        name: How settings, ledger and logs call it.
    """

    name: str

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
        """Return one verdict for each item, in their order.

        All of them are given at once, because some stages compare and others compute in
        batches. An exception is a bug of ours and propagates.

        Args:
            items: What is to be judged, in the canonical order.
            own: This node's own completions of the round: to compare with, not to judge.
        """
        ...


@runtime_checkable
class Remembers(Protocol):
    """A stage whose verdicts rest on earlier rounds, too.

    A node that forgot them at a restart would judge otherwise than one that went on.
    """

    def plain(self) -> object:
        """Return what is remembered, as values that JSON can carry."""
        ...

    def restore(self, plain: Any) -> None:
        """Take up what `plain` gave."""
        ...


class Pipeline:
    """Runs stages over a round's completions.

    Args:
        stages: Cheap ones first. No two share a name. Those of a tuple are asked about the same
            completions, so that what one says keeps no evidence of another from the ledger.
        me: This node's peer id (base58); its own completions are not judged.
        settings: What refusals do. A completion that is out of its group after a refusal is
            not shown to later stages. One that stays (`veto`, `mask`) is: else a wrong equation,
            put there on purpose, would keep dearer stages from looking at the rest.

    Raises:
        ValueError: Two stages share a name, or the settings speak of one that is not there.
    """

    def __init__(
        self, stages: Sequence[Stage | tuple[Stage, ...]], *, me: str, settings: RefusalSettings
    ) -> None:
        steps = [each if isinstance(each, tuple) else (each,) for each in stages]
        names = [stage.name for step in steps for stage in step]
        unknown = sorted(set(settings.actions) - set(names))
        if len(set(names)) < len(names):
            raise ValueError(f"two stages share a name: {', '.join(names)}")
        if unknown:
            raise ValueError(
                f"an action is set for {', '.join(unknown)}, which is no stage here; "
                f"there are {', '.join(names) or 'none'}"
            )
        self._steps = tuple(steps)
        self._me = me
        self._settings = settings

    @property
    def stages(self) -> tuple[str, ...]:
        """Their names, in their order."""
        return tuple(stage.name for stage in self._each())

    def without(self, name: str) -> "Pipeline":
        """Return the same stages but for one, where it is among them."""
        steps = [tuple(stage for stage in step if stage.name != name) for step in self._steps]
        actions = {stage: act for stage, act in self._settings.actions.items() if stage != name}
        settings = replace(self._settings, actions=actions)
        return Pipeline(steps, me=self._me, settings=settings)

    def judge(self, items: Sequence[Submission]) -> tuple[Judged, ...]:
        """Judge a round's completions; return them all, in the order given."""
        own = [item for item in items if item.author == self._me]
        verdicts: list[list[Verdict]] = [[] for _ in items]
        open_items = [at for at, item in enumerate(items) if item.author != self._me]
        for step in self._steps:
            for stage in step:
                given = stage.judge([items[at] for at in open_items], own=own)
                for at, verdict in zip(open_items, given, strict=True):
                    verdicts[at].append(verdict)
            open_items = [at for at in open_items if not self._is_out(verdicts[at])]
        return tuple(
            Judged(item, self._deciding(item, said), tuple(said))
            for item, said in zip(items, verdicts, strict=True)
        )

    def plain(self) -> dict[str, object]:
        """Return what the stages remember, by their names, as values that JSON can carry."""
        told = {one.name: one.plain() for one in self._each() if isinstance(one, Remembers)}
        return {name: plain for name, plain in told.items() if plain is not None}

    def restore(self, plain: Mapping[str, object]) -> None:
        """Let the stages take up what `plain` gave; those that it does not name begin anew."""
        for stage in self._each():
            if isinstance(stage, Remembers) and stage.name in plain:
                stage.restore(plain[stage.name])

    def _each(self) -> Iterator[Stage]:
        return itertools.chain.from_iterable(self._steps)

    def _is_out(self, said: Sequence[Verdict]) -> bool:
        return any(one.refuses and self._settings.action(one.stage).takes_out for one in said)

    def _deciding(self, item: Submission, said: Sequence[Verdict]) -> Verdict:
        if item.author == self._me:
            return Verdict(stage="", reason=Reason.OWN)
        refusals = [verdict for verdict in said if verdict.refuses]
        if refusals:
            # Of equally severe ones, one that names a place tells more.
            return min(
                refusals,
                key=lambda one: (self._settings.action(one.stage).rank, not one.spans),
            )
        undecided = (one for one in said if one.outcome is Outcome.UNDECIDED)
        last = said[-1] if said else Verdict(stage="", reason=Reason.CLEAN)
        return next(undecided, last)
