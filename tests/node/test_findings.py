"""What was said of a completion is kept as it was said, with what it counted for."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.findings import findings_of, said
from node.rollout import Group, Rollout
from node.verdict import Reason, Span, Unit, Verdict
from node.verification import Judged, Submission
from node.work import Said
from protocol.contribution import Contribution
from protocol.identity import Keypair

Contribute = Callable[..., Contribution]

FORM = Verdict(stage="form", reason=Reason.CLEAN)
REPLAY = Verdict(stage="replay", reason=Reason.CLEAN, value=0.0, threshold=0.5)
UNASKED = Verdict(stage="length", reason=Reason.NOT_ASKED)
REFUSED = Verdict(
    stage="replay",
    reason=Reason.NOT_REPLAYED,
    spans=(Span(1, 2, Unit.TOKENS),),
    value=2.0,
    threshold=0.5,
    detail="x",
)


@pytest.fixture
def contribution(contribute: Contribute, keys: list[Keypair]) -> Contribution:
    return contribute(keys[0], 3)


def judged(contribution: Contribution, *verdicts: Verdict, index: int = 0) -> Judged:
    completion = contribution.completions[0]
    item = Submission(
        author=str(contribution.author),
        round_index=contribution.round_index,
        prompt_index=contribution.prompt_index,
        index=index,
        prompt="How many?",
        text="Five.",
        tokens=completion.tokens,
        ended=True,
        reward=2.5,
        policy_digest=contribution.policy_digest,
    )
    return Judged(item, verdicts[-1], verdicts)


def rollout(one: Judged, *, credit: tuple[bool, ...] = (), weight: float = 1.0) -> Rollout:
    return Rollout(
        prompt_tokens=(1,),
        completion_tokens=one.item.tokens,
        ended=True,
        reward=1.5,
        author=one.item.author,
        index=one.item.index,
        credit=credit,
        weight=weight,
    )


def test_a_finding_names_its_contribution_and_keeps_every_verdict(
    contribution: Contribution,
) -> None:
    (found,) = findings_of([judged(contribution, FORM, REFUSED)], [contribution])

    assert found.contribution == contribution.digest().hex()
    assert found.policy_digest == "00" * 32
    assert [one.stage for one in found.verdicts] == ["form", "replay"]
    assert found.deciding == Said(
        stage="replay",
        outcome="refuse",
        reason="not_replayed",
        value=2.0,
        threshold=0.5,
        spans=((1, 2, "tokens"),),
        detail="x",
    )
    assert (found.prompt, found.text, found.reward) == ("How many?", "Five.", 2.5)


def test_what_was_trained_on_says_what_it_counted_for(contribution: Contribution) -> None:
    whole, half, out = (judged(contribution, FORM, REPLAY, index=index) for index in range(3))
    group = Group(
        contribution.prompt_index,
        (rollout(whole), rollout(half, credit=(True, False, False), weight=0.5)),
    )

    found = findings_of([whole, half, out], [contribution], [group])

    assert [one.credited for one in found] == [3, 1, 0]
    assert [one.weight for one in found] == [1.0, 0.5, 0.0]
    assert [one.trained_reward for one in found] == [1.5, 1.5, None]


def test_an_acceptance_is_decided_by_a_stage_that_looked(contribution: Contribution) -> None:
    """The last stage was often not asked at all, which tells nobody anything."""
    looked, nobody = (
        judged(contribution, *verdicts) for verdicts in ((FORM, REPLAY, UNASKED), (UNASKED,))
    )

    found = findings_of([looked, replace(nobody)], [contribution])

    assert [one.stage for one in found] == ["replay", "length"]
    assert len(found[0].verdicts) == 3


def test_a_refusal_stays_the_one_that_decides(contribution: Contribution) -> None:
    both = replace(judged(contribution, FORM, REFUSED, UNASKED), verdict=REFUSED)

    (found,) = findings_of([both], [contribution])

    assert found.reason == "not_replayed"


def test_a_verdict_without_numbers_has_none() -> None:
    broken = replace(FORM, value=float("nan"), threshold=float("nan"))

    assert said(FORM) == said(broken) == Said(stage="form", outcome="accept", reason="clean")
