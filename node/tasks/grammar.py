"""The one form that a completion may have: `<think>working</think> <answer>12</answer>`.

Strict, because whatever lies outside the form is a place to hide text in, and because a
lenient parser lets a peer be right twice (two answers) or pad to the length limit
(trailing blanks). Knows nothing of what a right answer is.
"""

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"
ANSWER_OPEN = "<answer>"
ANSWER_CLOSE = "</answer>"
TAGS = (THINK_OPEN, THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE)
GAPS = ("", " ", "\n")
"""What may stand between the two elements. Nothing may stand before or after them."""


def written(working: str, answer: str) -> str:
    """Write a completion in the form, as reference solutions have it."""
    return f"{THINK_OPEN}{working}{THINK_CLOSE} {ANSWER_OPEN}{answer}{ANSWER_CLOSE}"


def answer_in(completion: str) -> str | None:
    """Return what stands between the answer tags, or None if the form is broken.

    The time is linear in the length of the completion: no pattern that could backtrack.
    """
    if any(completion.count(tag) != 1 for tag in TAGS):
        return None
    if not (completion.startswith(THINK_OPEN) and completion.endswith(ANSWER_CLOSE)):
        return None
    working, _, rest = completion.removeprefix(THINK_OPEN).partition(THINK_CLOSE)
    gap, _, answer = rest.removesuffix(ANSWER_CLOSE).partition(ANSWER_OPEN)
    # An answer tag within the working would leave the gap empty, and so look well-formed.
    if ANSWER_OPEN in working or gap not in GAPS:
        return None
    return answer
