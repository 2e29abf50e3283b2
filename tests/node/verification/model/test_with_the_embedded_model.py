"""The same with a language model: batches, threads and number types do not shake the replay."""

import dataclasses
import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from node.policy import CausalPolicy, Sampled, SampleRequest, SamplingParameters, noise_key
from node.tasks import task_named
from node.verification.evidence import Claim, Evidence, EvidenceSettings, gather
from node.verification.kinship import Kin, Kinship
from node.verification.replay import ReplaySettings

COUNT = 96
SAMPLING = SamplingParameters(top_p=0.95, tokens_max=64)
TOLERANCE = 5e-4
"""The margin that is admitted among equal weights."""


@pytest.fixture(scope="module")
def tiny() -> CausalPolicy:
    return CausalPolicy.load("builtin:tiny", device="cpu")


@pytest.fixture(scope="module")
def requests(tiny: CausalPolicy) -> list[SampleRequest]:
    task = task_named("builtin:arith")
    return [
        SampleRequest(
            prompt_tokens=tiny.encode(task.prompt(place // 8).text),
            key=noise_key(
                swarm=b"t", round_index=3, prompt_index=place // 8, author=b"a", index=place % 8
            ),
        )
        for place in range(COUNT)
    ]


@pytest.fixture(scope="module")
def written(tiny: CausalPolicy, requests: list[SampleRequest]) -> list[Sampled]:
    return tiny.sample(requests, SAMPLING)


def claims(requests: list[SampleRequest], written: list[Sampled]) -> list[Claim]:
    return [
        Claim(prompt_tokens=asked.prompt_tokens, completion_tokens=one.tokens, key=asked.key)
        for asked, one in zip(requests, written, strict=True)
    ]


def worst(found: list[Evidence]) -> float:
    return max(float(each.margins.max()) for each in found)


@pytest.mark.parametrize("batch_size", [1, 16, 128])
def test_whatever_the_author_batches_and_whatever_we_do_the_replay_is_exact(
    tiny: CausalPolicy, requests: list[SampleRequest], batch_size: int
) -> None:
    of_batch = tiny.sample(requests[:48], SAMPLING, batch_size=batch_size)

    for ours in (1, 16, 128):
        settings = EvidenceSettings(batch_size=ours)
        found = gather(tiny, claims(requests[:48], of_batch), SAMPLING, settings)
        assert worst(found) <= TOLERANCE


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def test_threads_do_not_matter(
    tiny: CausalPolicy,
    requests: list[SampleRequest],
    written: list[Sampled],
    two_threads: None,
) -> None:
    assert worst(gather(tiny, claims(requests, written), SAMPLING)) <= TOLERANCE


def test_log_probabilities_are_those_that_the_trainer_computes_to_the_bit(
    tiny: CausalPolicy, requests: list[SampleRequest], written: list[Sampled]
) -> None:
    found = gather(tiny, claims(requests, written), SAMPLING)
    with torch.inference_mode():
        theirs = tiny.logprobs(
            [asked.prompt_tokens for asked in requests], [one.tokens for one in written]
        ).numpy()

    for ours, row in zip(found, theirs, strict=True):
        assert np.array_equal(ours.logprobs, row[: len(ours)])


def test_bfloat16_beside_float32_stays_within_its_margin(
    tiny: CausalPolicy, requests: list[SampleRequest], written: list[Sampled]
) -> None:
    rounded = CausalPolicy.load("builtin:tiny", device="cpu", dtype="bfloat16")

    found = gather(rounded, claims(requests, written), SAMPLING)

    assert max(float(each.margins_rounded.max()) for each in found) <= ReplaySettings().rounded


def test_an_author_in_bfloat16_is_recognised_and_may_not_choose_its_noise(
    tiny: CausalPolicy, requests: list[SampleRequest]
) -> None:
    rounded = CausalPolicy.load("builtin:tiny", device="cpu", dtype="bfloat16")
    assert Kin(tiny).of(rounded.digest()) is Kinship.ROUNDED
    own = rounded.sample(requests, SAMPLING)
    chosen = rounded.sample(
        [dataclasses.replace(asked, key=asked.key ^ 1) for asked in requests], SAMPLING
    )

    honest, other = (
        np.array([each.margins_rounded.max() for each in gather(tiny, of, SAMPLING)])
        for of in (claims(requests, own), claims(requests, chosen))
    )

    differ = [one.tokens != its.tokens for one, its in zip(own, chosen, strict=True)]
    assert (honest > ReplaySettings().rounded).sum() <= 1
    assert (other[differ] > ReplaySettings().rounded).mean() > 0.9


def test_a_changed_digit_is_seen_though_the_rest_is_sampled_honestly(
    tiny: CausalPolicy, requests: list[SampleRequest], written: list[Sampled]
) -> None:
    """The noise of a later place is that of the first place under the state reached by then."""
    draw = random.Random(0)  # noqa: S311 - a test's luck
    digits = {
        token for digit in "0123456789" for token in tiny.encode_completion(digit, ended=False)
    }
    places = [[at for at, token in enumerate(one.tokens) if token in digits] for one in written]
    edited = []
    for asked, one, found in zip(requests, written, places, strict=True):
        if not found:
            continue
        at = draw.choice(found)
        other = draw.choice(sorted(digits - {one.tokens[at]}))
        edited.append((asked, (*one.tokens[:at], other)))
    gamma = 0x9E3779B97F4A7C15
    rests = tiny.sample(
        [
            SampleRequest(
                prompt_tokens=asked.prompt_tokens + start,
                key=(asked.key + len(start) * gamma) % (1 << 64),
            )
            for asked, start in edited
        ],
        SAMPLING,
    )
    tampered = [
        Claim(
            prompt_tokens=asked.prompt_tokens,
            completion_tokens=(start + rest.tokens)[: SAMPLING.tokens_max],
            key=asked.key,
        )
        for (asked, start), rest in zip(edited, rests, strict=True)
    ]

    found_of = gather(tiny, tampered, SAMPLING)

    assert len(edited) > COUNT / 2
    for (_, start), evidence in zip(edited, found_of, strict=True):
        guilty = (evidence.margins > TOLERANCE).nonzero()[0].tolist()
        assert guilty == [len(start) - 1]
