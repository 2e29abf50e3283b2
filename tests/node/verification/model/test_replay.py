"""Everybody's one honest completion is admitted; whatever else an author hands in is not."""

import dataclasses
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from node.policy import SamplingParameters
from node.verdict import Outcome, Reason, Verdict
from node.verification import Submission
from node.verification.kinship import KinshipSettings
from node.verification.readings import Readings
from node.verification.replay import Replay, ReplaySettings

Make = Callable[..., Submission]
Key = Callable[..., int]
COUNT = 50


def judge(readings: Readings, items: Sequence[Submission], **settings: Any) -> list[Verdict]:
    return Replay(readings, ReplaySettings(**settings)).judge(items, own=())


def reasons(verdicts: Sequence[Verdict]) -> set[Reason]:
    return {verdict.reason for verdict in verdicts}


def test_what_an_honest_author_writes_is_admitted(readings: Readings, handed_in: Make) -> None:
    items = [handed_in(index=index) for index in range(COUNT)]

    assert reasons(judge(readings, items)) == {Reason.CLEAN}


def tampered(
    handed_in: Make, change: Callable[[int, tuple[int, ...]], tuple[int, ...]]
) -> list[Submission]:
    """Change what is honest at each of many places; leave out what stayed as it was."""
    honest = [handed_in(index=index) for index in range(COUNT)]
    changed = [(item, change(item.index, item.tokens)) for item in honest]
    items = [dataclasses.replace(item, tokens=to) for item, to in changed if to != item.tokens]
    assert len(items) > COUNT / 4
    return items


def test_one_token_changed_and_the_rest_kept_is_refused(
    readings: Readings, handed_in: Make
) -> None:
    draw = random.Random(1)  # noqa: S311 - a test's luck

    def change(_index: int, tokens: tuple[int, ...]) -> tuple[int, ...]:
        place = draw.randrange(len(tokens))
        return (*tokens[:place], draw.randrange(1, 12), *tokens[place + 1 :])

    assert reasons(judge(readings, tampered(handed_in, change))) == {Reason.NOT_REPLAYED}


def test_one_token_changed_and_the_rest_sampled_with_the_right_noise_is_refused(
    readings: Readings, policy: Any, handed_in: Make, key: Key
) -> None:
    """From the change on, every token is what its noise chooses; the one is enough."""
    draw = random.Random(2)  # noqa: S311 - a test's luck

    def change(index: int, tokens: tuple[int, ...]) -> tuple[int, ...]:
        place = draw.randrange(len(tokens))
        other = draw.choice([each for each in range(1, 12) if each != tokens[place]])
        start = (*tokens[:place], other)
        written: tuple[int, ...] = policy.write(key(index=index), start=start)
        return written

    verdicts = judge(readings, tampered(handed_in, change))

    assert reasons(verdicts) == {Reason.NOT_REPLAYED}
    assert all(verdict.spans[0].end - verdict.spans[0].start == 1 for verdict in verdicts)
    assert all(len(verdict.spans) == 1 for verdict in verdicts)


def test_the_guilty_token_is_named_with_its_margin(readings: Readings, handed_in: Make) -> None:
    honest = handed_in(index=3)
    place = len(honest.tokens) - 1

    (verdict,) = judge(readings, [dataclasses.replace(honest, tokens=(*honest.tokens[:-1], 5, 6))])

    assert verdict.reason is Reason.NOT_REPLAYED
    assert verdict.spans[0].start == place
    assert verdict.value is not None
    assert verdict.value > ReplaySettings().same
    assert verdict.threshold == ReplaySettings().same


def test_noise_of_ones_own_choice_is_refused(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    verdicts = judge(readings, tampered(handed_in, lambda at, _: policy.write(10**6 + at)))

    assert reasons(verdicts) == {Reason.NOT_REPLAYED}


def test_another_temperature_is_refused_wherever_it_shows(
    readings: Readings, policy: Any, handed_in: Make, key: Key, sampling: SamplingParameters
) -> None:
    """Where the same tokens come out of it, there is nothing to refuse."""
    colder = dataclasses.replace(sampling, temperature=0.7)

    def change(index: int, _tokens: tuple[int, ...]) -> tuple[int, ...]:
        written: tuple[int, ...] = policy.write(key(index=index), sampling=colder)
        return written

    assert reasons(judge(readings, tampered(handed_in, change))) == {Reason.NOT_REPLAYED}


def test_another_filter_is_refused_wherever_it_shows(
    readings: Readings, policy: Any, handed_in: Make, key: Key, sampling: SamplingParameters
) -> None:
    wider = dataclasses.replace(sampling, top_p=1.0)
    honest = [handed_in(index=index) for index in range(COUNT)]
    written = [policy.write(key(index=index), sampling=wider) for index in range(COUNT)]
    items = [
        dataclasses.replace(item, tokens=tokens)
        for item, tokens in zip(honest, written, strict=True)
        if tokens != item.tokens
    ]

    assert len(items) > 3
    assert reasons(judge(readings, items)) == {Reason.NOT_REPLAYED}


def test_the_longest_of_many_samples_is_refused(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    def longest(index: int, _tokens: tuple[int, ...]) -> tuple[int, ...]:
        drawn: list[tuple[int, ...]] = [policy.write(1000 * index + at) for at in range(4)]
        return max(drawn, key=len)

    assert reasons(judge(readings, tampered(handed_in, longest))) == {Reason.NOT_REPLAYED}


def test_another_places_honest_completion_is_refused(
    readings: Readings, policy: Any, handed_in: Make, key: Key
) -> None:
    """Who may choose among the places may choose the longest as well."""
    verdicts = judge(
        readings, tampered(handed_in, lambda at, _: policy.write(key(index=at + COUNT)))
    )

    assert reasons(verdicts) == {Reason.NOT_REPLAYED}


def test_what_was_cut_off_early_is_refused_and_what_goes_on_past_the_end_is_too(
    readings: Readings, handed_in: Make
) -> None:
    cut = tampered(handed_in, lambda _, tokens: (*tokens[: len(tokens) // 2], 0))

    assert reasons(judge(readings, cut)) == {Reason.NOT_REPLAYED}


def later(policy: Any, readings: Readings, size: float) -> None:
    readings.close()
    policy.nudge(size)
    readings.open()


def test_with_kept_weights_a_stale_contribution_is_judged_as_a_fresh_one(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    honest = [handed_in(index=index) for index in range(COUNT)]
    changed = tampered(handed_in, lambda at, _: policy.write(10**6 + at))
    later(policy, readings, 0.5)
    later(policy, readings, 0.5)

    assert reasons(judge(readings, honest)) == {Reason.CLEAN}
    assert reasons(judge(readings, changed)) == {Reason.NOT_REPLAYED}


def test_without_them_it_is_judged_by_a_margin(
    make_readings: Callable[..., Readings], policy: Any, handed_in: Make
) -> None:
    """Exactness would refuse honest authors for being late."""
    readings = make_readings(policy, kinship=KinshipSettings(bytes_max=0))
    honest = [handed_in(index=index) for index in range(COUNT)]
    slogan = tampered(handed_in, lambda _, tokens: (1, 1, 2, 2, 1, 1, *tokens)[:16])
    later(policy, readings, 0.1)

    exact = judge(readings, honest, same=1e-9, rounded=1e-9, stale=1e-9)
    verdicts = judge(readings, honest)
    caught = sum(verdict.refuses for verdict in judge(readings, slogan))

    assert Reason.NOT_REPLAYED in reasons(exact)
    assert reasons(verdicts) == {Reason.CLEAN}
    assert caught > 0.9 * len(slogan)


def test_weights_of_another_number_type_get_a_smaller_margin(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    item = handed_in(tokens=handed_in(index=1).tokens, policy_digest=b"r" * 32)
    readings.kin.now(rounded=frozenset({b"r" * 32}))

    (verdict,) = judge(readings, [item])

    assert verdict.threshold == ReplaySettings().rounded


def test_unknown_weights_are_left_to_other_stages(readings: Readings, handed_in: Make) -> None:
    (verdict,) = judge(readings, [handed_in(policy_digest=bytes(32))])

    assert verdict.reason is Reason.NOT_ASKED
    assert verdict.outcome is Outcome.ACCEPT


def test_where_all_should_be_kin_unknown_weights_leave_it_undecided(
    readings: Readings, handed_in: Make
) -> None:
    (verdict,) = judge(readings, [handed_in(policy_digest=bytes(32))], requires_kin=True)

    assert verdict.reason is Reason.UNKNOWN_WEIGHTS
    assert verdict.outcome is Outcome.UNDECIDED


def test_a_claim_to_our_weights_is_held_to_them(
    readings: Readings, policy: Any, handed_in: Make, make_policy: Callable[..., Any]
) -> None:
    other = make_policy(seed=5)
    items = [
        handed_in(index=index, writer=other, policy_digest=policy.digest()) for index in range(20)
    ]

    assert reasons(judge(readings, items)) == {Reason.NOT_REPLAYED}


@pytest.mark.parametrize("tokens", [(), (12,), (-1,), (1,) * 17])
def test_what_cannot_be_read_is_undecided(
    readings: Readings, handed_in: Make, tokens: tuple[int, ...]
) -> None:
    (verdict,) = judge(readings, [handed_in(tokens=tokens)])

    assert verdict.reason is Reason.UNREAD_TOKENS
    assert verdict.detail


def test_our_own_diverged_weights_accuse_nobody(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    item = handed_in()
    policy.table.fill_(math.nan)
    readings.open()

    (verdict,) = judge(readings, [dataclasses.replace(item, policy_digest=policy.digest())])

    assert verdict.reason is Reason.UNREAD_TOKENS


@pytest.mark.parametrize("length", [1, 16])
def test_the_shortest_and_the_longest_honest_completion_are_admitted(
    readings: Readings, policy: Any, handed_in: Make, length: int
) -> None:
    policy.table[:, 0] = 30.0 if length == 1 else -30.0
    readings.open()
    item = handed_in()

    assert len(item.tokens) == length
    assert reasons(judge(readings, [item])) == {Reason.CLEAN}


@pytest.mark.parametrize("numbers", [{"same": 0.0}, {"same": 9.0}, {"stale": 0.05}], ids=str)
def test_margins_must_not_fall(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="margins"):
        ReplaySettings(**numbers)  # type: ignore[arg-type]  # one of three numbers
