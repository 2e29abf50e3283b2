"""A swarm's processes are all ended, whenever it is interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node import swarm
from node.swarm import SwarmPlan, ended_by_signals, raised, undisturbed

ASLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_is_being_started_is_ended_as_the_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A signal between its start and the note of it would leave it running for ever."""
    started = []

    def interrupted_start(*_: object) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(ASLEEP))
        os.kill(os.getpid(), number)
        return started[-1]

    monkeypatch.setattr(swarm, "start_node", interrupted_start)
    plan = SwarmPlan(honest=2, seed=0, rounds=1, directory=tmp_path, settings=(), as_json=True)

    with pytest.raises(KeyboardInterrupt), ended_by_signals(), raised(plan, tmp_path):
        pytest.fail("it was interrupted")

    assert [process.poll() is None for process in started] == [False]


@pytest.mark.usefixtures("interruptible")
def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As a shell has it for whoever runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    with undisturbed():
        os.kill(os.getpid(), signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
