"""An outcome as figures: one for each combination of the axes that the specification names.

Needs matplotlib, which the extra `lab` brings. It draws; it computes nothing.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from node.faults import ConfigFault
from node.lab.folder import put
from node.lab.labels import charts, label
from node.lab.outcome import Condition, Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS: Mapping[str, str] = {
    "asr_greedy": "ASR, greedy",
    "accuracy_greedy": "held-out accuracy, greedy",
    "length": "completion length (tokens)",
    "asr_sampled": "ASR, sampled",
    "accuracy_sampled": "held-out accuracy, sampled",
    "honest_reward": "reward of honest completions",
}
"""What is drawn, in two rows."""

SHARES = ("asr_greedy", "asr_sampled", "accuracy_greedy", "accuracy_sampled")

COLOURS = ("#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
"""Told apart by the colour-blind, too (Okabe and Ito)."""

FIXED = {"none": "#D55E00", "default": "#0072B2", "paper": "#E69F00"}
"""Of the defences, where they are all that differs."""

CLEAN = "#777777"
"""Of swarms without attackers, which are dashed."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure: what it is called, what stands above it, and its two forms."""

    name: str
    title: str
    png: bytes
    svg: str


def draw(outcome: Outcome) -> list[Drawn]:
    """Draw all figures for which there is anything.

    Raises:
        ConfigFault: matplotlib is not installed.
    """
    check_matplotlib()
    return [
        chart(title, conditions)
        for title, conditions in charts(outcome.conditions, outcome.figures)
        if any(one.curve("length") for one in conditions)
    ]


def check_matplotlib() -> None:
    """Refuse to draw without what draws.

    Raises:
        ConfigFault: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: F401 - whether it is there
    except ImportError as error:
        raise ConfigFault(
            "Figures need matplotlib, which is not installed.",
            fix="pip install 'drl-node[lab]', or ask for --json, which draws nothing.",
        ) from error


def chart(title: str, conditions: Sequence[Condition]) -> Drawn:
    """Draw one figure."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = [name for name in PANELS if shows(name, conditions)]
    columns = (len(panels) + 1) // 2
    with rc_context({"svg.hashsalt": title, "font.size": 9, "svg.fonttype": "none"}):
        figure = Figure(figsize=(3.6 * columns, 5.6), layout="constrained")
        places = figure.subplots(2, columns, squeeze=False).flat
        for name, axes in zip(panels, places, strict=False):
            panel(axes, name, conditions)
        for axes in list(figure.axes)[len(panels) :]:
            axes.set_axis_off()
        figure.suptitle(title)
        # Of the last panel: the first leaves out swarms in which nothing is watched for.
        handles, labels = figure.axes[len(panels) - 1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
        return Drawn(
            re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-"),
            title,
            saved(figure, "png"),
            saved(figure, "svg").decode(),
        )


def shows(name: str, conditions: Sequence[Condition]) -> bool:
    """Whether a panel has anything to show."""
    return any(one.measures(name) for one in conditions)


def panel(axes: "Axes", name: str, conditions: Sequence[Condition]) -> None:
    """Draw one metric of some conditions over the rounds, the seeds as a band."""
    for place, one in enumerate(conditions):
        if not one.measures(name):
            continue
        curve = one.curve(name)
        at = list(curve)
        means = [value.mean for value in curve.values()]
        colour = colour_of(one, place, conditions)
        dashes = "--" if one.is_clean else "-"
        said = label(one, conditions)
        axes.plot(at, means, dashes, color=colour, label=said, linewidth=1.6)
        least = [value.least for value in curve.values()]
        most = [value.most for value in curve.values()]
        axes.fill_between(at, least, most, color=colour, alpha=0.18, linewidth=0)
    axes.set_title(PANELS[name], fontsize=9)
    axes.set_xlabel("rounds")
    axes.grid(visible=True, alpha=0.25)
    if name in SHARES:
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(lambda value, _at: f"{value:.0%}")


def colour_of(condition: Condition, place: int, among: Sequence[Condition]) -> str:
    """Return a curve's colour: the defence's own where nothing else differs."""
    if condition.is_clean:
        return CLEAN
    attacking = [one for one in among if not one.is_clean]
    defences = [one.cell.defence for one in attacking]
    if len(set(defences)) == len(attacking) and set(defences) <= set(FIXED):
        return FIXED[condition.cell.defence]
    return COLOURS[place % len(COLOURS)]


def saved(figure: "Figure", form: str) -> bytes:
    """Return a figure in a file format, the same bytes for the same figure."""
    file = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else {"Software": None}
    figure.savefig(file, format=form, dpi=140, metadata=metadata)
    return file.getvalue()


def save_figures(drawn: Sequence[Drawn], directory: Path) -> None:
    """Write each figure as PNG and as SVG.

    Raises:
        DiskFault: The disk refuses.
    """
    for one in drawn:
        put(directory / f"{one.name}.png", one.png)
        put(directory / f"{one.name}.svg", one.svg.encode())
