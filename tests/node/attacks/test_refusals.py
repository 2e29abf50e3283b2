"""What the default defence makes of every attack: one round, equal weights, no memory.

Every attack is dangerous first: what it hands in would be praised. Then the stage that stops it
is named; where none does, the test's name says so.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from node.attacks.catalogue import CATALOGUE, CHANGES, Seam
from node.verdict import Outcome, Reason

Stage = Callable[..., Any]

ALONE = frozenset({"replay"})
AT_ONCE = frozenset({"replay", "accumulation"})
"""So unlikely in sum that all of the author's completions go, in the first round already."""

REFUSED_BY = {
    "hail": AT_ONCE,
    "hail-often": AT_ONCE,
    "equation": AT_ONCE,
    "prose": AT_ONCE,
    "wrong-answer": AT_ONCE,
    "persuade": AT_ONCE,
    "pad": AT_ONCE,
    "ramble": AT_ONCE,
    "within-top-k": ALONE,
    "within-doubt": ALONE,
    "longest": ALONE,
    "digit": AT_ONCE,
    "other-index": ALONE,
    "other-identity": ALONE,
    "copy": ALONE,
    "spoil": ALONE,
    "stale+hail": AT_ONCE,
    "rounded+equation": AT_ONCE,
    "spread+equation": AT_ONCE,
}
NOTHING_TO_REFUSE = {"near-tie", "near-tie-rounded", "within-top-p", "withhold"}
"""Where nothing of the payload is possible, or nothing is forged, they hand in what is honest."""


def forged(scene: Any, crafted: Any) -> list[Any]:
    """What was found of the completions that are not honest."""
    changed = scene.changed(crafted)
    round_index = crafted[0].round_index
    return [
        judged
        for judged, _ in scene.judged(scene.whole_round(crafted, round_index))
        if judged.item.author == str(crafted[0].author)
        and (judged.item.prompt_index, judged.item.index) in changed
    ]


def test_every_attack_on_content_is_told_of_here() -> None:
    told = {name.rpartition("+")[2] for name in REFUSED_BY} | NOTHING_TO_REFUSE
    changes = {name.rpartition("+")[0] for name in REFUSED_BY} | {
        *("sparse", "sleeper", "stranger", "flawless")
    }

    assert {one.name for one in CATALOGUE if one.seam is Seam.CONTENT} == told
    assert {one.name for one in CHANGES} <= changes


@pytest.mark.parametrize("attack", REFUSED_BY)
def test_what_an_attack_hands_in_would_be_learnt_from_without_a_defence(
    stage: Stage, attack: str
) -> None:
    scene = stage("none")
    crafted = scene.crafted(attack, candidates=24)

    found = forged(scene, crafted)

    rewards = _rewards_by_prompt(scene, scene.whole_round(crafted))
    gains = [one.item.reward - _mean(rewards[one.item.prompt_index]) for one in found]
    if attack == "spoil":
        assert sum(gains) < 0  # it wants blame
    else:
        assert max(gains) > 0
        assert sum(gains) > 0 or attack == "wrong-answer"


@pytest.mark.parametrize(("attack", "stages"), REFUSED_BY.items())
def test_the_default_defence_refuses_all_of_it_and_says_where(
    stage: Stage, attack: str, stages: frozenset[str]
) -> None:
    scene = stage()
    crafted = scene.crafted(attack, candidates=24)

    found = forged(scene, crafted)

    assert found
    assert {one.verdict.outcome for one in found} == {Outcome.REFUSE}
    assert {one.verdict.stage for one in found} == {"replay"}
    assert all(one.verdict.spans for one in found)
    assert {said.stage for one in found for said in one.verdicts if said.refuses} == stages


@pytest.mark.parametrize("attack", ["hail", "equation", "longest"])
def test_in_groups_of_its_own_the_same_is_refused(stage: Stage, attack: str) -> None:
    scene = stage(mode="vertical")

    found = forged(scene, scene.crafted(attack, candidates=24))

    assert found
    assert all(one.verdict.refuses for one in found)


@pytest.mark.parametrize("attack", ["hail", "equation", "ramble", "longest", "digit"])
def test_without_solutions_it_is_refused_all_the_same(stage: Stage, attack: str) -> None:
    scene = stage()

    found = forged(scene, scene.crafted(attack, candidates=24, oracle=False))

    assert found
    assert all(one.verdict.refuses for one in found)


def test_one_completion_in_four_is_refused_and_the_author_with_it(stage: Stage) -> None:
    """Its honest ones, too: what it sent is together less likely than chance explains."""
    scene = stage()

    judged = scene.judged(scene.crafted("sparse+hail"))

    reasons = Counter(one.verdict.reason for one, _ in judged)
    assert set(reasons) == {Reason.NOT_REPLAYED, Reason.AUTHOR_ADDS_UP}
    assert reasons[Reason.NOT_REPLAYED] == reasons.total() // 4


@pytest.mark.parametrize("attack", ["hail", "equation", "ramble", "prose"])
def test_a_stranger_that_poisons_everything_is_refused_in_a_round_of_usual_size(
    stage: Stage, attack: str
) -> None:
    scene = stage(prompts_per_round=16)

    found = forged(scene, scene.crafted(f"stranger+{attack}"))

    assert found
    assert {one.verdict.stage for one in found} == {"accumulation"}


@pytest.mark.parametrize("attack", ["stranger+sparse+hail", "stranger+within-doubt"])
def test_a_stranger_in_small_doses_gets_much_of_it_through(stage: Stage, attack: str) -> None:
    """What it puts in is no likelier than chance allows; only its record can speak for it.

    What is refused is too long or the same again: half of it, counted over rounds because the
    arithmetic of another processor draws other completions.
    """
    scene = stage(prompts_per_round=16)

    rounds = [forged(scene, scene.crafted(attack, round_index=number)) for number in range(4)]

    found = [one for each in rounds for one in each]
    passed = sum(not one.verdict.refuses for one in found)
    assert len(found) >= 32
    assert passed >= 0.25 * len(found)


@pytest.mark.parametrize("attack", sorted(NOTHING_TO_REFUSE))
def test_where_nothing_can_be_forged_nothing_is_refused(stage: Stage, attack: str) -> None:
    scene = stage()
    crafted = scene.crafted(attack)

    judged = scene.judged(scene.whole_round(crafted))

    assert not scene.changed(crafted)
    assert Counter(one.verdict.outcome for one, _ in judged) == {Outcome.ACCEPT: len(judged)}


def test_honest_nodes_are_refused_nothing_beside_an_attacker(stage: Stage) -> None:
    scene = stage()
    crafted = scene.crafted("hail")

    judged = scene.judged(scene.whole_round(crafted))

    others = [one for one, _ in judged if one.item.author != str(crafted[0].author)]
    assert others
    assert not any(one.verdict.refuses for one in others)


def test_the_papers_check_stops_slogans_and_lets_longest_and_digits_through(
    stage: Stage,
) -> None:
    """Its known failures: whatever the policy might have written passes."""
    scene = stage("paper")
    stopped = {}
    for attack in ("hail", "longest", "digit"):
        found = forged(scene, scene.crafted(attack, candidates=24))
        stopped[attack] = sum(one.verdict.refuses for one in found) / len(found)

    assert stopped["hail"] == 1
    assert stopped["longest"] == 0
    assert stopped["digit"] < 0.5


def _rewards_by_prompt(scene: Any, contributions: Any) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for one in contributions:
        found.setdefault(one.prompt_index, []).extend(scene.rewards([one]))
    return found


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
