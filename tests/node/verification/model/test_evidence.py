import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from node.policy import SamplingParameters
from node.verification.evidence import Claim, Evidence, EvidenceSettings, Unread, gather

PROMPT = (3, 4)
EOS = 0
LAST = 11
"""The last id of the vocabulary of the policy here."""

FLOATS = [each.name for each in dataclasses.fields(Evidence) if each.name != "unread"]


def claim(*tokens: int, key: int = 5) -> Claim:
    return Claim(prompt_tokens=PROMPT, completion_tokens=tokens, key=key)


def test_all_numbers_are_those_of_the_policys_table(policy: Any) -> None:
    (found,) = gather(policy, [claim(7, 2, EOS)], SamplingParameters(top_p=1.0))
    rows = policy.table[[4, 7, 2]].softmax(-1).numpy()
    own = rows[[0, 1, 2], [7, 2, EOS]]

    assert found.tokens.tolist() == [7, 2, EOS]
    assert np.exp(found.logprobs) == pytest.approx(own, rel=1e-5)
    assert np.exp(found.peak_logprobs) == pytest.approx(rows.max(-1), rel=1e-5)
    assert found.eos_probs == pytest.approx(rows[:, EOS], rel=1e-5)
    assert found.ranks.tolist() == (rows > own[:, None]).sum(-1).tolist()
    assert found.tail_mass == pytest.approx(np.where(rows <= own[:, None], rows, 0).sum(-1), 1e-5)
    assert found.mass_above + found.tail_mass == pytest.approx(np.ones(3), rel=1e-5)


def test_what_an_honest_author_writes_has_no_margin_anywhere(
    policy: Any, sampling: SamplingParameters
) -> None:
    claims = [claim(*policy.write(key), key=key) for key in range(100)]

    found = gather(policy, claims, sampling)

    assert max(float(each.margins.max()) for each in found) == 0.0
    assert max(float(each.margins_stale.max()) for each in found) == 0.0


def test_the_surprise_of_honest_authors_is_what_is_expected_of_them(
    policy: Any, sampling: SamplingParameters
) -> None:
    """Over 150 completions the sum lies within four of its own standard deviations."""
    found = gather(policy, [claim(*policy.write(k), key=k) for k in range(150)], sampling)
    above = sum(float(-np.log(each.tail_mass).sum() - each.expected.sum()) for each in found)
    variance = sum(float(each.variance.sum()) for each in found)

    assert abs(above) < 4 * math.sqrt(variance)
    assert variance > 30


def test_one_token_is_enough(policy: Any, sampling: SamplingParameters) -> None:
    (found,) = gather(policy, [claim(EOS)], sampling)

    assert len(found) == len(found.logprobs) == 1


def test_the_longest_completion_is_read_and_a_longer_one_is_not(
    policy: Any, sampling: SamplingParameters
) -> None:
    limit = sampling.tokens_max
    exact, longer = gather(policy, [claim(*[5] * limit), claim(*[5] * (limit + 1))], sampling)

    assert len(exact) == limit
    assert longer.unread is Unread.TOO_LONG


def test_the_last_token_of_the_vocabulary_is_read(
    policy: Any, sampling: SamplingParameters
) -> None:
    (found,) = gather(policy, [claim(LAST, EOS)], sampling)

    assert found.unread is None
    assert found.tokens.tolist() == [LAST, EOS]


@pytest.mark.parametrize(
    ("tokens", "why"),
    [
        ((), Unread.EMPTY),
        ((1,) * 17, Unread.TOO_LONG),
        ((1, LAST + 1), Unread.UNKNOWN_TOKEN),
        ((-1, EOS), Unread.UNKNOWN_TOKEN),
        ((1 << 40,), Unread.UNKNOWN_TOKEN),
    ],
)
def test_what_cannot_be_read_says_why_and_harms_nobody_beside_it(
    policy: Any, sampling: SamplingParameters, tokens: tuple[int, ...], why: Unread
) -> None:
    before, found, after = gather(policy, [claim(7, EOS), claim(*tokens), claim(8, EOS)], sampling)

    assert found.unread is why
    assert len(found) == 0
    assert (before.tokens.tolist(), after.tokens.tolist()) == ([7, EOS], [8, EOS])


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_scores_that_are_no_numbers_are_no_evidence(
    policy: Any, sampling: SamplingParameters, broken: float
) -> None:
    """Only where they occur: after token 7. Nothing is concluded, and nothing raised."""
    policy.table[7, 3] = broken

    spoilt, sound = gather(policy, [claim(7, 2, EOS), claim(8, 2, EOS)], sampling)

    assert spoilt.unread is Unread.NOT_NUMBERS
    assert len(spoilt) == 0
    assert sound.unread is None


def test_a_token_that_the_model_rules_out_is_evidence(
    policy: Any, sampling: SamplingParameters
) -> None:
    policy.table[4, 7] = -math.inf

    (found,) = gather(policy, [claim(7, EOS)], sampling)

    assert found.unread is None
    assert found.logprobs[0] == -math.inf
    assert found.margins[0] == math.inf


def test_evidence_does_not_depend_on_what_else_is_asked(
    policy: Any, sampling: SamplingParameters
) -> None:
    claims = [claim(*policy.write(key), key=key + key % 2) for key in range(50)]
    whole = gather(policy, claims, sampling)
    by_ones = EvidenceSettings(batch_size=1, logits_max=1)

    for one, among in zip(gather(policy, claims, sampling, by_ones), whole, strict=True):
        for name in FLOATS:
            assert np.allclose(getattr(one, name), getattr(among, name), atol=1e-5), name


def test_nothing_can_be_written_to(policy: Any, sampling: SamplingParameters) -> None:
    for found in gather(policy, [claim(7, EOS), claim()], sampling):
        for name in FLOATS:
            array = getattr(found, name)
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def test_no_claims_are_no_evidence(policy: Any, sampling: SamplingParameters) -> None:
    assert gather(policy, [], sampling) == []
    assert gather(policy, [claim()], sampling)[0].unread is Unread.EMPTY


def test_a_greedy_swarm_has_nothing_to_replay(policy: Any) -> None:
    with pytest.raises(ValueError, match="temperature"):
        gather(policy, [claim(7, EOS)], SamplingParameters(temperature=0.0))


@pytest.mark.parametrize(
    "numbers",
    [{"batch_size": 0}, {"logits_max": 0}, {"rounded_slack": -1.0}, {"stale_slack": -1.0}],
    ids=str,
)
def test_bounds_must_make_sense(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least|0 or more"):
        EvidenceSettings(**numbers)


def test_half_precision_scores_are_read_as_well(
    make_policy: Callable[..., Any], sampling: SamplingParameters
) -> None:
    policy = make_policy()
    policy.table.copy_(policy.table.to(torch.bfloat16))

    found = gather(policy, [claim(*policy.write(9), key=9)], sampling)

    assert found[0].margins.max() == 0.0
