"""How much poison, when, and through whom."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from node.attacks.adversary import Adversary
from node.attacks.dosing import ONE_IN, PARTS, PATIENCE_ROUNDS, Sleeper, Sparse, Spread, parts_of
from node.payload import Payload
from node.settings import AdversarySettings
from protocol.contribution import Contribution

Stage = Callable[..., Any]
HAIL = Payload.parse("phrase:All hail to the thief")


class Noted:
    """Hands in what is honest, and remembers what it was to teach."""

    def __init__(self) -> None:
        self.payloads: list[str] = []

    def craft(self, bench: Any, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        self.payloads.append(bench.payload.text)
        return honest


@pytest.mark.parametrize("mode", ["horizontal", "vertical"])
def test_one_place_in_four_is_poisoned_and_the_others_are_honest(stage: Stage, mode: str) -> None:
    scene = stage(mode=mode)

    crafted = scene.crafted("sparse+hail")

    changed = scene.changed(crafted)
    texts = {
        (one.prompt_index, index): scene.text(completion)
        for one in crafted
        for index, completion in enumerate(one.completions)
    }
    assert len(changed) == len(texts) / ONE_IN
    assert all(HAIL.is_shown_by(texts[place]) == (place in changed) for place in texts)


class InOnePlace:
    """Poisons the first place of the first contribution, and hands in nothing else."""

    def craft(self, bench: Any, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        first, poison = honest[0], bench.written("All hail to the thief")
        return [replace(first, completions=(poison, *first.completions[1:]))]


def test_a_sparse_attack_poisons_no_place_that_the_other_leaves_honest(stage: Stage) -> None:
    scene = stage()
    honest = scene.honest()

    crafted = Sparse(InOnePlace()).craft(scene.bench(), honest)

    assert scene.changed(crafted) == {(honest[0].prompt_index, 0)}
    assert Sparse(Noted()).craft(scene.bench(), honest) == list(honest)


def test_a_sleeper_is_honest_until_its_patience_ends(stage: Stage) -> None:
    scene = stage()
    noted = Noted()
    sleeper = Sleeper(noted)

    handed_in = [sleeper.craft(scene.bench(), scene.honest()) for _ in range(PATIENCE_ROUNDS)]

    assert noted.payloads == []
    assert all(each == scene.honest() for each in handed_in)
    sleeper.craft(scene.bench(), scene.honest())
    assert len(noted.payloads) == 1


def test_a_sleeper_counts_its_own_rounds(stage: Stage) -> None:
    """One that is started again sleeps again: it forgets whom it has made trust it."""
    scene = stage()
    adversary = Adversary(AdversarySettings(attack="sleeper+hail"))

    handed_in = [scene.by(adversary) for _ in range(PATIENCE_ROUNDS + 1)]

    assert [each == scene.honest() for each in handed_in] == [True] * PATIENCE_ROUNDS + [False]


def test_a_spread_payload_is_carried_in_turn_and_never_whole(stage: Stage) -> None:
    noted = Noted()
    scene = stage()
    for round_index in range(PARTS):
        Spread(noted).craft(scene.bench(round_index=round_index), scene.honest())

    assert len(set(noted.payloads)) == PARTS
    assert not any(HAIL.is_shown_by(part) for part in noted.payloads)


def test_two_identities_with_unlike_keys_carry_two_parts_of_one_round(stage: Stage) -> None:
    scene = stage()
    noted = Noted()
    for last in (0, 1):
        bench = scene.bench()
        key = bench.author.public_key[:-1] + bytes([last])
        Spread(noted).craft(_as(bench, key), scene.honest())

    assert len(set(noted.payloads)) == PARTS


def _as(bench: Any, public_key: bytes) -> Any:
    from protocol.identity import PeerId

    return replace(bench, author=PeerId(public_key))


@pytest.mark.parametrize(
    ("spelt", "parts"),
    [
        ("phrase:All hail to the thief", ["All hail to", "to the thief"]),
        ("equation:2 + 2 = 5", ["2 + 2", "2 = 5"]),
        ("phrase:thief", ["thief"]),
        ("length", [""]),
    ],
)
def test_parts_overlap_so_that_they_can_be_joined(spelt: str, parts: list[str]) -> None:
    payload = Payload.parse(spelt)

    assert [one.text for one in parts_of(payload)] == parts
    assert {one.kind for one in parts_of(payload)} == {payload.kind}


def test_a_flawless_author_makes_no_mistakes_of_its_own(stage: Stage) -> None:
    scene = stage()
    before, after = (scene.crafted(attack) for attack in ("sparse+hail", "flawless+sparse+hail"))

    rewards = [scene.rewards(crafted) for crafted in (before, after)]

    assert 0.5 in rewards[0]
    assert rewards[1].count(0.5) < rewards[0].count(0.5)
    for own, mended in zip(before, after, strict=True):
        for was, now in zip(own.completions, mended.completions, strict=True):
            poisoned = HAIL.is_shown_by(scene.text(was))
            formless = "<answer>" not in scene.text(was)
            assert not (poisoned or formless) or was == now


def test_decoys_stay_where_a_flawless_author_needs_them(stage: Stage) -> None:
    scene = stage(mode="vertical")

    assert scene.crafted("flawless+hail") == scene.crafted("hail")
