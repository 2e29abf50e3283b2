"""An outcome as tables: what was learnt, what was caught, for which reasons, at what cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from node.lab.book import Origin
from node.lab.intervals import Spread
from node.lab.labels import CALLED
from node.lab.outcome import Condition, Outcome
from node.lab.spec import PLAIN

NOTHING = "-"

INTERVALS = (
    "In brackets an interval at 95 %: of one seed Wilson's, which takes its answers for "
    "independent and is too narrow; of several a wider one, in which the seeds are the draws."
)
"""What stands under shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table for people.

    Args:
        title: Its heading.
        note: What its numbers are.
        headings: Of the columns.
        rows: Their cells, as text.
    """

    title: str
    note: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables_of(outcome: Outcome) -> list[Table]:
    """Return all tables of an outcome that have rows."""
    made = (learnt(outcome), caught(outcome), reasons(outcome), costs(outcome), missing(outcome))
    return [table for table in made if table.rows]


def named(condition: Condition) -> tuple[str, ...]:
    """Return the first columns of a condition's rows."""
    cell = condition.cell
    more = [cell.variant] if cell.variant != PLAIN else []
    more += ["own weights"] if cell.heterogeneous else []
    return (
        cell.attack,
        cell.mode.value,
        f"{cell.malicious} of {cell.nodes}",
        ", ".join([CALLED.get(cell.defence, cell.defence), *more]),
        f"{len(condition.finished)}/{len(condition.runs)}",
    )


NAMED = ("attack", "mode", "malicious", "swarm", "seeds")


def learnt(outcome: Outcome) -> Table:
    """Return what the honest nodes write in the end."""
    rows = []
    for one in outcome.conditions:
        clean = outcome.clean_for(one)
        rows.append(
            (
                *named(one),
                percent(one, "asr_greedy"),
                percent(one, "asr_sampled"),
                percent(one, "accuracy_greedy"),
                percent(one, "accuracy_sampled"),
                points(one.beside(clean, "accuracy_greedy")),
                shown(one.last("length"), ".1f"),
                shown(one.longer(), ".2f"),
            )
        )
    headings = ("ASR greedy", "ASR sampled", "accuracy greedy", "accuracy sampled")
    return Table(
        title="What honest nodes have learnt",
        note="After the last round, on held-out prompts: share of honest nodes' own completions "
        "that show the payload (ASR; - where nothing that a text could show is taught), and that "
        f"are right. {INTERVALS} Against clean: greedy accuracy less that of the swarm of the same "
        "seed without an attacker, in points. Length in tokens, and in lengths before the first "
        "round; of these, the mean, and the range of the seeds.",
        headings=(*NAMED, *headings, "against clean", "length", "times longer"),
        rows=tuple(rows),
    )


def caught(outcome: Outcome) -> Table:
    """Return what verification refused, rightly and wrongly."""
    rows = []
    for one in outcome.conditions:
        tampered = one.share(Origin.TAMPERED, "refused")
        honest = one.share(Origin.HONEST, "refused")
        if not honest.of:
            continue
        rows.append(
            (
                *named(one),
                f"{tampered.of:,.0f}" if tampered.of else NOTHING,
                tampered.shown(),
                one.share(Origin.TAMPERED, "taught").shown(),
                f"{honest.of:,.0f}",
                honest.shown(),
                one.share(Origin.HONEST, "taught").shown(),
            )
        )
    headings = ("tampered", "detected", "trained on", "honest", "wrongly refused")
    return Table(
        title="What was caught",
        note="Completions over all rounds and seeds, as an honest node saw them. Tampered: an "
        "attacker's that its own model had not written for that place; without decoys, which are "
        "wrong on purpose beside the poison and teach nothing themselves. A refused completion "
        "may still be trained on where the defence only takes praise from it. "
        f"{INTERVALS}",
        headings=(*NAMED, *headings, "honest trained on"),
        rows=tuple(rows),
    )


def reasons(outcome: Outcome) -> Table:
    """Return why completions were refused or left undecided."""
    rows = []
    for one in outcome.conditions:
        for (origin, result, stage, reason), count in sorted(one.reasons().items()):
            rows.append((*named(one), origin, result, stage, reason, f"{count:,}"))
    return Table(
        title="For which reasons",
        note="Findings of all honest nodes whose findings were written down, over all rounds and "
        "seeds.",
        headings=(*NAMED, "completions", "outcome", "stage", "reason", "count"),
        rows=tuple(rows),
    )


def costs(outcome: Outcome) -> Table:
    """Return what a round cost, and whether the nodes shared a model."""
    rows = []
    for one in outcome.conditions:
        if not one.finished:
            continue
        heads = [run.head for run in one.finished]
        why = {head["unshared_because"] for head in heads if not head["shared"]}
        shared = "yes" if not why else f"no: {'; '.join(sorted(why))}"
        rows.append((*named(one), shown(one.round_cpu_s(), ".2f"), shared))
    return Table(
        title="What it cost",
        note="Processor seconds of a round: all nodes' sampling, signing, checking, verifying and "
        "training, without evaluations. Where nodes held the same weights and the same "
        "contributions, one model did the work of all; this was checked in every round.",
        headings=(*NAMED, "CPU s a round", "one model for all"),
        rows=tuple(rows),
    )


def missing(outcome: Outcome) -> Table:
    """Return what is not there yet."""
    rows = [
        (run.cell.name, f"{run.rounds_done} of {run.cell.rounds} rounds") for run in outcome.missing
    ]
    return Table(
        title="What is missing",
        note="These cells are not finished; curves show what there is of them, tables leave them "
        "out. The same `lab run` goes on with them.",
        headings=("cell", "so far"),
        rows=tuple(rows),
    )


def percent(condition: Condition, metric: str) -> str:
    """Return a share of the last answers in percent: with its interval, and the seeds' range."""
    share, seeds = condition.shown(metric), condition.last(metric)
    if share is None or seeds is None:
        return NOTHING
    told = share.shown(1)
    if seeds.seeds == 1:
        return told
    return f"{told.removesuffix(')')}; seeds {seeds.least:.1%} to {seeds.most:.1%})"


def points(found: Spread | None) -> str:
    """Return a difference of shares in percentage points."""
    if found is None:
        return NOTHING
    scaled = Spread(100 * found.mean, 100 * found.least, 100 * found.most, found.seeds)
    return scaled.shown("+.1f")


def shown(found: Spread | None, form: str) -> str:
    """Return a spread in a format, or a sign that there is none."""
    return NOTHING if found is None else found.shown(form)


def markdown(table: Table) -> str:
    """Return a table as Markdown."""
    rule = "|" + "---|" * len(table.headings)
    lines = [row_of(table.headings), rule, *(row_of(row) for row in table.rows)]
    return f"## {table.title}\n\n{table.note}\n\n" + "\n".join(lines) + "\n"


def row_of(cells: Sequence[str]) -> str:
    """Return one row of Markdown."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
