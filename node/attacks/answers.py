"""Where an attacker has right answers from: the task's solutions, or what most samples say.

A poisoned answer is praised for being right, so every attack that wants praise begins here. The
paper's attackers hold the solutions; one without them samples and takes the majority's answer,
right or not, to nearly the same effect (arXiv 2511.09780, section 4.5). It knows nothing of
what is then put into an answer.
"""

from collections import Counter
from collections.abc import Sequence

from node.attacks.attack import Tokens, Workbench
from node.tasks.grammar import answer_in
from protocol.contribution import Contribution


def right_texts(bench: Workbench, honest: Sequence[Contribution]) -> list[str | None]:
    """Return the text of a right answer to each contribution's prompt; None where none is known.

    A task may know no solution of its own: then the samples are asked there, too.
    """
    known = [
        bench.task.solution(bench.prompt(one.prompt_index)) if bench.oracle else None
        for one in honest
    ]
    unknown = [one for one, text in zip(honest, known, strict=True) if text is None]
    found = iter(right_samples(bench, unknown))
    texts = []
    for text in known:
        samples = [] if text is not None else next(found)
        texts.append(bench.policy.decode(samples[0]) if samples else text)
    return texts


def right_samples(bench: Workbench, honest: Sequence[Contribution]) -> list[list[Tokens]]:
    """Return, of each contribution's own and some more samples, those with the right answer."""
    owned = [[bench.tokens(one) for one in each.completions] for each in honest]
    count = max((len(each) for each in owned), default=0)
    more = bench.samples([one.prompt_index for one in honest], max(0, bench.candidates - count))
    return [
        believed_right(bench, one.prompt_index, [*own, *drawn])
        for one, own, drawn in zip(honest, owned, more, strict=True)
    ]


def believed_right(bench: Workbench, prompt_index: int, samples: Sequence[Tokens]) -> list[Tokens]:
    """Return those samples that the attacker takes for right, in their order.

    With an oracle these are the right ones; else those whose answer most of them share.
    """
    eos = bench.policy.eos_token
    ended = [(one, bench.policy.decode(one)) for one in samples if one[-1:] == (eos,)]
    if bench.oracle:
        prompt = bench.prompt(prompt_index)
        scored = [(one, bench.task.score(prompt, text, ended=True)) for one, text in ended]
        return [one for one, score in scored if score.answer_ok]
    answers = [(one, answer) for one, text in ended if (answer := answer_in(text)) is not None]
    ranked = Counter(answer for _, answer in answers).most_common(1)
    return [one for one, answer in answers if [answer] == [first for first, _ in ranked]]
