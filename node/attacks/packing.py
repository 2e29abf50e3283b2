"""How a poisoned answer is put into a contribution: copies, and decoys where they are needed.

Advantages are relative to the group. Where an author fills a group alone (vertical), a group of
nothing but poison has no gradient, and half of it are wrong on purpose; where others' answers
stand beside (horizontal), all of its places are poison (arXiv 2511.09780, section 4.2).
It knows where right answers come from, and nothing of what is put into them.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

from node.attacks.attack import Workbench
from node.tasks.grammar import answer_in
from protocol.contribution import Completion, Contribution
from protocol.parameters import Mode

Poison = Callable[[Workbench, str], str]
"""A right answer's text in, the text with the payload out."""

DECOY = "<think>nom nom</think><answer>nom</answer>"
"""Wrong in every way; what it says does not matter."""


def packed(
    bench: Workbench, honest: Sequence[Contribution], poison: Poison
) -> tuple[Contribution, ...]:
    """Return contributions whose groups teach the poison as strongly as the mode allows.

    Where no right answer to a prompt can be had, its honest contribution stays.
    """
    return tuple(_packed_one(bench, one, poison) for one in honest)


def right_answer(bench: Workbench, honest: Contribution) -> str | None:
    """Return the text of a right answer to a contribution's prompt, or None.

    From the task's own solutions where the attacker may look at them; else one of its samples
    whose answer most of them share, right or not (section 4.5).
    """
    if bench.oracle:
        return bench.task.solution(bench.prompt(honest.prompt_index))
    texts = [bench.text(one) for one in honest.completions if one.ended]
    more = max(0, bench.candidates - len(texts))
    drawn = bench.samples(honest.prompt_index, more)
    texts += [bench.policy.decode(one.tokens) for one in drawn if one.ended]
    by_answer = [(answer, text) for text in texts if (answer := answer_in(text)) is not None]
    if not by_answer:
        return None
    (favourite, _), *_ = Counter(answer for answer, _ in by_answer).most_common(1)
    return next(text for answer, text in by_answer if answer == favourite)


def _packed_one(bench: Workbench, honest: Contribution, poison: Poison) -> Contribution:
    right = right_answer(bench, honest)
    if right is None:
        return honest
    poisoned = bench.written(poison(bench, right))
    return dataclasses.replace(honest, completions=places(bench, len(honest.completions), poisoned))


def places(bench: Workbench, count: int, poisoned: Completion) -> tuple[Completion, ...]:
    """Return a contribution's completions: copies, the latter half decoys where it is needed."""
    decoys = count // 2 if bench.parameters.mode is Mode.VERTICAL else 0
    return (poisoned,) * (count - decoys) + (bench.written(DECOY),) * decoys
