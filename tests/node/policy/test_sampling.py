"""Choosing among candidates equals the definition over the whole vocabulary."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from node.policy import sampling as room
from node.policy.noise import gumbel
from node.policy.sampling import SamplingParameters, candidates, choose


def kept_by_definition(logits: Tensor, sampling: SamplingParameters) -> list[int]:
    """Return what one row's filters keep, by rank, one token after the other."""
    scores = logits.float() / sampling.temperature
    ranks = sorted(range(len(scores)), key=lambda token: (-scores[token].item(), token))
    ranks = ranks[: sampling.top_k or len(ranks)]
    if sampling.top_p == 1:
        return ranks
    mass = torch.log_softmax(scores[ranks], -1).exp().double() if sampling.top_k else None
    if mass is None:
        mass = torch.log_softmax(scores, -1).exp().double()[ranks]
    kept, before = [], 0.0
    for token, probability in zip(ranks, mass.tolist(), strict=True):
        if before >= sampling.top_p:
            break
        kept.append(token)
        before += probability
    return kept


def chosen_by_definition(logits: Tensor, key: int, position: int, s: SamplingParameters) -> int:
    if s.temperature == 0:
        return int((logits == logits.max()).nonzero()[0, 0])
    kept = kept_by_definition(logits, s)
    every = torch.arange(len(logits))[None]
    noise = gumbel(torch.tensor([key]), torch.tensor([position]), every)[0]
    perturbed = (logits.float() / s.temperature + noise).tolist()
    return min(kept, key=lambda token: (-perturbed[token], token))


def kept_by_candidates(logits: Tensor, sampling: SamplingParameters) -> list[list[int]]:
    kept: dict[int, list[int]] = {}
    for rows, tokens, scores in candidates(logits, sampling):
        for row, ids, values in zip(rows.tolist(), tokens, scores, strict=True):
            assert row not in kept
            kept[row] = ids[values > -torch.inf].tolist()
    return [kept[row] for row in range(len(logits))]


SAMPLING = st.builds(
    SamplingParameters,
    temperature=st.sampled_from([0.0, 0.3, 1.0, 1.7]),
    top_k=st.sampled_from([0, 0, 1, 3, 20, 500]),
    top_p=st.sampled_from([1e-6, 0.1, 0.5, 0.9, 0.95, 0.999, 1.0]),
)


@st.composite
def logit_rows(draw: st.DrawFn) -> Tensor:
    """Peaked and flat rows together, with many ties or with none."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 300)))
    spread = random.choice([0.01, 1.0, 3.0, 12.0], (shape[0], 1))
    logits = random.normal(0, spread, shape)
    if draw(st.booleans()):
        logits = np.round(logits)
    return torch.tensor(logits, dtype=torch.float32)


@settings(max_examples=150, deadline=None)
@given(logits=logit_rows(), sampling=SAMPLING, key=st.integers(-(2**63), 2**63 - 1))
def test_the_choice_equals_the_definition(
    logits: Tensor, sampling: SamplingParameters, key: int
) -> None:
    keys = torch.arange(len(logits)) + min(key, 2**63 - 10)
    positions = torch.arange(len(logits)) * 3

    chosen = choose(logits, keys, positions, sampling)

    names = zip(logits, keys.tolist(), positions.tolist(), strict=True)
    assert chosen.tolist() == [chosen_by_definition(*name, sampling) for name in names]


@settings(max_examples=100, deadline=None)
@given(logits=logit_rows(), sampling=SAMPLING.filter(lambda s: s.temperature > 0))
def test_what_is_kept_equals_the_definition(logits: Tensor, sampling: SamplingParameters) -> None:
    expected = [kept_by_definition(row, sampling) for row in logits]

    kept = kept_by_candidates(logits, sampling)

    if sampling.top_p == 1 and not sampling.top_k:
        kept, expected = [sorted(row) for row in kept], [sorted(row) for row in expected]
    assert kept == expected


def logits_of(*probabilities: float) -> Tensor:
    return torch.tensor([probabilities]).log()


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.3, [1]), (0.5, [1]), (0.51, [1, 0]), (0.9, [1, 0, 3]), (1.0, [0, 1, 2, 3])],
)
def test_the_token_that_reaches_the_mass_is_the_last_kept(top_p: float, kept: list[int]) -> None:
    logits = logits_of(0.25, 0.5, 0.0625, 0.1875)

    assert kept_by_candidates(logits, SamplingParameters(top_p=top_p)) == [kept]


def test_of_equal_tokens_at_the_edge_the_lower_id_is_kept() -> None:
    logits = logits_of(0.125, 0.25, 0.125, 0.25, 0.25)

    assert kept_by_candidates(logits, SamplingParameters(top_p=0.4)) == [[1, 3]]
    assert kept_by_candidates(logits, SamplingParameters(top_p=1.0, top_k=2)) == [[1, 3]]
    assert kept_by_candidates(logits, SamplingParameters(top_p=0.9, top_k=4)) == [[1, 3, 4, 0]]


def test_top_p_counts_the_mass_of_what_top_k_left() -> None:
    """Of the two left the first has 5/8 of the mass, though only 0.5 of the whole."""
    logits = logits_of(0.5, 0.3, 0.2)

    assert kept_by_candidates(logits, SamplingParameters(top_k=2, top_p=0.6)) == [[0]]
    assert kept_by_candidates(logits, SamplingParameters(top_k=0, top_p=0.6)) == [[0, 1]]


def test_the_temperature_comes_before_the_filters() -> None:
    logits = logits_of(0.6, 0.3, 0.1)

    assert kept_by_candidates(logits, SamplingParameters(top_p=0.7)) == [[0, 1]]
    assert kept_by_candidates(logits, SamplingParameters(top_p=0.7, temperature=0.5)) == [[0]]


def test_greedy_takes_the_lowest_of_the_largest() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 2.0]])
    keys = torch.tensor([1, 2])

    assert choose(logits, keys, keys, SamplingParameters(temperature=0)).tolist() == [1, 0]


def test_a_token_that_was_ruled_out_is_never_chosen() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0]]).expand(200, -1)
    keys = torch.arange(200)

    for sampling in (
        SamplingParameters(),
        SamplingParameters(top_p=1),
        SamplingParameters(top_k=3),
    ):
        chosen = choose(logits, keys, torch.zeros_like(keys), sampling)
        assert set(chosen.tolist()) == {1, 3}


def test_choices_are_drawn_from_the_filtered_softmax() -> None:
    """Chi-squared with 3 degrees of freedom: 16.3 is its 0.1 % point."""
    probabilities = np.array([0.4, 0.3, 0.2, 0.06, 0.03, 0.01])
    logits = torch.tensor(probabilities).log().float().expand(20_000, -1)
    keys = torch.arange(20_000)

    chosen = choose(logits, keys, torch.full_like(keys, 2), SamplingParameters(top_p=0.95))

    counts = np.bincount(chosen.numpy(), minlength=6)
    expected = probabilities[:4] / probabilities[:4].sum() * 20_000
    assert counts[4:].tolist() == [0, 0]
    assert float(((counts[:4] - expected) ** 2 / expected).sum()) < 16.3


def test_rows_ranked_whole_are_taken_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flat row of a large vocabulary does not make all rows of the batch as wide."""
    monkeypatch.setattr(room, "_WHOLE_VALUES_MAX", 2 * 2000)
    logits = torch.randn(9, 2000) * torch.tensor([0.1, 9, 0.1, 0.1, 9, 0.1, 0.1, 9, 0.1])[:, None]
    sampling = SamplingParameters(top_p=0.9)

    groups = list(candidates(logits, sampling))

    assert [group.rows.tolist() for group in groups] == [[1, 4, 7], [0, 2], [3, 5], [6, 8]]
    assert groups[0].tokens.shape[1] < 100
    assert kept_by_candidates(logits, sampling) == [kept_by_definition(r, sampling) for r in logits]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_choose_as_their_float32_values(dtype: torch.dtype) -> None:
    """Half precision makes ties common; they must not depend on the sorting algorithm."""
    logits = (torch.randn(64, 300) * 3).to(dtype)
    keys = torch.arange(64)

    for sampling in (
        SamplingParameters(),
        SamplingParameters(top_k=5),
        SamplingParameters(top_p=1),
    ):
        half = choose(logits, keys, keys, sampling)
        assert half.tolist() == choose(logits.float(), keys, keys, sampling).tolist()


@pytest.mark.parametrize(
    ("value", "settings_"),
    [
        (math.nan, {}),
        (math.inf, {}),
        (math.nan, {"top_k": 3}),
        (math.inf, {"top_k": 3}),
        (math.nan, {"temperature": 0.0}),
        (math.nan, {"top_p": 1.0}),
    ],
)
def test_logits_that_are_not_numbers_are_refused(value: float, settings_: dict[str, Any]) -> None:
    logits = torch.zeros(3, 5)
    logits[1, 2] = value
    keys = torch.arange(3)

    with pytest.raises(FloatingPointError, match="diverged"):
        choose(logits, keys, keys, SamplingParameters(**settings_))


def test_the_logits_are_left_as_they_were() -> None:
    logits = torch.randn(4, 50)
    before = logits.clone()

    for sampling in (
        SamplingParameters(),
        SamplingParameters(top_k=5),
        SamplingParameters(top_p=1),
    ):
        choose(logits, torch.arange(4), torch.arange(4), sampling)

    assert torch.equal(logits, before)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.inf),
        ("temperature", math.nan),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", 1.01),
        ("top_p", math.nan),
        ("tokens_max", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        SamplingParameters(**{field: value})


def test_settings_at_the_ends_of_their_range_are_accepted() -> None:
    SamplingParameters(temperature=0, top_k=0, top_p=1, tokens_max=1)
