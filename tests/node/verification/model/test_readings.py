from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from node.verification import Submission
from node.verification.evidence import Unread
from node.verification.kinship import Kinship, KinshipSettings
from node.verification.readings import Readings

Make = Callable[..., Submission]


def test_each_submission_is_read_once_however_many_ask(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    items = [handed_in(index=index) for index in range(4)]

    first = readings.of(items)
    again = readings.of(items[::-1])

    assert policy.asked == 4
    assert again == first[::-1]


def test_who_asks_for_one_more_pays_for_one_more(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    items = [handed_in(index=index) for index in range(4)]
    readings.of(items[:3])

    readings.of(items)

    assert policy.asked == 4


def test_one_submission_asked_for_twice_at_once_is_read_once(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    item = handed_in()

    one, other = readings.of([item, item])

    assert one is other
    assert policy.asked == 1


def test_noise_belongs_to_one_place(
    readings: Readings, handed_in: Make, authors: tuple[str, str]
) -> None:
    """The very same tokens replay at Alice's one place, and at no other."""
    alice, bob = authors
    honest = max((handed_in(index=index) for index in range(20)), key=lambda it: len(it.tokens))

    def worst(**place: Any) -> float:
        fields = {"author": alice, "index": honest.index, **place}
        (reading,) = readings.of([handed_in(**fields, tokens=honest.tokens)])
        return float(reading.evidence.margins.max())

    assert worst() == 0.0
    assert worst(index=honest.index + 1) > 0
    assert worst(author=bob) > 0
    assert worst(round_index=1) > 0
    assert worst(prompt_index=1) > 0


def test_another_swarms_noise_is_other_noise(policy: Any, sampling: Any, handed_in: Make) -> None:
    item = handed_in()

    (reading,) = Readings(policy, sampling, swarm=b"another").of([item])

    assert reading.evidence.margins.max() > 0


def a_round_later(policy: Any, readings: Readings) -> None:
    readings.close()
    policy.nudge(0.5)
    readings.open()


def test_a_round_later_an_old_contribution_is_read_under_the_weights_of_then(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    old = [handed_in(index=index) for index in range(20)]
    a_round_later(policy, readings)
    new = [handed_in(index=index) for index in range(20)]

    found = readings.of([*old, *new])

    assert all(one.kinship is Kinship.SAME for one in found)
    assert [one.is_current for one in found] == [False] * 20 + [True] * 20
    assert all(float(one.evidence.margins.max()) == 0.0 for one in found)
    assert policy.digest() == readings.kin.digest


def test_without_kept_weights_it_is_read_under_those_of_now(
    make_readings: Callable[..., Readings], policy: Any, handed_in: Make
) -> None:
    readings = make_readings(policy, kinship=KinshipSettings(bytes_max=0))
    old = [handed_in(index=index) for index in range(40)]
    a_round_later(policy, readings)

    found = readings.of(old)

    assert all((one.kinship, one.is_current) == (Kinship.STALE, True) for one in found)
    assert max(float(one.evidence.margins.max()) for one in found) > 0


def test_the_trainer_gets_the_log_probabilities_of_the_same_pass(
    readings: Readings, handed_in: Make
) -> None:
    item = handed_in()
    (reading,) = readings.of([item])

    given = readings.old_logprobs(item)

    assert given is not None
    assert np.array_equal(given, reading.evidence.logprobs)


def test_the_trainer_gets_nothing_that_is_not_of_now(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    old, unread, unknown = handed_in(), handed_in(tokens=()), handed_in()
    a_round_later(policy, readings)
    readings.of([old, unread])

    assert readings.old_logprobs(old) is None
    assert readings.old_logprobs(unread) is None
    assert readings.old_logprobs(unknown) is None


def test_the_likelihood_of_a_whole_completion_is_the_sum_of_its_tokens(
    readings: Readings, handed_in: Make
) -> None:
    item = handed_in()
    (reading,) = readings.of([item])

    assert readings.logprob(item) == pytest.approx(float(reading.evidence.logprobs.sum()))
    assert readings.logprob(handed_in(tokens=(99,))) is None


def test_a_new_round_forgets_the_old_ones_readings(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    item = handed_in()
    readings.of([item])
    readings.open()

    readings.of([item])

    assert policy.asked == 2


def test_what_cannot_be_read_is_a_reading_too(readings: Readings, handed_in: Make) -> None:
    empty, alien, sound = readings.of([handed_in(tokens=()), handed_in(tokens=(99,)), handed_in()])

    assert (empty.evidence.unread, alien.evidence.unread) == (Unread.EMPTY, Unread.UNKNOWN_TOKEN)
    assert sound.evidence.unread is None
