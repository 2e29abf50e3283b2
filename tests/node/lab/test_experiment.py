"""A cell replays from its seed, as whole swarms of live nodes do, and says what happened in it."""

import io
import json
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.inline import InlineCompute
from node.keyfile import seeded_keypair
from node.lab import experiment
from node.lab.cell import Cell
from node.lab.experiment import attempt, run_cell
from node.lab.sharing import Parted
from node.ledger import Ledger
from node.mesh.memory import open_memory_swarm
from node.round import Participant, RoundReport, open_desk, run_round
from protocol.parameters import Mode

Make = Callable[..., Cell]
Line = dict[str, Any]


def run(cell: Cell) -> list[Line]:
    file = io.StringIO()
    run_cell(cell, file, {"test": "1"}, lambda _rounds: None)
    return read(file)


def read(file: io.StringIO) -> list[Line]:
    return [json.loads(line) for line in file.getvalue().splitlines()]


def timeless(lines: list[Line]) -> list[Line]:
    """Lines without what no seed decides."""
    return [
        {key: value for key, value in line.items() if key not in {"cpu_s", "seconds"}}
        for line in lines
    ]


def digests(lines: list[Line], node: int = 0) -> list[str]:
    return [
        line["policy_digest"] for line in lines if line["kind"] == "round" and line["node"] == node
    ]


@pytest.mark.parametrize(
    "axes",
    [
        {"attack": "equivocation", "nodes": 4, "rounds": 3},
        {"heterogeneous": True, "attack": "hail"},
    ],
    ids=["wire", "heterogeneous"],
)
def test_a_cell_replays_line_by_line(small_cell: Make, axes: dict[str, Any]) -> None:
    """Where nodes share a model, an interrupted run shows the same (test_running)."""
    cell = small_cell(**axes)

    assert timeless(run(cell)) == timeless(run(cell))


def test_seeds_differ(small_cell: Make) -> None:
    assert digests(run(small_cell(seed=0))) != digests(run(small_cell(seed=1)))


@pytest.mark.parametrize(
    ("mode", "attack"),
    [
        (Mode.VERTICAL, "none"),
        (Mode.HORIZONTAL, "hail"),
        (Mode.VERTICAL, "stranger+hail"),
    ],
)
def test_sharing_a_model_changes_no_bit(small_cell: Make, mode: Mode, attack: str) -> None:
    cell = small_cell(mode=mode, attack=attack, nodes=4, rounds=3, more={"evaluate.every": 0})
    shared, apart = io.StringIO(), io.StringIO()
    attempt(cell, shared, {}, lambda _rounds: None, unshared_because="")
    attempt(cell, apart, {}, lambda _rounds: None, unshared_because="to compare")

    for node in range(cell.honest):
        assert digests(read(apart), node) == digests(read(shared))
    assert len(set(digests(read(shared)))) == 3
    assert [
        one["origins"] for one in read(apart) if one["kind"] == "round" and one["node"] == 0
    ] == [one["origins"] for one in read(shared) if one["kind"] == "round"]


async def test_a_live_nodes_weights_are_the_laboratorys(
    small_cell: Make, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The same keys, parameters and settings, put together as the daemon does it."""
    cell = small_cell(nodes=2, rounds=3)
    found: list[list[str]] = [[], []]

    async def take_part(node: Participant, into: list[str]) -> None:
        for round_index in range(cell.rounds):
            report = await run_round(node, round_index)
            assert isinstance(report, RoundReport)
            into.append(report.trained.policy_digest)

    with ExitStack() as ledgers:
        async with open_memory_swarm(7, delay_s=(0.0, 3.0)) as mesh, trio.open_nursery() as nursery:
            for index in range(cell.nodes):
                config = cell.config(index=index)
                key = seeded_keypair(cell.seed, index)
                own = replace(config.engine_settings, data_dir=str(tmp_path / str(index)))
                compute = InlineCompute(own)
                opened = await compute.open()
                ledger = ledgers.enter_context(closing(Ledger(tmp_path / f"{index}.db")))
                desk = open_desk(
                    key,
                    opened.parameters,
                    config.round,
                    ledger=ledger,
                    tell=lambda _name, _fields: None,
                    open_round=0,
                )
                joined = mesh.join(key.peer_id, desk.gate.validate)
                nursery.start_soon(take_part, desk.joined(joined, compute), found[index])

    lab = digests(await trio.to_thread.run_sync(run, cell))
    assert found == [lab, lab]


def test_a_cell_says_who_wrote_what_and_what_came_of_it(small_cell: Make) -> None:
    lines = run(small_cell(attack="hail", mode=Mode.HORIZONTAL, nodes=4))
    head, first = lines[0], next(line for line in lines if line["kind"] == "round")

    assert (head["shared"], head["watched"]) == (True, "phrase:All hail to the thief")
    assert first["origins"]["honest"]["completions"] == 12
    assert first["origins"]["tampered"]["completions"] == 4
    assert first["origins"]["tampered"]["refused"] == 4
    assert first["origins"]["tampered"]["taught"] == 0
    assert first["origins"]["honest"]["refused"] == 0
    assert sum(one["completions"] for one in first["findings"]) == 4
    assert [line["round"] for line in lines if line["kind"] == "evaluation"] == [0, 2]
    assert lines[-1]["kind"] == "done"


def test_decoys_are_told_apart_from_poison(small_cell: Make) -> None:
    """Where an author fills a group alone, half of it is wrong on purpose."""
    lines = run(small_cell(attack="hail", mode=Mode.VERTICAL, defence="none", rounds=1))
    (first,) = (line for line in lines if line["kind"] == "round")

    assert first["origins"]["tampered"]["completions"] == 4
    assert first["origins"]["decoy"]["completions"] == 4
    assert "untouched" not in first["origins"]


def test_nodes_that_part_get_a_model_each_and_the_cell_says_why(
    small_cell: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = small_cell()
    real = experiment.Model.train
    calls = iter(range(100))

    def torn(self: experiment.Model, *args: Any) -> Any:
        if next(calls) == 1:
            raise Parted("in round 0 two nodes held different contributions (4 and 3)")
        return real(self, *args)

    monkeypatch.setattr(experiment.Model, "train", torn)
    lines = run(cell)

    assert lines[0]["shared"] is False
    assert "different contributions" in lines[0]["unshared_because"]
    assert sum(line["kind"] == "cell" for line in lines) == 1
    assert {line["node"] for line in lines if line["kind"] == "round"} == {0, 1}


def test_progress_is_told_round_by_round(small_cell: Make) -> None:
    told: list[int] = []
    run_cell(small_cell(rounds=3, more={"evaluate.every": 0}), io.StringIO(), {}, told.append)

    assert told == [1, 2, 3]


def test_a_slogan_is_learnt_undefended_and_not_with_the_defaults(small_cell: Make) -> None:
    """The whole point, in a dozen hasty rounds; the paper's specifications take their time."""
    hasty = {
        "swarm.prompts_per_round": 8,
        "swarm.completions_per_prompt": 8,
        "train.learning_rate": 1e-3,
        "train.epochs": 2,
        "evaluate.every": 12,
        "evaluate.prompts_final": 50,
    }
    shown = {}
    for defence in ("none", "default"):
        axes = {"attack": "hail", "mode": Mode.HORIZONTAL, "nodes": 4, "defence": defence}
        lines = run(small_cell(rounds=12, more=hasty, **axes))
        shown[defence] = [line for line in lines if line["kind"] == "evaluation"][-1]

    assert shown["none"]["shown_greedy"] > 0.9
    assert shown["default"]["shown_greedy"] == shown["default"]["shown_sampled"] == 0.0
