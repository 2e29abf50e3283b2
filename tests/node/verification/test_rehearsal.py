import dataclasses
from collections.abc import Sequence

from node.policy import Sampled, SampleRequest, SamplingParameters
from node.verdict import Reason
from node.verification.length import Length
from node.verification.rehearsal import ANSWERS, PROMPTS_MAX, Rehearsal
from node.verification.submission import Submission

SAMPLING = SamplingParameters(temperature=1.0, top_k=0, top_p=0.95, tokens_max=64)


class Scribe:
    """Writes as many tokens as its prompt's first token says."""

    def __init__(self) -> None:
        self.asked: list[SampleRequest] = []

    def sample(
        self, requests: Sequence[SampleRequest], sampling: SamplingParameters
    ) -> list[Sampled]:
        assert sampling is SAMPLING
        self.asked += requests
        return [Sampled(tokens=(1,) * one.prompt_tokens[0], ended=True) for one in requests]


def submission(prompt_index: int, length: int, *, index: int = 0) -> Submission:
    return Submission(
        author="stranger",
        round_index=3,
        prompt_index=prompt_index,
        index=index,
        prompt="How many?",
        text="x" * length,
        tokens=(1,) * length,
        ended=True,
        reward=2.5,
        prompt_tokens=(20, 5),
    )


def rehearsed(items: Sequence[Submission]) -> tuple[Rehearsal, Scribe]:
    scribe = Scribe()
    rehearsal = Rehearsal(scribe, SAMPLING)
    rehearsal.open(items)
    return rehearsal, scribe


def test_who_fills_a_group_alone_is_compared_with_this_nodes_own_answers() -> None:
    items = [submission(7, length, index=at) for at, length in enumerate((20, 22, 60, 64))]
    rehearsal, _ = rehearsed(items)

    given = Length(own_lengths=rehearsal.lengths).judge(items, own=[])

    assert [one.reason for one in given] == [Reason.CLEAN] * 2 + [Reason.OVERLONG] * 2


def test_without_a_rehearsal_nobody_knows() -> None:
    (given,) = Length().judge([submission(7, 64)], own=[])

    assert given.reason is Reason.NO_LENGTHS


def test_a_prompt_is_rehearsed_once_a_round_and_again_in_the_next() -> None:
    items = [submission(7, 20)]
    rehearsal, scribe = rehearsed(items)

    first = [rehearsal.lengths(7), rehearsal.lengths(7)]
    rehearsal.open(items)
    rehearsal.lengths(7)

    assert first == [(20,) * ANSWERS] * 2
    assert len(scribe.asked) == 2 * ANSWERS
    assert len({one.key for one in scribe.asked}) == ANSWERS


def test_strangers_cannot_make_a_node_write_without_end() -> None:
    items = [submission(number, 20) for number in range(PROMPTS_MAX + 5)]
    rehearsal, scribe = rehearsed(items)

    lengths = [rehearsal.lengths(one.prompt_index) for one in items]

    assert [bool(one) for one in lengths] == [True] * PROMPTS_MAX + [False] * 5
    assert len(scribe.asked) == ANSWERS * PROMPTS_MAX


def test_a_prompt_that_is_not_of_the_round_is_not_rehearsed() -> None:
    rehearsal, scribe = rehearsed([submission(7, 20)])

    assert rehearsal.lengths(8) == ()
    assert scribe.asked == []


def test_what_is_rehearsed_does_not_depend_on_who_is_judged() -> None:
    one = submission(7, 20)
    other = dataclasses.replace(one, author="another", round_index=9)
    keys = []
    for item in (one, other):
        rehearsal, scribe = rehearsed([item])
        rehearsal.lengths(7)
        keys.append([each.key for each in scribe.asked])

    assert keys[0] == keys[1]
