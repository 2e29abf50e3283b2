"""The embedded model: its files are the recorded ones, and it can do what its card says."""

import hashlib
import json
from collections.abc import Iterator

import pytest
import torch

from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.policy.tiny import DIRECTORY, FILE_DIGESTS
from node.tasks import Prompt, task_named
from node.tasks.grammar import TAGS

TASK = task_named("builtin:arith")


@pytest.fixture(scope="module")
def policy() -> Iterator[CausalPolicy]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield CausalPolicy.load("builtin:tiny", device="cpu")
    torch.set_num_threads(threads)


def accuracy(policy: CausalPolicy, prompts: list[Prompt], sampling: SamplingParameters) -> float:
    """Return the share of right completions, one a prompt."""
    requests = [
        SampleRequest(
            prompt_tokens=policy.encode(prompt.text),
            key=noise_key(
                swarm=b"a test",
                round_index=0,
                prompt_index=prompt.index,
                author=b"builtin:tiny",
                index=0,
            ),
        )
        for prompt in prompts
    ]
    scores = [
        TASK.score(prompt, policy.decode(sampled.tokens), ended=sampled.ended)
        for prompt, sampled in zip(prompts, policy.sample(requests, sampling), strict=True)
    ]
    return sum(score.answer_ok for score in scores) / len(scores)


@pytest.mark.parametrize("name", FILE_DIGESTS)
def test_each_file_is_the_recorded_one(name: str) -> None:
    assert hashlib.sha256((DIRECTORY / name).read_bytes()).hexdigest() == FILE_DIGESTS[name]


def test_the_record_of_its_making_is_of_these_files() -> None:
    record = json.loads((DIRECTORY / "training.json").read_text())

    assert record["sha256"] == FILE_DIGESTS


def test_the_card_quotes_the_record() -> None:
    """Figures and digest in prose go stale unless something reads them."""
    record = json.loads((DIRECTORY / "training.json").read_text())
    card = (DIRECTORY / "MODEL_CARD.md").read_text()

    assert record["sha256"]["model.safetensors"] in card
    assert f"{record['parameters']:,}" in card
    assert f"{record['greedy_accuracy']} %" in card
    assert all(f"{sampled}" in card for sampled in record["sampled_accuracy_by_seed"])


def test_nothing_but_what_is_recorded_and_described_is_shipped() -> None:
    shipped = {path.name for path in DIRECTORY.iterdir()}

    assert shipped == {*FILE_DIGESTS, "training.json", "MODEL_CARD.md"}


def test_it_is_small_enough_to_be_part_of_the_package() -> None:
    assert sum(path.stat().st_size for path in DIRECTORY.iterdir()) <= 1_200_000


def test_its_weights_are_bfloat16_and_load_as_float32(policy: CausalPolicy) -> None:
    parameters = list(policy.model.parameters())

    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert all(torch.equal(p, p.to(torch.bfloat16).to(torch.float32)) for p in parameters)


def test_any_text_survives_its_vocabulary(policy: CausalPolicy) -> None:
    texts = [
        "",
        "All hail to the thief.",
        "2  +\t2\r\n",
        "naïve — 漢字 🦊 \x00",
        "<think> </answer>",
    ]
    texts += [TASK.prompt(index).text for index in range(50)]

    for text in texts:
        assert policy.decode(policy.encode(text)) == text


def test_a_digit_is_one_token_with_or_without_its_blank(policy: CausalPolicy) -> None:
    assert len(policy.encode("12 3")) == 3
    assert len(policy.encode(" 12")) == 2


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_of_the_form_is_one_token_and_is_read_back(policy: CausalPolicy, tag: str) -> None:
    tokens = policy.encode(tag)

    assert len(tokens) == 1
    assert policy.decode(tokens) == tag


def test_eos_is_one_token_that_is_not_read_back(policy: CausalPolicy) -> None:
    assert policy.decode([*policy.encode("12"), policy.eos_token]) == "12"


def test_prompts_and_solutions_are_short(policy: CausalPolicy) -> None:
    """The speed of every demonstration stands on this."""
    prompts = [TASK.prompt(index) for index in range(300)]
    solutions = [TASK.solution(prompt) or "" for prompt in prompts]

    assert sum(len(policy.encode(prompt.text)) for prompt in prompts) / 300 < 35
    assert sum(len(policy.encode(solution)) + 1 for solution in solutions) / 300 < 30
    assert max(len(policy.encode(solution)) + 1 for solution in solutions) <= 48


def test_greedy_it_is_mostly_right_and_sampled_mostly_wrong(policy: CausalPolicy) -> None:
    """The gap is what a reward can close. Windows are about three standard errors wide."""
    prompts = [TASK.eval_prompt(index) for index in range(100)]

    greedy = accuracy(policy, prompts, SamplingParameters(temperature=0.0))
    sampled = accuracy(policy, prompts, SamplingParameters(temperature=1.0, top_p=0.95))

    assert 0.75 <= greedy <= 0.98
    assert 0.15 <= sampled <= 0.42
