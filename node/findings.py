"""What was found of a round's completions, as plain values that cross a pipe and can be kept.

It knows verdicts and what was trained on; it judges nothing and keeps nothing.
"""

import math
from collections.abc import Iterable, Sequence

from node.rollout import Group, Rollout
from node.verdict import Outcome, Reason, Verdict
from node.verification import Judged, Taught
from node.work import Finding, Said
from protocol.contribution import Contribution

Place = tuple[int, str, int]
"""Of a completion in its round: prompt, author, and its place among the author's."""


def findings_of(
    judged: Sequence[Judged], contributions: Iterable[Contribution], groups: Iterable[Group] = ()
) -> tuple[Finding, ...]:
    """Return a finding for each completion of one round, in the order given.

    Args:
        judged: The completions with what was said of them.
        contributions: What they came in.
        groups: What of them was trained on.
    """
    digests = {(one.prompt_index, str(one.author)): one.digest().hex() for one in contributions}
    trained: dict[Place, Rollout] = {
        (group.prompt_index, rollout.author, rollout.index): rollout
        for group in groups
        for rollout in group.rollouts
    }
    return tuple(
        finding(
            one,
            contribution=digests[one.item.prompt_index, one.item.author],
            rollout=trained.get((one.item.prompt_index, one.item.author, one.item.index)),
        )
        for one in judged
    )


def tally(judged: Sequence[Judged], taught: Sequence[Taught]) -> dict[str, tuple[int, int]]:
    """Count by author the completions that were clean, and those that were taken out.

    Clean is what the last stage, the dearest, looked at and accepted, though a cheaper one may
    have lacked what it needs (lengths to compare with). What was flagged and may stay all the
    same is neither: a wrong sum that earns no praise is an honest mistake.
    """
    staying = {id(one.item) for one in taught}
    found: dict[str, tuple[int, int]] = {}
    for one in judged:
        clean, refused = found.get(one.item.author, (0, 0))
        if any(said.reason is Reason.INCOMPLETE for said in one.verdicts):
            continue  # by this node's tokenizer, which need not be its author's
        accepted = bool(one.verdicts) and one.verdicts[-1].outcome is Outcome.ACCEPT
        found[one.item.author] = (
            clean + (accepted and not one.verdict.refuses),
            refused + (one.verdict.refuses and id(one.item) not in staying),
        )
    return found


def finding(judged: Judged, *, contribution: str, rollout: Rollout | None) -> Finding:
    """Return what was found of a completion.

    Args:
        judged: What was said of it.
        contribution: Hexadecimal digest of what it came in.
        rollout: As it was trained on, if it was.
    """
    item = judged.item
    return Finding(
        author=item.author,
        round_index=item.round_index,
        prompt_index=item.prompt_index,
        index=item.index,
        contribution=contribution,
        policy_digest=item.policy_digest.hex(),
        prompt=item.prompt,
        text=item.text,
        tokens=item.tokens,
        ended=item.ended,
        reward=item.reward,
        deciding=deciding_of(judged),
        verdicts=tuple(said(one) for one in judged.verdicts),
        weight=rollout.weight if rollout else 0.0,
        credited=credited(rollout) if rollout else 0,
        trained_reward=rollout.reward if rollout else None,
    )


def deciding_of(judged: Judged) -> Said:
    """Return the verdict that decides; of acceptances, the last by a stage that looked."""
    looked = [one for one in judged.verdicts if one.reason is not Reason.NOT_ASKED]
    accepted = judged.verdict.outcome is Outcome.ACCEPT
    return said(looked[-1] if accepted and looked else judged.verdict)


def credited(rollout: Rollout) -> int:
    """Return how many tokens are learnt from; no credit written down is all of it."""
    return sum(rollout.credit) if rollout.credit else len(rollout.completion_tokens)


def said(verdict: Verdict) -> Said:
    """Return a verdict as plain values."""
    return Said(
        stage=verdict.stage,
        outcome=verdict.outcome.value,
        reason=verdict.reason.value,
        value=number(verdict.value),
        threshold=number(verdict.threshold),
        spans=tuple((span.start, span.end, span.unit.value) for span in verdict.spans),
        detail=verdict.detail,
    )


def number(value: float | None) -> float | None:
    """Return a plain number; what is none (NaN) has no place in a table and equals nothing."""
    return None if value is None or math.isnan(value) else float(value)
