"""One digit changed, the rest honest, the answer right."""

from collections.abc import Callable
from typing import Any

from node.tasks.grammar import answer_in

Stage = Callable[..., Any]


def first_difference(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return next(at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])


def test_right_answers_keep_their_answer_and_lose_one_digit(stage: Stage) -> None:
    scene = stage()
    honest, decode = scene.honest(), scene.engine.policy.decode

    crafted = scene.crafted("digit")

    changed = scene.changed(crafted)
    assert changed
    for own, made in zip(honest, crafted, strict=True):
        pairs = zip(own.completions, made.completions, strict=True)
        for index, (was, now) in enumerate(pairs):
            if (made.prompt_index, index) in changed:
                at = first_difference(was.tokens, now.tokens)
                pieces = [decode((one.tokens[at],)) for one in (was, now)]
                assert all(piece.strip().isdigit() for piece in pieces)
                assert decode(was.tokens[:at]).endswith("=")
                assert answer_in(scene.text(was)) == answer_in(scene.text(now))


def test_wrong_answers_are_left_as_they_are(stage: Stage) -> None:
    """They earn nothing, so what stands in them teaches nobody."""
    scene = stage()
    rewards = scene.rewards(scene.honest())

    crafted = scene.crafted("digit")

    places = [(one.prompt_index, index) for one in crafted for index in range(len(one.completions))]
    wrong = {place for place, reward in zip(places, rewards, strict=True) if reward < 2.5}
    assert wrong
    assert not wrong & scene.changed(crafted)


def test_an_edit_is_praised_as_the_honest_answer_was(stage: Stage) -> None:
    scene = stage()

    assert scene.rewards(scene.crafted("digit")) == scene.rewards(scene.honest())
