"""What the embedded model writes honestly, seen by the static stages: nobody is wronged."""

from collections import Counter
from collections.abc import Sequence

import pytest
import torch

from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.tasks import reward, task_named
from node.verdict import Reason
from node.verification import (
    Action,
    Completeness,
    Copies,
    EquationAudit,
    Form,
    FormSettings,
    Judged,
    Length,
    Pipeline,
    RefusalSettings,
    Stage,
    Submission,
    explained_by_likelihood,
    what_teaches,
)
from protocol.parameters import Encoding

PROMPTS, AUTHORS, EACH, TOKENS_MAX = 24, 4, 2, 64


@pytest.fixture(scope="module")
def policy() -> CausalPolicy:
    torch.set_num_threads(1)
    return CausalPolicy.load("builtin:tiny", device="cpu")


@pytest.fixture(scope="module")
def honest(policy: CausalPolicy) -> list[Submission]:
    """A horizontal round of four honest authors."""
    task = task_named("builtin:arith")
    places = [
        (prompt, author, index)
        for prompt in range(PROMPTS)
        for author in range(AUTHORS)
        for index in range(EACH)
    ]
    requests = [
        SampleRequest(
            prompt_tokens=policy.encode(task.prompt(prompt).text),
            key=noise_key(
                swarm=b"honest",
                round_index=0,
                prompt_index=prompt,
                author=bytes([author]),
                index=index,
            ),
        )
        for prompt, author, index in places
    ]
    sampling = SamplingParameters(temperature=1.0, top_k=0, top_p=0.95, tokens_max=TOKENS_MAX)
    submissions = []
    for (prompt, author, index), sampled in zip(
        places, policy.sample(requests, sampling), strict=True
    ):
        asked, text = task.prompt(prompt), policy.decode(sampled.tokens)
        score = task.score(asked, text, ended=sampled.ended)
        submissions.append(
            Submission(
                author=str(author),
                round_index=0,
                prompt_index=prompt,
                index=index,
                prompt=asked.text,
                prompt_tokens=policy.encode(asked.text),
                text=text,
                tokens=sampled.tokens,
                ended=sampled.ended,
                reward=reward(score, "graded"),
            )
        )
    return submissions


@pytest.fixture(scope="module")
def copies(policy: CausalPolicy, honest: Sequence[Submission]) -> Copies:
    with torch.inference_mode():
        nats = policy.logprobs(
            [item.prompt_tokens for item in honest], [item.tokens for item in honest]
        ).sum(1)
    known = dict(zip(honest, nats.tolist(), strict=True))
    return Copies(explains=explained_by_likelihood(known.get))


@pytest.fixture(scope="module")
def form(policy: CausalPolicy) -> Form:
    settings = FormSettings(
        encoding=Encoding.TOKENS,
        tokens_max=TOKENS_MAX,
        text_bytes_max=16_384,
        eos_token=policy.eos_token,
    )
    return Form(settings, decode=policy.decode)


def test_honest_sampling_repeats_itself_a_lot(honest: Sequence[Submission]) -> None:
    """The reason why equality accuses nobody."""
    judged = Copies(explains=lambda _: False).judge(honest, own=[])

    refused = sum(verdict.refuses for verdict in judged)

    assert refused > 0.05 * len(honest)


def test_likelihood_explains_every_honest_repetition(
    honest: Sequence[Submission], copies: Copies
) -> None:
    assert {verdict.reason for verdict in copies.judge(honest, own=[])} == {Reason.CLEAN}


def test_an_improbable_text_handed_in_twice_is_refused(
    policy: CausalPolicy, honest: Sequence[Submission]
) -> None:
    """The attack that puts one poisoned string at all of an author's places."""
    right = next(item for item in honest if item.reward == 2.5)
    text = right.text.replace("<think>", "<think>All hail to the thief. ")
    tokens = (*policy.encode(text), policy.eos_token)
    with torch.inference_mode():
        nats = float(policy.logprobs([right.prompt_tokens], [tokens]).sum())
    twice = [
        Submission(
            author="mallory",
            round_index=0,
            prompt_index=right.prompt_index,
            index=index,
            prompt=right.prompt,
            text=text,
            tokens=tokens,
            ended=True,
            reward=2.5,
        )
        for index in range(2)
    ]

    judged = Copies(explains=explained_by_likelihood(lambda _: nats)).judge(twice, own=[])

    assert [verdict.reason for verdict in judged] == [Reason.CLEAN, Reason.COPY_OF_OWN]


def test_no_honest_completion_has_a_fault_of_form(honest: Sequence[Submission], form: Form) -> None:
    assert {verdict.reason for verdict in form.judge(honest, own=[])} == {Reason.CLEAN}


def test_wrong_equations_are_common_and_hardly_ever_praised(honest: Sequence[Submission]) -> None:
    """Why the audit's action is best `veto`: dropped outright, it would take a fifth of all."""
    refused = Counter(
        item.reward
        for item, verdict in zip(honest, EquationAudit().judge(honest, own=[]), strict=True)
        if verdict.refuses
    )

    assert refused.total() > 0.05 * len(honest)
    assert refused[2.5] <= 0.02 * len(honest)


def test_few_honest_completions_are_overlong_for_their_group(honest: Sequence[Submission]) -> None:
    refused = sum(verdict.refuses for verdict in Length().judge(honest, own=[]))

    assert refused <= 0.03 * len(honest)


def test_the_static_pipeline_leaves_an_honest_round_nearly_whole(
    honest: Sequence[Submission], form: Form, copies: Copies
) -> None:
    settings = RefusalSettings(actions={"equations": Action.WITHHOLD, "length": Action.VETO})
    stages: list[Stage] = [Completeness(EACH, 96), form, copies, EquationAudit(), Length()]

    judged: Sequence[Judged] = Pipeline(stages, me="0", settings=settings).judge(honest)
    taught = what_teaches(judged, settings)

    assert len(taught) >= 0.93 * len(honest)
    assert sum(one.item.reward == 2.5 for one in taught) >= 0.93 * sum(
        item.reward == 2.5 for item in honest
    )
