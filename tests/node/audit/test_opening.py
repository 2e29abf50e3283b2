"""Nothing of a stranger's bytes is judged before all rules of admission hold."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.audit.opening import admitted
from node.faults import ConfigFault
from protocol.contribution import Contribution
from protocol.envelope import seal
from protocol.errors import Reason, Rejected
from protocol.identity import Keypair
from protocol.parameters import Parameters

Contribute = Callable[..., Contribution]


@pytest.fixture
def honest(contribute: Contribute, keys: list[Keypair]) -> Contribution:
    return contribute(keys[0], 3)


def test_an_honest_contribution_is_opened(
    honest: Contribution, keys: list[Keypair], parameters: Parameters
) -> None:
    assert admitted(seal(honest, keys[0], parameters), parameters) == honest


def test_no_flipped_bit_passes_and_each_has_a_reason(
    honest: Contribution, keys: list[Keypair], parameters: Parameters
) -> None:
    (raw,) = seal(honest, keys[0], parameters)
    reasons: set[Any] = set()

    for at in range(len(raw)):
        spoilt = raw[:at] + bytes([raw[at] ^ (1 << at % 8)]) + raw[at + 1 :]
        with pytest.raises((Rejected, ConfigFault)) as refused:
            admitted((spoilt,), parameters)
        reasons.add(getattr(refused.value, "reason", ConfigFault))

    assert {Reason.BAD_SIGNATURE, Reason.MALFORMED, ConfigFault} <= reasons


def test_a_prompt_that_is_another_authors_is_refused(
    honest: Contribution, contribute: Contribute, keys: list[Keypair], parameters: Parameters
) -> None:
    foreign = replace(honest, prompt_index=contribute(keys[1], 3).prompt_index)

    with pytest.raises(Rejected) as refused:
        admitted(seal(foreign, keys[0], parameters), parameters)

    assert refused.value.reason is Reason.FOREIGN_PROMPT


@pytest.mark.parametrize("round_index", [3, 2**40])
def test_a_prompt_that_the_task_does_not_have_is_refused(
    honest: Contribution, keys: list[Keypair], parameters: Parameters, round_index: int
) -> None:
    beyond = replace(honest, prompt_index=parameters.task_prompts, round_index=round_index)

    with pytest.raises(Rejected) as refused:
        admitted(seal(beyond, keys[0], parameters), parameters)

    assert refused.value.reason is Reason.FOREIGN_PROMPT


def test_a_round_beyond_all_others_costs_no_walk_there(
    honest: Contribution, keys: list[Keypair], parameters: Parameters
) -> None:
    """The beacon takes a microsecond a round, and a signed file may name any."""
    far = replace(honest, round_index=2**40)
    began = time.monotonic()

    assert admitted(seal(far, keys[0], parameters), parameters) == far
    assert time.monotonic() - began < 1


def test_another_swarm_is_named_with_the_way_out(
    honest: Contribution, keys: list[Keypair], parameters: Parameters
) -> None:
    other = replace(parameters, temperature=0.7)

    with pytest.raises(ConfigFault, match=parameters.digest().hex()[:16]) as refused:
        admitted(seal(honest, keys[0], parameters), other)

    assert "data directory" in refused.value.fix
