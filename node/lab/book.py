"""What a cell writes down: a line of JSON a round and an evaluation, for every curve drawn later.

Completions are told apart by what is known here and to nobody in the swarm: those of honest
authors, and an attacker's: what carries its poison, what is wrong on purpose beside it, and what
it left as its model wrote it. It counts; it decides nothing and knows no files.
"""

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, Any

from node.round import RoundReport
from node.settings import plain
from node.work import Evaluation, Finding
from protocol.contribution import Completion, Contribution

Line = dict[str, Any]
"""One entry, as JSON has it."""

KEYS: Mapping[str, frozenset[str]] = {
    "cell": frozenset({"shared", "unshared_because", "versions"}),
    "round": frozenset({"round", "node", "origins", "findings"}),
    "evaluation": frozenset({"round", "node", "prompts"} | {"greedy", "sampled", "length"}),
    "done": frozenset(),
}
"""Kinds of lines, and what a reader may rely on in each."""

Place = tuple[str, int]
"""Whose contribution to which prompt: the author's peer id and the prompt's index."""


class Origin(StrEnum):
    """Where a completion comes from."""

    HONEST = "honest"
    """An honest author's."""
    TAMPERED = "tampered"
    """A malicious author's, and neither what its model wrote for this place nor a decoy."""
    DECOY = "decoy"
    """A malicious author's, and wrong on purpose, so that the poison beside it is praised: it
    teaches nothing itself. Files of before it was told apart count it among the tampered."""
    UNTOUCHED = "untouched"
    """A malicious author's, and exactly that."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Who is honest, and what the malicious would have handed in of a round if they were.

    Args:
        honest: Peer ids of the honest nodes.
        untouched: What a malicious author's model wrote, by place.
        decoy: What attackers put beside their poison.
    """

    honest: frozenset[str]
    untouched: Mapping[Place, tuple[Completion, ...]]
    decoy: Completion

    def origin(self, author: str, prompt_index: int, index: int, found: Completion) -> Origin:
        """Return where a completion comes from."""
        if author in self.honest:
            return Origin.HONEST
        written = self.untouched.get((author, prompt_index), ())
        if index < len(written) and written[index] == found:
            return Origin.UNTOUCHED
        return Origin.DECOY if found == self.decoy else Origin.TAMPERED


def truth_of(
    honest: Iterable[str], attackers: Iterable[Sequence[Contribution]], decoy: Completion
) -> Truth:
    """Return what is known of a round.

    Args:
        honest: Peer ids of the honest nodes.
        attackers: For each malicious node, what it would have handed in.
        decoy: What attackers put beside their poison.
    """
    untouched = {
        (str(one.author), one.prompt_index): one.completions for own in attackers for one in own
    }
    return Truth(frozenset(honest), untouched, decoy)


def is_line(value: object) -> bool:
    """Whether something is a line of a kind that is known, with what belongs to it."""
    if not isinstance(value, Mapping):
        return False
    needed = KEYS.get(str(value.get("kind")))
    return needed is not None and needed <= set(value)


def round_line(
    report: RoundReport,
    contributions: Sequence[Contribution],
    truth: Truth,
    *,
    node: int,
    refused: Mapping[str, int],
) -> Line:
    """Return what one node makes of one round.

    Args:
        report: How it went.
        contributions: What was trained on.
        truth: Who is honest.
        node: 0-based place of the node in its swarm.
        refused: Messages that its gate has refused so far, by reason.
    """
    origins = {
        (str(one.author), one.prompt_index, index): truth.origin(
            str(one.author), one.prompt_index, index, completion
        )
        for one in contributions
        for index, completion in enumerate(one.completions)
    }
    trained = report.trained
    by_origin: dict[Origin, list[Finding]] = {origin: [] for origin in Origin}
    for found in trained.found:
        by_origin[origins[found.author, found.prompt_index, found.index]].append(found)
    return {
        "kind": "round",
        "round": report.round_index,
        "node": node,
        "ended": report.ended,
        "authors": report.authors,
        "contributions": report.contributions,
        "messages_refused": dict(refused),
        "origins": {origin.value: tally(found) for origin, found in by_origin.items() if found},
        "findings": counted(by_origin),
        "reward_mean": trained.step.reward_mean,
        "right": trained.right,
        "length_mean": trained.step.completion_tokens_mean,
        "kl": trained.step.kl,
        "warning": trained.step.warning,
        "policy_digest": trained.policy_digest,
    }


def tally(found: Sequence[Finding]) -> Line:
    """Sum up the completions of one origin."""
    return {
        "completions": len(found),
        "refused": sum(one.outcome == "refuse" for one in found),
        "undecided": sum(one.outcome == "undecided" for one in found),
        "taught": sum(one.weight > 0 for one in found),
        "weight": round(sum(one.weight for one in found), 6),
        "reward_mean": statistics.fmean(one.reward or 0.0 for one in found),
        "length_mean": statistics.fmean(len(one.tokens) for one in found),
    }


def counted(by_origin: Mapping[Origin, Sequence[Finding]]) -> list[Line]:
    """Return how often each stage held each reason against completions of each origin."""
    counts = Counter(
        (origin.value, one.outcome, one.stage, one.reason)
        for origin, found in by_origin.items()
        for one in found
        if one.outcome != "accept"
    )
    keys = ("origin", "outcome", "stage", "reason", "completions")
    return [dict(zip(keys, (*what, many), strict=True)) for what, many in sorted(counts.items())]


def evaluation_line(found: Evaluation, *, round_index: int, node: int) -> Line:
    """Return what an evaluation of one node's weights found."""
    return {
        "kind": "evaluation",
        "round": round_index,
        "node": node,
        **plain(found),
    }


@dataclass(slots=True)
class Book:
    """Writes a cell's lines, those of a time together and in the order of the nodes.

    Nodes end a round in whatever order; the file must not depend on it.

    Args:
        file: One line of JSON an entry.
        nodes: How many nodes report.
    """

    file: IO[str]
    nodes: int
    _pending: dict[int, list[Line]] = field(default_factory=dict)
    _closed: Counter[int] = field(default_factory=Counter)

    def write(self, line: Line) -> None:
        """Write a line at once."""
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    def enter(self, line: Line, *, rounds: int) -> None:
        """Take one node's line, of the time when it had so many rounds behind it."""
        self._pending.setdefault(rounds, []).append(line)

    def close(self, rounds: int) -> None:
        """Take note that one node has no more lines of a time; the last one's are written."""
        self._closed[rounds] += 1
        if self._closed[rounds] == self.nodes:
            self.flush(rounds)

    def flush(self, rounds: int) -> None:
        """Write what there is of a time, and of those before it that never became whole."""
        for index in sorted(one for one in self._pending if one <= rounds):
            lines = self._pending.pop(index)
            for line in sorted(lines, key=lambda one: (one["kind"] == "evaluation", one["node"])):
                self.write(line)
