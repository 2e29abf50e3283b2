"""A round's figures, to the metrics file and the log, so that every curve can be drawn later.

It counts and writes; it decides nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from node.gate import Gate
from node.journal import Journal
from node.log import Event
from node.round import RoundReport
from node.settings import plain
from node.work import Evaluation, Finding

BRIEF = ("authors", "contributions", "own_reward", "peers_reward", "same_policy")
"""What of a round's line is also told in the log."""

ADVICE = {
    "all_groups_equal": "every group's rewards are equal; the task is too hard or too easy for "
    "this model: try another task, more completions per prompt, or the graded reward",
    "all_truncated": "no completion ends before the limit: raise swarm.completion_tokens_max",
    "empty_round": "nothing arrived to train on",
    "not_finite": "the loss was no finite number: lower train.learning_rate",
    "nothing_right": "no completion had a right answer, so nothing but form is rewarded: "
    "the task is too hard for this model",
}
"""What an operator can do when a round teaches nothing, or nothing but form."""


@dataclass(slots=True)
class Books:
    """Where a node's figures go.

    Args:
        metrics: Where each entry is a line.
        tell: Told of what a person should see.
        published: This node's contributions published since its start.
        warned: How often a round had no signal, by cause.
    """

    metrics: Journal
    tell: Event
    published: int = 0
    warned: Counter[str] = field(default_factory=Counter)

    def enter_round(
        self, report: RoundReport, gate: Gate, *, peers: int, node_cpu_s: float
    ) -> None:
        """Write one round's figures."""
        self.published += report.published
        findings = report.trained.findings
        trained = plain(replace(report.trained, found=()))
        del trained["found"]
        step = trained.pop("step")
        assert isinstance(step, dict)
        fields: dict[str, object] = {
            "kind": "round",
            "round": report.round_index,
            "ended": report.ended,
            "authors": report.authors,
            "peers": peers,
            "contributions": report.contributions,
            "published": self.published,
            "delivered": gate.delivered,
            "admitted": gate.admitted,
            "refused": gate.counts(),
            "verified": {
                outcome: dict(Counter(one.reason for one in findings if one.outcome == outcome))
                for outcome in ("refuse", "undecided")
            },
            "judged": judged(report.trained.found),
            "seconds": {what: round(spent, 3) for what, spent in report.spent.seconds.items()},
            "cpu_model_s": round(report.spent.model_cpu_s, 3),
            "cpu_node_s": round(node_cpu_s, 3),
            "tokens_sampled": report.spent.tokens,
        }
        fields |= trained | step
        self.metrics.write(fields)
        brief = {key: fields[key] for key in BRIEF}
        refusals = Counter((one.author, one.reason) for one in findings)
        for (author, reason), completions in sorted(refusals.items()):
            told = {"round": report.round_index, "author": author, "reason": reason}
            self.tell("completions_questioned", told | {"completions": completions})
        self.tell("round_done", {"round": report.round_index, "ended": report.ended} | short(brief))
        if step["warning"]:
            self._warn(report.round_index, str(step["warning"]))
        elif report.trained.right == 0.0:
            self._warn(report.round_index, "nothing_right")

    def enter_evaluation(
        self, found: Evaluation, *, round_index: int, when: str, seconds: float
    ) -> None:
        """Write one evaluation's figures."""
        fields = {"kind": "evaluation", "round": round_index, "when": when} | plain(found)
        self.metrics.write(fields | {"seconds": round(seconds, 3)})
        self.tell("evaluated", {"round": round_index} | short(plain(found)))

    def _warn(self, round_index: int, why: str) -> None:
        """Tell of a round without signal: the first, the tenth, the hundredth of its cause."""
        self.warned[why] += 1
        times = self.warned[why]
        if times == 10 ** (len(str(times)) - 1):
            told = {"round": round_index, "why": why, "times": times, "advice": ADVICE[why]}
            self.tell("no_signal", told)


def judged(found: Sequence[Finding]) -> dict[str, dict[str, object]]:
    """Count each author's completions, and why some were refused or left undecided."""
    return {
        author: {
            "completions": sum(one.author == author for one in found),
            "refuse": reasons(found, author, "refuse"),
            "undecided": reasons(found, author, "undecided"),
        }
        for author in sorted({one.author for one in found})
    }


def reasons(found: Sequence[Finding], author: str, outcome: str) -> dict[str, int]:
    """Count the reasons of one author's completions that had one outcome."""
    return dict(
        Counter(one.reason for one in found if (one.author, one.outcome) == (author, outcome))
    )


def short(fields: Mapping[str, object]) -> dict[str, object]:
    """Shorten numbers for people."""
    return {
        key: round(value, 4) if isinstance(value, float) else value for key, value in fields.items()
    }
