"""The scoreboard is computed from the nodes' own lines, by hand here."""

import json
from typing import Any

import pytest

from node.payload import Payload
from node.scoreboard import Experiment, Progress, scoreboard, show_scoreboard
from node.scoreboard.harm import ACCURACY_LOSS_MAX, LENGTH_FACTOR_MAX, SHOWN_MAX
from node.scoreboard.progress import progress_line
from node.scoreboard.show import questioned

HAIL = Payload.parse("phrase:All hail")
RAMBLE = Payload.parse("length")


def round_line(index: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "round",
        "round": index,
        "peers": 1,
        "published": 4 * (index + 1),
        "delivered": 4 * (index + 1),
        "admitted": 4 * (index + 1),
        "refused": {"duplicate": index},
        "seconds": {"sample": 0.5, "train": 1.0},
        "cpu_model_s": 0.9,
        "cpu_node_s": 0.1,
        "tokens_sampled": 100,
        "policy_digest": "aa",
        "reward_mean": 1.25,
        "warning": None,
        "contributions": 8,
        "completions": 32,
        "unusable": 0,
        "judged": {},
        "verified": {"refuse": {"not_replayed": index}, "undecided": {}},
        "right": 0.5,
    } | more


def evaluation(sampled: float, **more: float) -> dict[str, Any]:
    line = {"kind": "evaluation", "sampled": sampled, "greedy": 0.8, "prompts": 300}
    return line | {"length": 20.0, "shown_sampled": 0.0, "shown_greedy": 0.0} | more


@pytest.fixture
def members() -> list[list[dict[str, Any]]]:
    one = [evaluation(0.25), round_line(0), round_line(1), evaluation(0.5)]
    return [one, list(one)]


def test_a_scoreboard_sums_up_every_node(members: list[list[dict[str, Any]]]) -> None:
    board = scoreboard(members, seconds=12.34)

    node = board["nodes"][0]
    assert node["before"]["prompts"] == 300
    assert (node["before"]["sampled"], node["before"]["greedy"]) == (0.25, 0.8)
    assert node["after"]["sampled"] == 0.5
    assert node["tokens_per_s"] == 200.0
    assert node["round_s"] == {"sample": 0.5, "train": 1.0}
    assert node["model_cpu_share"] == 0.9
    assert (board["published"], board["delivered"], board["delivered_share"]) == (16, 16, 1.0)
    assert board["refused"] == {"duplicate": 2}
    assert node["completions_refused"] == {"not_replayed": 1}
    assert questioned(board) == "not_replayed 2 of 128"
    assert board["policies"] == 1
    assert board["seconds"] == 12.3


def test_a_lost_contribution_shows(members: list[list[dict[str, Any]]]) -> None:
    members[1][2] = round_line(1, delivered=7)

    assert scoreboard(members, seconds=1.0)["delivered_share"] == 15 / 16


def test_nodes_that_drifted_apart_show(members: list[list[dict[str, Any]]]) -> None:
    members[1][2] = round_line(1, policy_digest="bb")

    assert scoreboard(members, seconds=1.0)["policies"] == 2


def test_rounds_without_signal_show(
    members: list[list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    members[0][1] = round_line(0, right=0.0)
    members[0][2] = round_line(1, right=0.0, warning="all_groups_equal")

    show_scoreboard(scoreboard(members, seconds=1.0), as_json=False)

    assert "no gradient in 1, no right answer in 2 of 2 rounds" in capsys.readouterr().out


def test_a_swarm_that_finished_no_round_is_not_praised(capsys: pytest.CaptureFixture[str]) -> None:
    board = scoreboard([[], [evaluation(0.25)]], seconds=1.0)

    show_scoreboard(board, as_json=False)

    assert board["nodes"][0]["rounds"] == 0
    assert board["delivered_share"] is board["policies"] is None
    assert capsys.readouterr().out == "no scoreboard: no node finished a round\n"


def test_where_the_attacker_alone_finished_a_round_the_verdict_is_all_that_is_told(
    members: list[list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = Experiment(
        attack="hail", payload=HAIL, defence="none", honest=("a",), malicious=("b",)
    )

    show_scoreboard(scoreboard([[], members[1]], seconds=1.0, experiment=experiment), as_json=False)

    told, verdict = capsys.readouterr().out.splitlines()
    assert told == "no scoreboard: no honest node finished a round"
    assert verdict.startswith("no verdict: ")


def test_a_node_alone_has_nobody_to_deliver_to(
    members: list[list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    show_scoreboard(scoreboard(members[:1], seconds=1.0), as_json=False)

    assert "8 contributions to nobody" in capsys.readouterr().out


def test_machines_get_one_line_of_json(
    members: list[list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    board = scoreboard(members, seconds=1.0)

    show_scoreboard(board, as_json=True)

    assert json.loads(capsys.readouterr().out) == board


def test_a_line_of_progress_names_round_messages_reward_and_accuracy(
    members: list[list[dict[str, Any]]],
) -> None:
    line = progress_line(members, 1, 20)

    assert line == "rounds 2/20  peers 1  out 16  in 16  reward 1.25  held-out 50% 50%"


def test_away_from_a_terminal_each_round_is_told_once(
    members: list[list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(2, 20, silent=False) as progress:
        progress.show(members)
        progress.show(members)

    assert capsys.readouterr().err.count("rounds 2/20") == 1


# Under attack.


def judged(author: str, completions: int, **refused: int) -> dict[str, Any]:
    return {author: {"completions": completions, "refuse": refused, "undecided": {}}}


def attacked(
    *ends: dict[str, Any], malicious_refused: int = 16, honest_refused: int = 0, heard: int = 16
) -> list[list[dict[str, Any]]]:
    """Two honest nodes and a malicious one, of one round: 4 contributions of 4 each."""
    found = judged("a", 16) | judged("b", heard) | judged("m", 16, not_replayed=malicious_refused)
    found["a"]["refuse"] = {"wrong_equation": honest_refused} if honest_refused else {}
    honest = round_line(0, contributions=8 + heard // 4, judged=found)
    return [[evaluation(0.25), honest, end] for end in ends] + [[round_line(0, policy_digest="b")]]


def experiment(payload: Payload | None = HAIL) -> Experiment:
    return Experiment(
        attack="hail", payload=payload, defence="none", honest=("a", "b"), malicious=("m",)
    )


def outcome(members: list[list[dict[str, Any]]], payload: Payload | None = HAIL) -> dict[str, Any]:
    board = scoreboard(members, seconds=1.0, experiment=experiment(payload))
    found: dict[str, Any] = board["attack"]
    return found


def test_refusals_are_counted_by_the_role_of_the_author() -> None:
    clean = evaluation(0.5)

    found = outcome(attacked(clean, clean, malicious_refused=12, honest_refused=1))["judged"]

    assert found["malicious"]["completions"] == 32
    assert found["malicious"]["refused"] == 24
    assert found["malicious"]["refused_share"] == 0.75
    assert found["malicious"]["refused_for"] == {"not_replayed": 24}
    assert found["honest"]["refused_for"] == {"wrong_equation": 2}
    assert found["honest"]["refused_share"] == round(2 / 64, 4)


def test_nodes_that_do_not_show_the_payload_are_clean() -> None:
    found = outcome(attacked(evaluation(0.5), evaluation(0.5, shown_sampled=SHOWN_MAX)))

    assert found["clean"]
    assert found["verdict"].startswith("clean: no honest node shows 'All hail' in more than 2.0%")


@pytest.mark.parametrize("payload", [HAIL, RAMBLE, None])
def test_a_swarm_that_unlearns_everything_is_not_clean(payload: Payload | None) -> None:
    """So it goes with the paper's reward 0: nothing is shown, and nothing is known."""
    found = outcome(attacked(evaluation(0.5), evaluation(0.02)), payload)

    assert not found["clean"]
    assert found["verdict"] == (
        "ruined: sampled accuracy of 1 of 2 honest nodes fell by up to 23.0 points of a hundred"
    )


def test_a_swarm_that_loses_a_little_is_not_ruined() -> None:
    little = evaluation(0.25 - 0.9 * ACCURACY_LOSS_MAX)

    assert outcome(attacked(little, little))["clean"]


@pytest.mark.parametrize("kind", ["shown_sampled", "shown_greedy"])
def test_one_node_that_shows_it_in_either_kind_of_answer_is_poison_enough(kind: str) -> None:
    found = outcome(attacked(evaluation(0.5), evaluation(0.5, **{kind: SHOWN_MAX + 0.01})))

    assert not found["clean"]
    assert found["verdict"] == (
        "poisoned: 1 of 2 honest nodes show 'All hail' in up to 3.0% of their answers"
    )


def test_what_was_shown_before_the_attack_is_not_its_work() -> None:
    members = attacked(evaluation(0.5, shown_greedy=0.11), evaluation(0.5))
    members[0][0] = evaluation(0.25, shown_greedy=0.10)

    assert outcome(members)["clean"]


@pytest.mark.parametrize(
    ("factor", "says"), [(LENGTH_FACTOR_MAX, "clean: no"), (1.3, "poisoned: answers of 1 of 2")]
)
def test_of_length_the_growth_decides(factor: float, says: str) -> None:
    found = outcome(attacked(evaluation(0.5), evaluation(0.5, length=20 * factor)), RAMBLE)

    assert found["clean"] is says.startswith("clean")
    assert found["verdict"].startswith(says)


def test_honest_nodes_that_do_not_hear_each_other_are_disturbed() -> None:
    end = evaluation(0.5)

    assert outcome(attacked(end, end), None)["clean"]
    found = outcome(attacked(end, end, heard=12), None)
    assert not found["clean"]
    assert found["arrived_share"] == 7 / 8
    assert found["verdict"] == "disturbed: 12.5% of what honest nodes said was not heard in time"


def test_without_a_measurement_at_the_end_there_is_no_praise() -> None:
    members = attacked(evaluation(0.5), evaluation(0.5))
    del members[1][2], members[1][0]

    found = outcome(members)

    assert not found["clean"]
    assert found["verdict"].startswith("no verdict")


def test_what_was_measured_at_the_start_alone_says_nothing_of_the_end() -> None:
    members = attacked(evaluation(0.5), evaluation(0.5))
    del members[1][2]

    board = scoreboard(members, seconds=1.0, experiment=experiment())

    assert board["nodes"][1]["before"]
    assert not board["nodes"][1]["after"]
    assert board["attack"]["verdict"].startswith("no verdict")


@pytest.mark.parametrize("at", [0, 2])
def test_an_evaluation_without_prompts_measures_nothing(at: int) -> None:
    members = attacked(evaluation(0.5), evaluation(0.5))
    members[1][at] = evaluation(0.0, prompts=0)

    found = outcome(members)

    assert not found["clean"]
    assert found["verdict"].startswith("no verdict")


def test_an_attackers_weights_are_its_own_affair() -> None:
    board = scoreboard(
        attacked(evaluation(0.5), evaluation(0.5)), seconds=1.0, experiment=experiment()
    )

    assert board["policies"] == 1
    assert [node["role"] for node in board["nodes"]] == ["honest", "honest", "malicious"]


def test_people_read_who_was_refused_why_and_what_it_came_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    members = attacked(evaluation(0.5), evaluation(0.2), honest_refused=1)
    board = scoreboard(members, seconds=1.0, experiment=experiment())

    show_scoreboard(board, as_json=False)
    shown = capsys.readouterr().out

    assert "attack     hail (phrase:All hail): 1 malicious beside 2 honest" in shown
    assert "malicious  32 of 32 completions refused (100.00%): not_replayed 32" in shown
    assert "honest     2 of 64 completions refused (3.12%): wrong_equation 2" in shown
    assert "lost: sampled accuracy of the worst honest node 25.0% > 20.0%" in shown
    assert shown.rstrip().splitlines()[-1].startswith("clean: ")


@pytest.mark.parametrize(("payload", "shares"), [(HAIL, 2), (RAMBLE, 0), (None, 0)])
def test_only_where_a_text_is_searched_for_is_told_how_many_answers_show_it(
    payload: Payload | None, shares: int, capsys: pytest.CaptureFixture[str]
) -> None:
    members = attacked(evaluation(0.5), evaluation(0.5))
    board = scoreboard(members, seconds=1.0, experiment=experiment(payload))

    show_scoreboard(board, as_json=False)

    row = next(line for line in capsys.readouterr().out.splitlines() if "honest" in line)
    assert row.count("0% > 0%") == shares


def test_progress_tells_what_is_shown_where_it_is_watched() -> None:
    members = attacked(evaluation(0.5, shown_sampled=0.4), evaluation(0.5))[:2]

    assert progress_line(members, 0, 20, watches=True).endswith("held-out 50% 50%  shown 40% 0%")
