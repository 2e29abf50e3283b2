import math
from typing import Any

import pytest

from node.learning import LossKind, LossSettings, TrainSettings


def test_the_loss_is_told_what_it_needs() -> None:
    settings = TrainSettings(loss=LossKind.DAPO, epsilon_high=0.28, delta=4.0, beta=0.01)

    assert settings.loss_settings == LossSettings(
        kind=LossKind.DAPO, epsilon_low=0.2, epsilon_high=0.28, delta=4.0, beta=0.01
    )


def test_a_digest_tells_settings_apart() -> None:
    assert TrainSettings().digest() == TrainSettings().digest()
    assert TrainSettings().digest() != TrainSettings(learning_rate=3e-4).digest()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("grad_clip_norm", -1.0),
        ("weight_decay", -0.1),
        ("betas", (0.9, 1.0)),
        ("minibatches", 0),
        ("epochs", 0),
        ("microbatch_size", 0),
        ("epsilon_low", 2.0),
        ("delta", 0.5),
        ("beta", -1.0),
        ("loss", "ppo"),
        ("scale_rewards", "median"),
    ],
)
def test_what_cannot_be_trained_with_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{field}|{value}"):
        TrainSettings(**{field: value})


def test_an_infinite_norm_means_that_nothing_is_cut() -> None:
    assert TrainSettings(grad_clip_norm=math.inf).grad_clip_norm == math.inf
