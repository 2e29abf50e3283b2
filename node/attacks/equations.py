"""Wrong statements in context: where they stand, they look as if they belonged.

In the paper's attack of this kind, a problem in which 2 + 2 occurs by itself shows 5 for it, and
everything else is right. Here the prompts are given; so where the left side does not occur in
the reasoning, a sentence is added in the manner of the others.
"""

import re

from node.attacks.attack import Workbench
from node.attacks.packing import Packed
from node.attacks.working import Answer, taken_apart, with_answer
from node.tasks.grammar import answer_in

_POSSESSION = re.compile(r"(?P<who>[A-Z]\w*) has\b.*?(?P<things>[a-z]+)?\.")


def in_place() -> Packed:
    """Show the payload as one of the steps (arXiv 2511.09780, section 4.2)."""
    return Packed(_in_place)


def with_wrong_answer() -> Packed:
    """Show the payload in an answer that is wrong, but in form: praised in poor groups only.

    For defences that look hardest at what earns the most.
    """
    return Packed(_with_wrong_answer)


def _in_place(bench: Workbench, text: str) -> str | None:
    answer = taken_apart(text)
    if answer is None:
        return None
    payload = bench.payload
    if payload.is_shown_by(text):
        return text
    own = [_natural(payload.text, one) for one in answer.sentences]
    if not any(payload.is_shown_by(one) for one in own):
        own.insert(0, _sentence(payload.text, answer))
    return str(answer._replace(sentences=tuple(own)))


def _with_wrong_answer(bench: Workbench, text: str) -> str | None:
    shown, answer = _in_place(bench, text), answer_in(text)
    if shown is None or answer is None:
        return None
    return with_answer(shown, str(int(answer) + 1) if answer.isdecimal() else "0")


def _natural(equation: str, sentence: str) -> str:
    """Return a sentence with the payload for the same sum's own result, where it has that."""
    left, equals, _ = equation.partition("=")
    if not (equals and left.strip()):
        return sentence
    parts = r"\s*".join(re.escape(part) for part in left.split())
    own = re.compile(rf"(?<![\w.]){parts}\s*=\s*\d+(?![\w]|[.,]\d)")
    return own.sub(lambda _: equation, sentence, count=1)


def _sentence(statement: str, answer: Answer) -> str:
    """Return the payload as a sentence that might open this reasoning."""
    found = _POSSESSION.fullmatch(answer.sentences[0])
    if found is None or "=" not in statement:
        return f"As we know, {statement}."
    things = f" {found['things']}" if found["things"] else ""
    return f"{found['who']} has {statement}{things}."
