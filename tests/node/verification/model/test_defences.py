"""What the named defences ask, and of whom."""

from collections.abc import Callable, Iterator

import pytest
import torch

from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.tasks import task_named
from node.verdict import Reason
from node.verification import Copies, FormSettings, Judged, Submission
from node.verification.defences import Defence, Ground, pipeline_of
from node.verification.readings import Readings
from protocol.identity import Keypair
from protocol.parameters import Encoding

SAMPLING = SamplingParameters(top_p=0.95, tokens_max=96)
SWARM = b"swarm"
AUTHOR = Keypair.from_seed(bytes([1]) * 32).peer_id
STRANGE = bytes(32)
GROUP = 8
ODD = "<think>the old lighthouse keeps watch over nothing much</think><answer>7</answer>"
"""A text that no policy of this task would write twice."""


@pytest.fixture(scope="module")
def tiny() -> Iterator[CausalPolicy]:
    torch.set_num_threads(1)
    return CausalPolicy.load("builtin:tiny", device="cpu")


@pytest.fixture
def judge(tiny: CausalPolicy) -> Callable[..., list[Judged]]:
    """Judge a group by the default defence."""

    def by_default(items: list[Submission], encoding: Encoding = Encoding.TOKENS) -> list[Judged]:
        readings = Readings(tiny, SAMPLING, swarm=SWARM)
        form = FormSettings(
            encoding=encoding, tokens_max=96, text_bytes_max=4096, eos_token=tiny.eos_token
        )
        ground = Ground(readings=readings, form=form, decode=tiny.decode)
        pipeline, _ = pipeline_of(Defence.DEFAULT, ground, actions={}, undecided_weight=1.0)
        readings.open()
        return list(pipeline.judge(items))

    return by_default


def group(policy: CausalPolicy, texts: list[str] | None, *, digest: bytes) -> list[Submission]:
    """Return one author's group of a prompt: given texts, or what the policy samples."""
    prompt = task_named("builtin:arith").prompt(0)
    asked = policy.encode(prompt.text)
    if texts is None:
        keys = [
            noise_key(
                swarm=SWARM, round_index=0, prompt_index=0, author=AUTHOR.public_key, index=index
            )
            for index in range(GROUP)
        ]
        requests = [SampleRequest(prompt_tokens=asked, key=key) for key in keys]
        written = [one.tokens for one in policy.sample(requests, SAMPLING)]
    else:
        written = [policy.encode_completion(text, ended=True) for text in texts]
    return [
        Submission(
            author=str(AUTHOR),
            round_index=0,
            prompt_index=0,
            index=index,
            prompt=prompt.text,
            prompt_tokens=asked,
            text=policy.decode([token for token in tokens if token != policy.eos_token]),
            tokens=tokens,
            ended=tokens[-1] == policy.eos_token,
            reward=0.0,
            policy_digest=digest,
        )
        for index, tokens in enumerate(written)
    ]


def said(one: Judged, stage: str) -> list[Reason]:
    return [verdict.reason for verdict in one.verdicts if verdict.stage == stage]


@pytest.mark.parametrize("encoding", Encoding)
def test_a_strangers_copies_of_an_unlikely_text_are_refused_but_for_the_first(
    tiny: CausalPolicy, judge: Callable[..., list[Judged]], encoding: Encoding
) -> None:
    first, *rest = judge(group(tiny, [ODD] * GROUP, digest=STRANGE), encoding)

    assert said(first, Copies.name) == [Reason.CLEAN]
    assert [said(one, Copies.name) for one in rest] == [[Reason.COPY_OF_OWN]] * (GROUP - 1)


@pytest.mark.parametrize("encoding", Encoding)
def test_what_a_stranger_samples_honestly_may_repeat_itself(
    tiny: CausalPolicy, judge: Callable[..., list[Judged]], encoding: Encoding
) -> None:
    judged = judge(group(tiny, None, digest=STRANGE), encoding)

    assert [said(one, Copies.name) for one in judged] == [[Reason.CLEAN]] * GROUP


def test_authors_with_known_weights_are_not_asked_about_copies(
    tiny: CausalPolicy, judge: Callable[..., list[Judged]]
) -> None:
    """The replay tells more."""
    judged = judge(group(tiny, None, digest=tiny.digest()))

    assert [said(one, Copies.name) for one in judged] == [[Reason.NOT_ASKED]] * GROUP
