"""Honest samples, but chosen: with another place's noise, another's name, or at the right moment.

Each completion by itself is what the policy writes; the choice among many is the attack. What
is wanted is length, since of all wishes a choice can grant that is the plainest.

Who holds many keys can choose among identities in earnest. Before a round's weights are known that
wins no more than the luck of its prompts; after that, the best of what all its keys are bound to
write, which only the price of a key stands against. `OtherIdentity` is the same without joining.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence

from node.attacks.answers import believed_right
from node.attacks.attack import Tokens, Workbench
from node.attacks.working import taken_apart
from node.policy import SampleRequest, noise_key
from protocol.contribution import Contribution
from protocol.parameters import Mode

IDENTITIES = 8
"""How many keys an attacker has made beforehand."""


class OtherIndex:
    """Writes each place with the noise of that of its own indices which makes it longest."""

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return contributions whose places all hold the longest right one of the honest."""
        return [
            _all_longest(bench, one, [bench.tokens(each) for each in one.completions])
            for one in honest
        ]


class OtherIdentity:
    """Writes with the noise of that of its many identities which makes a group longest."""

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return, for each prompt, what the identity with the longest right ones would write."""
        names = [bench.draw.randbytes(32) for _ in range(IDENTITIES)]
        requests = [
            SampleRequest(
                prompt_tokens=bench.prompt_tokens(one.prompt_index),
                key=noise_key(
                    swarm=bench.swarm,
                    round_index=bench.round_index,
                    prompt_index=one.prompt_index,
                    author=name,
                    index=index,
                ),
            )
            for one in honest
            for name in names
            for index in range(len(one.completions))
        ]
        written = iter(bench.write(requests))
        found = []
        for one in honest:
            groups = [[next(written) for _ in one.completions] for _ in names]
            best = max(groups, key=lambda group: _length(bench, one.prompt_index, group))
            completions = tuple(bench.completion(tokens) for tokens in best)
            found.append(dataclasses.replace(one, completions=completions))
        return found


class Withheld:
    """Hands in only those honest contributions in which long completions earn more than short.

    Nothing in them is forged, and no replay can find anything. What is left out cannot teach
    that short answers may be right, too.
    """

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return some of the honest contributions, perhaps none."""
        return [one for one in honest if _favours_length(bench, one)]


class Spoiled:
    """Hands in own samples that reason rightly and earn nothing for it, so that reason is blamed.

    Nothing is taught and no praise is sought, which is what defences guard. In a group of its
    own half of the places stay honest, to be praised beside.
    """

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return contributions of the commonest such sample, where there is one."""
        drawn = bench.samples([one.prompt_index for one in honest], bench.candidates)
        return [
            _spoiled(bench, one, _wasted(bench, one.prompt_index, samples))
            for one, samples in zip(honest, drawn, strict=True)
        ]


def _spoiled(bench: Workbench, one: Contribution, wasted: Sequence[Tokens]) -> Contribution:
    if not wasted:
        return one
    count = len(one.completions)
    own = count // 2 if bench.parameters.mode is Mode.VERTICAL else 0
    copies = (bench.completion(wasted[0]),) * (count - own)
    return dataclasses.replace(one, completions=(*one.completions[:own], *copies))


def _wasted(bench: Workbench, prompt_index: int, samples: Sequence[Tokens]) -> list[Tokens]:
    """Return samples that share their reasoning with right ones and are not right, by number."""
    right = set(believed_right(bench, prompt_index, samples))
    reasons = {_reasoning(bench, one) for one in right} - {None}
    wasted = Counter(
        one for one in samples if one not in right and _reasoning(bench, one) in reasons
    )
    return [one for one, _ in wasted.most_common()]


def _reasoning(bench: Workbench, tokens: Tokens) -> tuple[str, ...] | None:
    answer = taken_apart(bench.policy.decode(tokens))
    return None if answer is None else answer.sentences


def _all_longest(bench: Workbench, one: Contribution, samples: Sequence[Tokens]) -> Contribution:
    right = believed_right(bench, one.prompt_index, samples)
    if not right:
        return one
    longest = bench.completion(max(right, key=len))
    return dataclasses.replace(one, completions=(longest,) * len(one.completions))


def _length(bench: Workbench, prompt_index: int, group: Sequence[Tokens]) -> int:
    """Return how many tokens the right ones of a group have."""
    return sum(map(len, believed_right(bench, prompt_index, group)))


def _favours_length(bench: Workbench, one: Contribution) -> bool:
    samples = [bench.tokens(each) for each in one.completions]
    right = believed_right(bench, one.prompt_index, samples)
    if not right:
        return False
    mean = sum(map(len, samples)) / len(samples)
    return sum(map(len, right)) / len(right) > mean
