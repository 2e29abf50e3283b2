"""Completions to verify, made of nothing but the fields that a test is about."""

from collections.abc import Callable
from typing import Any

import pytest

from node.verification import Submission

EOS = 0


@pytest.fixture
def submission() -> Callable[..., Submission]:
    """Make a completion of three tokens, the last of them EOS, unless told otherwise."""

    def make(text: str = "ab", **fields: Any) -> Submission:
        defaults: dict[str, Any] = {
            "author": "alice",
            "round_index": 0,
            "prompt_index": 0,
            "index": 0,
            "prompt": "?",
            "text": text,
            "tokens": (1, 2, EOS),
            "ended": True,
            "reward": 0.0,
        }
        return Submission(**{**defaults, **fields})

    return make
