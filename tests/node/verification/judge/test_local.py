"""A model in this process is asked for two labels' probabilities, and cannot be overrun."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from node.faults import ModelFault
from node.policy import CausalPolicy
from node.verdict import Reason
from node.verification.judge import Leaning, LocalJudge, Question, Said, Silence, builtin_judge
from node.verification.judge.local import label_tokens, prompt_tokens

LATER = 1e12
SOUND = "Ada has 2 apples. She finds 3 more. How many apples are there now?\n"


def asking(user: str, **fields: Any) -> Question:
    given: dict[str, Any] = {"accept": "yes", "refuse": "no", "tokens_max": 4, "in_words": False}
    return Question(system="", user=user, **{**given, **fields})


@pytest.fixture
def fresh() -> CausalPolicy:
    """A judge of a test's own, to be spoilt."""
    return builtin_judge()


def test_probabilities_are_those_of_the_models_next_token(builtin: LocalJudge) -> None:
    policy = builtin_judge()
    (leaning,) = builtin.ask([asking("Sound?")], until=LATER)
    tokens = torch.tensor([policy.encode("Sound?")])

    with torch.inference_mode():
        expected = policy.model(input_ids=tokens).logits[0, -1].softmax(-1)

    assert isinstance(leaning, Leaning)
    accept = sum(expected[t].item() for t in set(label_tokens(policy, "yes")))
    refuse = sum(expected[t].item() for t in set(label_tokens(policy, "no")))
    assert (leaning.accept, leaning.refuse) == pytest.approx((accept, refuse), rel=1e-4)


def test_a_batch_says_of_each_what_it_says_alone(
    builtin: LocalJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = [asking("word " * count) for count in (30, 1, 7, 100, 2)]
    alone = [builtin.ask([question], until=LATER)[0] for question in questions]

    for limit in (16_384, 60):
        monkeypatch.setattr("node.verification.judge.local.BATCH_TOKENS_MAX", limit)
        together = builtin.ask(questions, until=LATER)
        for one, other in zip(together, alone, strict=True):
            assert isinstance(one, Leaning)
            assert isinstance(other, Leaning)
            assert one.accept == pytest.approx(other.accept, rel=1e-3)


def test_what_does_not_fit_the_model_is_a_silence(builtin: LocalJudge) -> None:
    replies = builtin.ask([asking("x " * 5000), asking("x")], until=LATER)

    assert isinstance(replies[0], Silence)
    assert replies[0].reason is Reason.JUDGE_SILENT
    assert isinstance(replies[1], Leaning)


def test_when_time_is_up_the_rest_is_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.verification.judge.local.BATCH_TOKENS_MAX", 1)
    ticks = iter(range(100))
    judge = LocalJudge(builtin_judge(), name="builtin", clock=lambda: float(next(ticks)))

    replies = judge.ask([asking("x")] * 4, until=2.0)

    assert [type(reply) for reply in replies] == [Leaning, Leaning, Silence, Silence]
    assert isinstance(replies[-1], Silence)
    assert replies[-1].reason is Reason.JUDGE_UNASKED


def test_a_model_that_computes_no_numbers_gives_no_probability(fresh: CausalPolicy) -> None:
    with torch.no_grad():
        fresh.model.model.norm.weight.fill_(float("nan"))

    (reply,) = LocalJudge(fresh, name="broken").ask([asking("x")], until=LATER)

    assert isinstance(reply, Leaning)
    assert reply.accept != reply.accept


def test_written_answers_can_be_asked_for(builtin: LocalJudge) -> None:
    (reply,) = builtin.ask([asking(SOUND, in_words=True, tokens_max=3)], until=LATER)

    assert isinstance(reply, Said)
    assert len(reply.text) > 0


def test_a_model_without_a_token_for_a_label_cannot_judge(builtin: LocalJudge) -> None:
    with pytest.raises(ModelFault, match="no token for its verdict 'zwölf'"):
        builtin.ask([asking("x", accept="zwölf")], until=LATER)


def test_its_special_tokens_are_reserved(builtin: LocalJudge) -> None:
    assert {"<|endoftext|>", "<think>", "</answer>"} <= set(builtin.reserved)


TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def test_a_chat_model_is_asked_in_its_own_form(fresh: CausalPolicy) -> None:
    fresh.tokenizer.chat_template = TEMPLATE

    tokens = prompt_tokens(fresh, "Be strict.", "Sound?")

    assert fresh.decode(tokens) == "<system>Be strict.<user>Sound?<assistant>"


def test_a_chat_model_without_system_turns_is_told_in_the_users(fresh: CausalPolicy) -> None:
    refuse = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    fresh.tokenizer.chat_template = refuse + TEMPLATE

    tokens = prompt_tokens(fresh, "Be strict.", "Sound?")

    assert fresh.decode(tokens) == "<user>Be strict.\n\nSound?<assistant>"


def test_a_plain_model_is_asked_in_plain_text(fresh: CausalPolicy) -> None:
    assert fresh.decode(prompt_tokens(fresh, "Be strict.", "Sound?")) == "Be strict.\n\nSound?"
    assert fresh.decode(prompt_tokens(fresh, "", "Sound?")) == "Sound?"


def test_many_are_answered_in_the_time_of_a_few(builtin: LocalJudge) -> None:
    """One pass a batch: a judge that reads one by one could not keep up with a swarm."""

    def seconds(work: Callable[[], object]) -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    questions = [asking(f"{SOUND} {at}") for at in range(128)]
    one_by_one = seconds(lambda: [builtin.ask([each], until=LATER) for each in questions])

    assert seconds(lambda: builtin.ask(questions, until=LATER)) < 0.7 * one_by_one
