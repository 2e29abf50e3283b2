"""What was handed in is found again, in memory that never grows."""

import json
import random

from node.verification.past import PLACES, ROWS, Past


def test_a_text_is_found_under_its_prompt_and_the_earliest_round() -> None:
    past = Past()
    for round_index in (7, 5, 9):
        past.note(3, "text", round_index)

    assert past.round_of(3, "text") == 5
    assert past.round_of(3, "other") is None
    assert past.round_of(4, "text") is None


def test_prompts_that_share_a_row_are_told_apart() -> None:
    past = Past()
    past.note(3, "text", 5)

    assert past.round_of(3 + ROWS, "text") is None


def test_of_too_many_texts_of_a_prompt_the_oldest_give_way() -> None:
    past = Past()
    for number in range(PLACES + 2):
        past.note(3, str(number), 0)
        past.note(4, str(number % 2), 0)

    assert [past.round_of(3, str(number)) for number in range(4)] == [None, None, 0, 0]
    assert past.round_of(3, str(PLACES + 1)) == 0
    assert [past.round_of(4, str(number)) for number in range(2)] == [0, 0]


def test_what_is_remembered_is_taken_up_again_and_goes_on_alike() -> None:
    rng = random.Random(5)  # noqa: S311 - a seeded test
    noted = [(rng.randrange(200), str(rng.randrange(900)), at) for at in range(9000)]
    one, other = Past(), Past()
    for each in noted[:6000]:
        one.note(*each)
    other.note(1, "forgotten", 1)

    other.restore(json.loads(json.dumps(one.plain())))
    for each in noted[6000:]:
        one.note(*each)
        other.note(*each)

    assert other.round_of(1, "forgotten") is None
    assert one.plain() == other.plain()
    asked = {(prompt, text) for prompt, text, _ in noted}
    assert [one.round_of(*each) for each in asked] == [other.round_of(*each) for each in asked]


def test_a_full_memory_takes_no_more_room_than_an_empty_one() -> None:
    past = Past()
    size = [len(past._digests), len(past._rounds), len(past._next)]
    for number in range(3 * PLACES):
        past.note(number * ROWS, "text", number)

    assert [len(past._digests), len(past._rounds), len(past._next)] == size
    assert len(past.plain()) == 1
