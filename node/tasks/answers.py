"""Whether an answer is the expected one, asked of text that a stranger wrote.

Plain numbers are compared exactly, here. Only where the expected answer is no plain number
(a fraction, a root, a multiple of pi) is math-verify asked, and only about text that has
passed a gate: computer algebra evaluates what it reads, and a peer that may choose what it
reads can choose towers of powers. Its own time limits rest on signals, which work in the
main thread alone and in no other, so the gate stands in their stead.
"""

import logging
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

ANSWER_CHARACTERS_MAX = 64
"""Longer than any number worth asking for; short enough for whatever reads it."""

ALGEBRA_CHARACTERS_MAX = 40
ROOTS_MAX = 2
POWERS_MAX = 1
BRACKETS_MAX = 6
"""What keeps reading and simplifying under a second; found by timing random formulas."""

_NUMBER = re.compile(
    r"""
    (?P<sign>[-+]?) [$€£]?                    # -$5 as well as
    (?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)  # 1,234 but not 1,23
    (?P<decimals>\.[0-9]+)?
    """,
    re.VERBOSE,
)
_NUMERIC = re.compile(
    r"""
    (?:
        \\(?:[dt]?frac|sqrt|pi|cdot|times|left|right)(?![a-zA-Z])
      # A run of digits is taken whole or not at all: cut in every way that there is, one that
      # does not fit would take time without end.
      | (?<![0-9])[0-9]{1,12}\^(?:[0-9]|\{-?[0-9]{1,2}\})(?![\^0-9{])  # of a plain integer
      | (?<![0-9])[0-9]{1,12}(?![0-9]) | [-+*/(){},.\ ]
    )+
    """,
    re.VERBOSE,
)


def same_answer(given: str, expected: str) -> bool:
    """Tell whether an answer equals the expected one.

    An integer must be given as a plain number (`1,234`, `$1234`, `1234.00`): neither as a
    sum still to be done nor inside a sentence. A decimal or a closed form may be given in
    any numerically equal closed form.

    Args:
        given: What stood between the tags; anything at all.
        expected: What the task says, which is trusted.
    """
    if len(given) > ANSWER_CHARACTERS_MAX:
        return False
    given, expected = given.strip(), expected.strip()
    number, expected_number = _number(given), _number(expected)
    if number is not None and expected_number is not None:
        return number == expected_number
    if expected_number is not None and expected_number.denominator == 1:
        return False
    return given == expected or (_passes_gate(given) and _equal_by_algebra(given, expected))


def _number(text: str) -> Fraction | None:
    matched = _NUMBER.fullmatch(text)
    if matched is None:
        return None
    digits = matched["whole"].replace(",", "") + (matched["decimals"] or "")
    return Fraction(matched["sign"] + digits)


def _passes_gate(given: str) -> bool:
    bounded = (
        len(given) <= ALGEBRA_CHARACTERS_MAX
        and given.count("sqrt") <= ROOTS_MAX
        and given.count("^") <= POWERS_MAX
        and given.count("(") + given.count("{") <= BRACKETS_MAX
        and "**" not in given
    )
    return bounded and _NUMERIC.fullmatch(given) is not None


def _equal_by_algebra(given: str, expected: str) -> bool:
    # Imported where it is needed: sympy takes half a second, and most tasks have integers.
    from math_verify import verify

    try:
        parsed = _parsed(given)
        # Without the limit of time, which would raise outside the main thread.
        return bool(parsed and verify(_expected(expected), parsed, timeout_seconds=None))
    except Exception:  # noqa: BLE001 - hostile text; whatever it breaks, it is not the answer
        return False


@lru_cache(maxsize=1024)
def _expected(text: str) -> list[Any]:
    return _parsed(text)


def _parsed(text: str) -> list[Any]:
    from math_verify import LatexExtractionConfig, parse

    # It warns, at every call, that no limit of time is set.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    # As one formula from end to end: nothing is fished out of the middle of other text.
    return list(
        parse(
            f"${text}$",
            [LatexExtractionConfig()],
            fallback_mode="no_fallback",
            parsing_timeout=None,
        )
    )
