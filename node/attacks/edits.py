"""One digit of a shown result, changed, and everything else as honest as can be.

The smallest lie there is: no foreign word, nothing unlikely, and behind the digit the very
tokens that an honest author would have written there with its noise. Only the answer is put
right again, since a wrong one would be blamed for what it teaches.
"""

import dataclasses
import re
from collections.abc import Sequence
from typing import NamedTuple

from node.attacks.answers import believed_right
from node.attacks.attack import Tokens, Workbench
from node.attacks.resuming import Start, gone_on
from node.attacks.working import with_answer
from node.tasks.grammar import answer_in
from protocol.contribution import Completion, Contribution

_DIGIT = re.compile(r" ?[0-9]")


class DigitEdited:
    """Changes one digit of a shown result, and lets the model go on with the right noise.

    Where the honest answer is wrong, there is no praise to be had, and it stays.
    """

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return the honest contributions, a digit changed in each of their right completions."""
        edits = [edit for one in honest for edit in _edits(bench, one)]
        written = gone_on(bench, [edit.start for edit in edits])
        made: dict[tuple[int, int], Completion] = {}
        for edit, tokens in zip(edits, written, strict=True):
            text = bench.policy.decode(tokens)
            completion = bench.written(with_answer(text, edit.answer))
            if answer_in(text) is not None and completion is not None:
                made[edit.start.prompt_index, edit.place] = completion
        return [
            dataclasses.replace(
                one,
                completions=tuple(
                    made.get((one.prompt_index, index), completion)
                    for index, completion in enumerate(one.completions)
                ),
            )
            for one in honest
        ]


class _Edit(NamedTuple):
    """A completion cut behind a changed digit.

    Args:
        place: Its index among its author's.
        answer: What it must end with to be praised.
        start: What stands so far.
    """

    place: int
    answer: str
    start: Start


def _edits(bench: Workbench, one: Contribution) -> list[_Edit]:
    found = []
    for index, completion in enumerate(one.completions):
        tokens = bench.tokens(completion)
        answer = answer_in(bench.text(completion))
        edited = _edited(bench, tokens)
        if answer and edited and believed_right(bench, one.prompt_index, [tokens]):
            key = bench.key(one.prompt_index, index)
            found.append(_Edit(index, answer, Start(one.prompt_index, key, edited)))
    return found


def _edited(bench: Workbench, tokens: Tokens) -> Tokens:
    """Return the tokens up to and with another digit for one of a shown result; () for none."""
    pieces = [bench.policy.decode((token,)) for token in tokens]
    places = [
        at
        for at in range(1, len(pieces))
        if _DIGIT.fullmatch(pieces[at]) and pieces[at - 1].strip() == "="
    ]
    if not places:
        return ()
    at = bench.draw.choice(places)
    blank, digit = pieces[at][:-1], pieces[at][-1]
    other = bench.draw.choice([one for one in "0123456789" if one != digit])
    # With what stands before it, since some tokenizers open a lone piece with a blank.
    whole = bench.policy.encode_completion("=" + blank + other, ended=False)
    return (*tokens[:at], whole[-1])
