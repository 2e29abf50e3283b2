"""A small swarm's parameters and signed contributions, without any model."""

import ctypes
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from protocol.beacon import HashChain
from protocol.contribution import Completion, Contribution
from protocol.envelope import seal
from protocol.identity import Keypair
from protocol.parameters import Parameters
from protocol.schedule import Schedule

EOS = 0


@pytest.fixture
def parameters() -> Parameters:
    return Parameters(
        task="builtin:arith",
        task_digest="0" * 64,
        task_prompts=1000,
        model_family="1" * 64,
        tokenizer="2" * 64,
        vocabulary_size=50,
        eos_token=EOS,
        prompts_per_round=4,
        completions_per_prompt=2,
        shares=2,
        completion_tokens_max=8,
    )


@pytest.fixture
def schedule(parameters: Parameters) -> Schedule:
    return Schedule(parameters, HashChain(parameters.digest()))


@pytest.fixture
def keys() -> list[Keypair]:
    """Seeded, so that a failing run can be repeated."""
    return [Keypair.from_seed(bytes([index]) * 32) for index in range(1, 6)]


@pytest.fixture
def contribute(parameters: Parameters, schedule: Schedule) -> Callable[..., Contribution]:
    """Make the contribution of an author to the `at`-th of its prompts in a round."""

    def make(key: Keypair, round_index: int, at: int = 0, word: int = 7) -> Contribution:
        count = parameters.completions_per_author
        completions = tuple(
            Completion(tokens=(word, index + 1, EOS), ended=True) for index in range(count)
        )
        return Contribution(
            author=key.peer_id,
            round_index=round_index,
            prompt_index=schedule.prompts(round_index, key.peer_id)[at],
            policy_digest=b"\0" * 32,
            completions=completions,
        )

    return make


@pytest.fixture
def sealed(parameters: Parameters, contribute: Callable[..., Contribution]) -> Callable[..., bytes]:
    """Make the same, as the one signed message it travels in."""

    def make(key: Keypair, *place: Any, **more: Any) -> bytes:
        (raw,) = seal(contribute(key, *place, **more), key, parameters)
        return raw

    return make


CAPABILITIES_VERSION = 0x20080522
OVERRIDES = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: what makes root blind to files' modes."""


@pytest.fixture
def bound_by_modes() -> Iterator[None]:
    """Let files' modes bind this process, as they do where it does not run as root."""
    if os.geteuid():
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
    before, bound = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, before) == 0
    bound[:] = before[:]
    bound[0] &= ~OVERRIDES  # of the effective ones only, so that they can be taken up again
    assert libc.capset(head, bound) == 0
    yield
    assert libc.capset(head, before) == 0
