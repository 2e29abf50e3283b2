"""A node lives alone, ends at once when told to, and goes on where it was, however it ended."""

import os
import re
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakeNode = Callable[..., Any]
ROUNDS = 60
"""A round takes a tenth of a second: enough of them for a kill to fall into their midst."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, node_class: type) -> Any:
    """A node that took part in all rounds without any trouble."""
    place = tmp_path_factory.mktemp("reference")
    node = node_class(place / "node", log_path=place / "log")
    assert node.start("--rounds", str(ROUNDS)).wait() == 0, node.log
    return node


def test_a_killed_node_ends_with_the_weights_of_one_that_was_not(
    make_node: MakeNode, reference: Any
) -> None:
    """kill -9 in the midst of rounds costs nothing: not a round, not a bit of the weights."""
    node = make_node("killed", more=("checkpoint.every=4",))
    node.directory.mkdir(mode=0o700)
    shutil.copy2(reference.directory / "identity.key", node.directory)
    for rounds in (5, 20):
        node.start("--rounds", str(ROUNDS)).await_rounds(rounds)
        node.kill()

    assert node.start("--rounds", str(ROUNDS)).wait() == 0, node.log

    assert len(node.rounds()) >= 25
    assert node.rounds()[-1]["round"] == ROUNDS - 1
    assert node.rounds()[-1]["policy_digest"] == reference.rounds()[-1]["policy_digest"]


def test_a_node_whose_model_process_is_killed_replaces_it_and_loses_nothing(
    make_node: MakeNode, reference: Any
) -> None:
    node = make_node("bereft", more=("checkpoint.every=3",))
    node.directory.mkdir(mode=0o700)
    shutil.copy2(reference.directory / "identity.key", node.directory)
    worker = node.start("--rounds", str(ROUNDS)).worker_pid()
    node.await_rounds(2)

    os.kill(worker, signal.SIGKILL)

    assert node.wait() == 0, node.log
    assert node.events("worker_lost")[0]["cause"].endswith("SIGKILL (out of memory?)")
    assert node.rounds()[-1]["policy_digest"] == reference.rounds()[-1]["policy_digest"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_node_within_five_seconds_and_it_goes_on_as_the_same_peer(
    make_node: MakeNode, number: int
) -> None:
    node = make_node("alone", more=("checkpoint.every=1000",))
    address = node.start().join_line()
    node.await_rounds(2)

    took_s = node.end(number)

    assert node.process.returncode == 0, node.log
    assert took_s < 10
    stopped = node.events("node_stopped")[-1]
    assert re.fullmatch(r"[0-9a-f]{16}:\d+:[0-9a-f]{64}", stopped["ledger_head"])
    again = node.start().join_line()
    assert again.split("/p2p/")[1] == address.split("/p2p/")[1]
    resumed = node.await_rounds(len(node.rounds()) + 1)[-1]["round"]
    assert resumed >= stopped["trained"] > 0


def test_a_second_signal_does_not_keep_a_node_from_ending_as_the_first_one_said(
    make_node: MakeNode,
) -> None:
    node = make_node("hurried").start()
    node.await_rounds(1)

    node.process.send_signal(signal.SIGTERM)
    node.end(signal.SIGINT)

    assert node.process.returncode == 0, node.log
    assert len(node.events("node_stopped")) == 1


def test_a_node_with_unreachable_peers_trains_alone_and_says_which_step_failed(
    make_node: MakeNode,
) -> None:
    nobody = "12D3KooWQCkBm1BYtkHpocxCwMgR8yjitEeHGx8spzcDLGt2gkBm"
    node = make_node("lonely", more=("round.join_s=1",))

    node.start("--peers", f"/ip4/127.0.0.1/tcp/1/p2p/{nobody}").await_rounds(2)
    failed = node.await_event("dial_failed")

    assert failed["step"] == "dial"
    assert failed["retry_s"] > 0
    assert node.end() < 10
    assert node.process.returncode == 0


def test_a_second_process_on_one_data_directory_is_refused(make_node: MakeNode) -> None:
    node = make_node("one")
    node.start().await_rounds(1)
    second = make_node("one").start()

    assert second.wait() == 3
    assert "uses the directory" in second.log
    assert node.process.poll() is None


def test_a_taken_port_is_refused_with_its_number(make_node: MakeNode) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        node = make_node("deaf").start("--listen", f"/ip4/127.0.0.1/tcp/{port}")

        assert node.wait() == 5
    assert str(port) in node.log
    assert "Traceback" not in node.log


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--model", "/no/such/model"), "/no/such/model"),
        (("--task", "gsm8k:/no/such/file"), "/no/such/file"),
        (("--task", "builtin:arithmetic"), "builtin:arithmetic"),
        (("--task", "gsm8k:{broken}"), "line 2"),
    ],
)
def test_a_model_or_task_that_cannot_be_loaded_ends_with_four(
    make_node: MakeNode, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"question": "1 + 1?", "answer": "It is 2. #### 2"}\n{"question": \n')
    filled = [argument.format(broken=broken) for argument in arguments]

    node = make_node("lost").start(*filled)

    assert node.wait() == 4
    assert says in node.log
    assert "fix:" in node.log
    assert "Traceback" not in node.log
