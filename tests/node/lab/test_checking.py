"""What could only fail once it runs is refused before, by its name."""

from collections.abc import Callable

import pytest

from node.faults import ConfigFault, TaskFault
from node.lab.cell import Cell
from node.lab.checking import check_cell

Make = Callable[..., Cell]


def check(cell: Cell, told: str) -> None:
    if not told:
        check_cell(cell)
        return
    with pytest.raises((ConfigFault, TaskFault)) as refused:
        check_cell(cell)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ({"attack": "hail"}, ""),
        ({"attack": "hale"}, "Did you mean 'hail'"),
        ({"attack": ":"}, "cannot be imported"),
        ({"attack": "stranger+nowhere:X"}, "cannot be imported"),
        ({"attack": "json:dumps"}, "cannot be made"),
        ({"attack": "hail", "malicious": 0}, "nobody carries out the attack"),
        ({"attack": "none", "malicious": 0}, ""),
        ({"defence": "defualt"}, "Did you mean 'default'"),
        ({"nodes": 3}, "a divisor of prompts_per_round"),
    ],
)
def test_axes_that_cannot_be_run_are_refused(
    small_cell: Make, axes: dict[str, object], told: str
) -> None:
    check(small_cell(**axes), told)


@pytest.mark.parametrize(
    ("settings", "defence", "told"),
    [
        ({"verify.drop": "replay"}, "default", ""),
        ({"verify.drop": "replays"}, "default", "replays, which is no stage here"),
        ({"verify.drop": "replay"}, "none", "replay, which is no stage here"),
        ({"verify.drop": "replay", "verify.mask": "replay"}, "default", "has two actions"),
        ({"verify.drop": "replay", "swarm.encoding": "text"}, "default", "no stage here"),
        ({"verify.undecided_weight": 2}, "default", "undecided_weight"),
        ({"judge.backend": "hf:some/model", "verify.drop": "judge"}, "default", ""),
        ({"verify.drop": "judge"}, "default", "judge, which is no stage here"),
        ({"verify.mask": "*"}, "default", ""),
        ({"verify.mask": "*", "verify.veto": "*"}, "default", "has two actions"),
        ({"judge.backend": "hf:some/model"}, "paper_judge", ""),
        ({}, "paper_judge", "has no judge"),
        ({}, "top_p", ""),
        ({}, "min_p", ""),
        ({"judge.backend": "nonsense"}, "default", "no judge 'nonsense'"),
        ({"judge.backend": "hf:"}, "default", "no judge 'hf:'"),
        ({"task.source": "builtin:arith:easy"}, "default", ""),
        ({"task.source": "gsm8k"}, "default", ""),
        ({"task.source": "nonsense:x"}, "default", "nonsense"),
        ({"evaluate.prompts_final": 0}, "default", "at least 1"),
        ({"adversary.candidates": 0}, "default", "at least 1"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(
    small_cell: Make, settings: dict[str, object], defence: str, told: str
) -> None:
    check(small_cell(defence=defence, more=settings), told)
