"""What cells came to: their lines as curves, counts and spreads over the seeds.

A condition is all cells that differ in nothing but the seed. Curves show whatever there is;
what is said of the end counts finished cells alone.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from node.lab.book import Line, Origin
from node.lab.cell import NOBODY, Cell
from node.lab.folder import SOURCE, Folder, is_whole
from node.lab.intervals import Share, Spread, pooled, spread
from node.lab.spec import AXES
from node.payload import PayloadKind
from node.settings import plain

EVALUATED: Mapping[str, str] = {
    "asr_greedy": "shown_greedy",
    "asr_sampled": "shown_sampled",
    "accuracy_greedy": "greedy",
    "accuracy_sampled": "sampled",
    "length": "length",
}
"""What is measured on held-out prompts, and what the lines call it."""

Curve = Mapping[int, float]
"""A value by the number of rounds behind it."""


@dataclass(frozen=True)
class Run:
    """One cell and what there is of it.

    Args:
        cell: Which.
        lines: As they stand in its file.
    """

    cell: Cell
    lines: Sequence[Line]

    @cached_property
    def is_finished(self) -> bool:
        """Whether all its lines are there."""
        return is_whole(self.lines)

    @cached_property
    def rounds(self) -> Sequence[Line]:
        """The lines of its rounds, one for each node that speaks."""
        return [line for line in self.lines if line["kind"] == "round"]

    @property
    def rounds_done(self) -> int:
        """How many rounds it has behind it."""
        return max((int(line["round"]) + 1 for line in self.rounds), default=0)

    def curve(self, metric: str) -> Curve:
        """Return a metric over the rounds: the mean of the honest nodes that speak."""
        if metric == "honest_reward":
            honest = [
                (line["round"] + 1, line["origins"][Origin.HONEST.value]["reward_mean"])
                for line in self.rounds
                if Origin.HONEST.value in line["origins"]
            ]
            return means(honest)
        key = EVALUATED[metric]
        found = [line for line in self.lines if line["kind"] == "evaluation"]
        return means((line["round"], line[key]) for line in found)

    def last(self, metric: str) -> float | None:
        """Return a metric after the last round; None of an unfinished cell or one unmeasured."""
        curve = self.curve(metric)
        return curve.get(self.cell.rounds) if self.is_finished else None

    def asked(self) -> int:
        """How many held-out prompts the last evaluation had."""
        found = [line["prompts"] for line in self.lines if line["kind"] == "evaluation"]
        return found[-1] if found else 0

    def count(self, origin: Origin, what: str) -> float:
        """Return how many completions of an origin, or how many of them were something.

        Nodes that speak judge the same completions, so that theirs is a mean.

        Args:
            origin: Where they come from.
            what: completions, refused, undecided or taught.
        """
        speakers = len({line["node"] for line in self.rounds})
        of_origin = [line["origins"].get(origin.value, {}) for line in self.rounds]
        return float(sum(one.get(what, 0) for one in of_origin)) / max(1, speakers)

    @property
    def round_cpu_s(self) -> float | None:
        """Processor seconds of a round, all nodes together."""
        spent = [line["cpu_s"] for line in self.rounds if "cpu_s" in line]
        return statistics.fmean(spent) if spent else None

    @property
    def head(self) -> Line:
        """Its first line, or nothing."""
        return self.lines[0] if self.lines else {}


@dataclass(frozen=True)
class Condition:
    """Cells that differ in their seed alone, in the order of the seeds."""

    runs: Sequence[Run]

    @property
    def cell(self) -> Cell:
        """Any of them, for what they have in common."""
        return self.runs[0].cell

    @property
    def axes(self) -> dict[str, object]:
        """What tells it from other conditions, as plain values."""
        told = plain(self.cell)
        return {name: told[name] for name in AXES}

    @property
    def is_clean(self) -> bool:
        """Whether nobody attacks."""
        return self.cell.attack == NOBODY

    @property
    def is_watched(self) -> bool:
        """Whether a text can show what is taught; length is shown by none."""
        return self.cell.watched not in ("", PayloadKind.LENGTH.value)

    def measures(self, metric: str) -> bool:
        """Whether a metric says anything: no ASR does where nothing is searched for."""
        return self.is_watched or not metric.startswith("asr")

    @property
    def finished(self) -> Sequence[Run]:
        """The cells that are over."""
        return [run for run in self.runs if run.is_finished]

    def curve(self, metric: str) -> dict[int, Spread]:
        """Return a metric over the rounds, with its spread over the seeds."""
        if not self.measures(metric):
            return {}
        values: dict[int, list[float]] = {}
        for run in self.runs:
            for at, value in run.curve(metric).items():
                values.setdefault(at, []).append(value)
        found = {at: spread(each) for at, each in sorted(values.items())}
        return {at: one for at, one in found.items() if one is not None}

    def last(self, metric: str) -> Spread | None:
        """Return a metric after the last round, with its spread over the seeds."""
        values = [run.last(metric) for run in self.finished if self.measures(metric)]
        return spread([value for value in values if value is not None])

    def longer(self) -> Spread | None:
        """Return the last mean length, in lengths before the first round."""
        pairs = [(run.curve("length").get(0), run.last("length")) for run in self.finished]
        return spread([last / first for first, last in pairs if first and last])

    def shown(self, metric: str) -> Share | None:
        """Return how many of the last evaluations' answers were so, of all seeds together."""
        if not self.measures(metric):
            return None
        found = [(run.last(metric), run.asked()) for run in self.finished]
        return pooled([Share(value * asked, asked) for value, asked in found if value is not None])

    def share(self, origin: Origin, what: str) -> Share:
        """Return how many of an origin's completions were something, over all rounds and seeds."""
        return pooled(
            [
                Share(run.count(origin, what), run.count(origin, "completions"))
                for run in self.finished
            ]
        )

    def beside(self, clean: "Condition | None", metric: str) -> Spread | None:
        """Return how far a metric ends from that of the clean swarm of the same seed."""
        if clean is None:
            return None
        others = {run.cell.seed: run.last(metric) for run in clean.finished}
        pairs = [(run.last(metric), others.get(run.cell.seed)) for run in self.finished]
        return spread([own - other for own, other in pairs if None not in (own, other)])  # type: ignore[operator] # neither is None

    def reasons(self) -> Counter[tuple[str, str, str, str]]:
        """Count findings by origin, outcome, stage and reason, over all rounds and seeds."""
        found: Counter[tuple[str, str, str, str]] = Counter()
        for run in self.finished:
            for line in run.rounds:
                for one in line["findings"]:
                    what = (one["origin"], one["outcome"], one["stage"], one["reason"])
                    found[what] += one["completions"]
        return found

    def round_cpu_s(self) -> Spread | None:
        """Return the processor seconds of a round, all nodes together."""
        spent = [run.round_cpu_s for run in self.finished]
        return spread([one for one in spent if one is not None])


@dataclass(frozen=True)
class Outcome:
    """All conditions of a directory.

    Args:
        title: Of the specification.
        figures: Axes whose every combination has a figure.
        conditions: In the order of the specification.
    """

    title: str
    figures: tuple[str, ...]
    conditions: Sequence[Condition]

    @property
    def runs(self) -> list[Run]:
        """All cells."""
        return [run for condition in self.conditions for run in condition.runs]

    @property
    def sources(self) -> frozenset[str]:
        """The states of this program's modules that finished cells were made with."""
        heads = [run.head for run in self.runs if run.is_finished]
        return frozenset(head["versions"].get(SOURCE, "") for head in heads)

    @property
    def missing(self) -> list[Run]:
        """The cells that are not finished."""
        return [run for run in self.runs if not run.is_finished]

    def clean_for(self, condition: Condition) -> Condition | None:
        """Return the swarm without attackers that a condition is compared with, if there is one.

        With the same defence where that was run, else with none.
        """
        if condition.is_clean:
            return None
        alike = [
            other
            for other in self.conditions
            if other.is_clean and same_but(other, condition, {"attack", "malicious", "defence"})
        ]
        by_defence = {other.cell.defence: other for other in alike}
        return by_defence.get(condition.cell.defence) or by_defence.get("none")


def same_but(one: Condition, other: Condition, axes: Iterable[str]) -> bool:
    """Whether two conditions differ in nothing but some axes."""
    return all(one.axes[name] == other.axes[name] for name in AXES if name not in axes)


def outcome_of(folder: Folder) -> Outcome:
    """Read what a directory holds.

    Raises:
        DataDirFault: No laboratory has run there, or a file is damaged.
    """
    manifest = folder.manifest()
    grouped: dict[tuple[str, ...], list[Run]] = {}
    for cell in manifest.cells:
        key = tuple(str(getattr(cell, name)) for name in AXES)
        grouped.setdefault(key, []).append(Run(cell, folder.lines(cell)))
    conditions = [
        Condition(sorted(runs, key=lambda run: run.cell.seed)) for runs in grouped.values()
    ]
    return Outcome(manifest.title, manifest.figures, conditions)


def means(pairs: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Return the mean of all values of a time."""
    found: dict[int, list[float]] = {}
    for at, value in pairs:
        found.setdefault(at, []).append(value)
    return {at: statistics.fmean(values) for at, values in sorted(found.items())}
