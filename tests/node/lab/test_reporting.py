"""A report says what the lines say, with what is missing, and needs nothing but itself."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.faults import ConfigFault
from node.lab.book import Origin
from node.lab.folder import Folder
from node.lab.intervals import Share, pooled, spread
from node.lab.labels import charts, label
from node.lab.outcome import Outcome, outcome_of
from node.lab.page import summary
from node.lab.reporting import machine_report, write_report
from node.lab.spec import Spec
from node.lab.tables import markdown, tables_of

MakeSpec = Callable[..., Spec]
Fill = Callable[..., None]


@pytest.fixture
def half_run(folder: Folder, small_spec: MakeSpec, fill: Fill) -> Folder:
    """Two seeds undefended, one of two defended and one of those half-way; a clean swarm."""
    grid: dict[str, Any] = {"attack": ["hail", "none"], "mode": "horizontal", "seed": [0, 1]}
    spec = small_spec(rounds=4, text="rounds = 4\n", defence=["none", "default"], **grid)
    folder.claim(spec)
    for cell in spec.cells:
        seed = 0.1 * cell.seed
        if cell.attack == "none":
            if cell.defence == "default":
                fill(folder, cell, greedy=0.9 - seed)
        elif cell.defence == "none":
            fill(folder, cell, shown_greedy=1.0 - seed, shown_sampled=0.5, length=30.0)
        elif cell.seed == 0:
            fill(folder, cell, caught=4, wrongly=1, greedy=0.85)
        else:
            fill(folder, cell, rounds=2)
    return folder


def row(outcome: Outcome, title: str, *start: str) -> dict[str, str]:
    (table,) = (one for one in tables_of(outcome) if one.title == title)
    (found,) = (one for one in table.rows if one[: len(start)] == start)
    return dict(zip(table.headings, found, strict=True))


def test_what_was_learnt_is_told_with_its_range_over_the_seeds(half_run: Folder) -> None:
    outcome = outcome_of(half_run)
    undefended = row(
        outcome, "What honest nodes have learnt", "hail", "horizontal", "1 of 2", "undefended"
    )

    assert undefended["seeds"] == "2/2"
    assert undefended["ASR greedy"] == "95.0% (9.5% to 100.0%; seeds 90.0% to 100.0%)"
    assert undefended["ASR sampled"] == "50.0% (43.1% to 56.9%; seeds 50.0% to 50.0%)"
    assert undefended["times longer"] == "3.00 (3.00 to 3.00)"


def test_an_accuracy_is_set_against_the_clean_swarm_of_the_same_seed(half_run: Folder) -> None:
    outcome = outcome_of(half_run)
    defended = row(
        outcome, "What honest nodes have learnt", "hail", "horizontal", "1 of 2", "defended"
    )

    assert defended["against clean"] == "-5.0"
    assert defended["accuracy greedy"] == "85.0% (76.7% to 90.7%)"
    assert defended["seeds"] == "1/2"


def test_what_was_caught_is_told_with_its_interval(half_run: Folder) -> None:
    outcome = outcome_of(half_run)
    defended = row(outcome, "What was caught", "hail", "horizontal", "1 of 2", "defended")

    assert defended["tampered"] == "16"
    assert defended["detected"].startswith("100.00% (80.")
    assert defended["wrongly refused"].startswith("12.50% (4.97% to 28.")


def test_where_nothing_is_taught_no_attack_succeeds_or_fails(
    folder: Folder, small_spec: MakeSpec, fill: Fill
) -> None:
    spec = small_spec(attack=["hail", "copy", "ramble", "equivocation", "none"])
    folder.claim(spec)
    for cell in spec.cells:
        fill(folder, cell)
    outcome = outcome_of(folder)
    told = {one["attack"]: one for one in machine_report(outcome)["conditions"]}
    shown = {one: row(outcome, "What honest nodes have learnt", one)["ASR greedy"] for one in told}

    assert told["hail"]["asr_greedy"]["value"] == 0.0
    assert shown.pop("hail") == "0.0% (0.0% to 3.7%)"
    assert set(shown.values()) == {"-"}
    for attack in shown:
        assert told[attack]["asr_greedy"] is told[attack]["asr_sampled"] is None
        assert told[attack]["last"]["asr_greedy"] is None
        assert told[attack]["curves"]["asr_greedy"] == {}
        assert told[attack]["accuracy_greedy"]["value"] == pytest.approx(0.8)
    assert {told[attack]["watched"] for attack in shown} == {None, "length"}


def test_decoys_are_no_poison_that_was_caught(
    folder: Folder, small_spec: MakeSpec, fill: Fill
) -> None:
    """They are out of form, and refused whatever becomes of the poison beside them."""
    spec = small_spec(attack="hail")
    folder.claim(spec)
    fill(folder, spec.cells[0])
    path = folder.finished(spec.cells[0])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["kind"] == "round":
            line["origins"]["decoy"] = {**line["origins"]["tampered"], "refused": 4}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    outcome = outcome_of(folder)
    (told,) = machine_report(outcome)["conditions"]

    assert row(outcome, "What was caught", "hail")["detected"].startswith("0.00%")
    assert told["completions"]["decoy"]["refused"]["value"] == 1.0


def test_machines_read_what_tells_conditions_apart_as_what_it_is(half_run: Folder) -> None:
    told = json.loads(json.dumps(machine_report(outcome_of(half_run))))["conditions"]

    assert [(one["nodes"], one["malicious"], one["heterogeneous"]) for one in told] == [
        *[(2, 1, False)] * 2,
        *[(2, 0, False)] * 2,
    ]
    assert {one["mode"] for one in told} == {"horizontal"}


def test_a_half_finished_run_is_reported_and_says_what_is_missing(
    half_run: Folder, tmp_path: Path
) -> None:
    paths = write_report(half_run.path, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()

    assert [path.name for path in paths] == ["report.md", "report.html", "report.json"]
    assert "5 of 8 swarms finished" in text
    assert "| hail_horizontal_1of2_default_s1 | 2 of 4 rounds |" in text
    assert "| none_horizontal_0of2_none_s0 | 0 of 4 rounds |" in text


def test_a_run_of_which_there_is_nothing_yet_is_reported(
    folder: Folder, small_spec: MakeSpec, tmp_path: Path
) -> None:
    folder.claim(small_spec())
    write_report(folder.path, tmp_path / "out")

    assert "0 of 1 swarms finished" in (tmp_path / "out" / "report.md").read_text()


def test_the_page_needs_nothing_but_itself(half_run: Folder, tmp_path: Path) -> None:
    write_report(half_run.path, tmp_path)
    page = (tmp_path / "report.html").read_text()

    assert page.count("<svg") == 1
    assert all(f">{curve}<" in page for curve in ("undefended", "defended"))
    assert "no attacker, defended" in page
    assert not re.search(r"""(src|href)=["'](?!#)""", page.replace("xlink:", ""))
    assert "<script" not in page
    assert "http-equiv" not in page
    assert {path.suffix for path in tmp_path.iterdir() if path.is_file()} >= {".png", ".svg"}


def test_the_same_cells_draw_the_same_figures(half_run: Folder, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(half_run.path, tmp_path / name)

    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_machines_get_every_number_with_its_interval(half_run: Folder) -> None:
    told = json.loads(json.dumps(machine_report(outcome_of(half_run))))
    undefended = told["conditions"][0]

    assert told["cells"] == 8
    assert len(told["missing"]) == 3
    assert told["conditions"][2]["completions"]["tampered"]["refused"] is None
    assert undefended["asr_greedy"]["count"] == pytest.approx(190)
    assert undefended["asr_greedy"]["low"] < 0.95 < undefended["asr_greedy"]["high"]
    assert undefended["curves"]["asr_greedy"]["4"]["least"] == pytest.approx(0.9)
    assert undefended["completions"]["tampered"]["refused"]["value"] == 0.0


def test_cells_of_two_states_of_the_program_are_told_of(
    folder: Folder, small_spec: MakeSpec, fill: Fill
) -> None:
    spec = small_spec(seed=[0, 1])
    folder.claim(spec)
    fill(folder, spec.cells[0], source=1)

    assert "states of the program" not in summary(outcome_of(folder))

    fill(folder, spec.cells[1], source=2)

    assert "made with 2 states of the program" in summary(outcome_of(folder))


def test_without_matplotlib_the_way_to_it_is_told(
    half_run: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ConfigFault, match="matplotlib") as told:
        write_report(half_run.path, tmp_path)

    assert "pip install 'drl-node[lab]'" in told.value.fix
    assert machine_report(outcome_of(half_run))["cells"] == 8


def test_curves_are_called_by_what_differs(half_run: Folder) -> None:
    outcome = outcome_of(half_run)
    ((title, members),) = charts(outcome.conditions, outcome.figures)

    assert title == "hail, horizontal"
    assert [label(one, members) for one in members] == [
        "undefended",
        "defended",
        "no attacker, undefended",
        "no attacker, defended",
    ]


def test_the_axes_of_the_specification_make_the_figures(
    folder: Folder, small_spec: MakeSpec
) -> None:
    spec = small_spec(attack=["hail", "equation"], mode=["vertical", "horizontal"])
    folder.claim(spec)
    conditions = outcome_of(folder).conditions

    assert len(charts(conditions, ("attack", "mode"))) == 4
    by_attack = charts(conditions, ("attack",))
    assert [title for title, _ in by_attack] == ["hail", "equation"]
    assert [label(one, by_attack[0][1]) for one in by_attack[0][1]] == ["vertical", "horizontal"]


def test_nodes_that_each_judge_the_same_completions_count_once(
    folder: Folder, small_spec: MakeSpec, fill: Fill
) -> None:
    spec = small_spec(attack="hail")
    folder.claim(spec)
    fill(folder, spec.cells[0], caught=4)
    path = folder.finished(spec.cells[0])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    doubled = [{**line, "node": node} for line in lines for node in (0, 1)]
    path.write_text("".join(json.dumps(line) + "\n" for line in doubled))
    (condition,) = outcome_of(folder).conditions

    assert condition.share(Origin.TAMPERED, "refused") == Share(8, 8)


def test_a_cell_in_a_table_cannot_break_it(half_run: Folder) -> None:
    table = tables_of(outcome_of(half_run))[0]
    broken = type(table)(title="t", note="n", headings=("a",), rows=(("x | y",),))

    assert "| x \\| y |" in markdown(broken)


def test_an_interval_over_seeds_holds_what_the_seeds_show() -> None:
    """Two seeds that lie far apart say little of a third, however many answers each has."""
    apart = pooled([Share(61, 300), Share(217, 300)])
    low, high = apart.interval
    three = pooled([Share(100, 300), Share(110, 300), Share(90, 300)]).interval

    assert apart.value == pytest.approx(278 / 600)
    assert low < 0.203
    assert high > 0.723
    assert three[0] < 0.3 < 110 / 300 < three[1]
    assert three[1] - three[0] < high - low


@pytest.mark.parametrize("counts", [(0, 0, 0), (300, 300), (150, 150), (149, 151, 150)])
def test_an_interval_over_seeds_is_never_narrower_than_that_of_all_answers(
    counts: tuple[int, ...],
) -> None:
    whole = Share(sum(counts), 300 * len(counts)).interval
    seeds = pooled([Share(count, 300) for count in counts]).interval

    assert seeds[0] <= whole[0] + 1e-12
    assert seeds[1] >= whole[1] - 1e-12


def test_a_seed_that_counted_nothing_is_no_draw() -> None:
    assert pooled([Share(3, 7), Share(0, 0)]) == Share(3, 7)
    assert pooled([]) == Share(0, 0)


@pytest.mark.parametrize(("count", "of"), [(0, 0), (0, 10), (10, 10), (3, 7)])
def test_an_interval_holds_its_share_and_stays_within_bounds(count: int, of: int) -> None:
    low, high = Share(count, of).interval

    assert 0.0 <= low <= Share(count, of).value + 1e-9
    assert Share(count, of).value - 1e-9 <= high <= 1.0


def test_a_spread_of_one_has_no_range() -> None:
    one, several = spread([0.5]), spread([0.25, 0.75])

    assert spread([]) is None
    assert one is not None
    assert one.shown(".0%") == "50%"
    assert several is not None
    assert several.shown(".0%") == "50% (25% to 75%)"
