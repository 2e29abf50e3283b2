"""Model work in a process of its own gives what inline work gives, and its death is survivable."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from node.compute import ProcessCompute, open_process_compute
from node.faults import ModelFault, TaskFault
from node.inline import InlineCompute
from node.settings import ModelSettings, SwarmSettings, TaskSettings
from node.work import Compute, EngineSettings, WorkerLost
from protocol.beacon import HashChain
from protocol.identity import Keypair
from protocol.schedule import Schedule

ME = Keypair.from_seed(b"\7" * 32).peer_id
SMALL = SwarmSettings(prompts_per_round=4, completions_per_prompt=4, shares=2)


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    return EngineSettings(data_dir=str(tmp_path), swarm=SMALL)


@asynccontextmanager
async def opened(settings: EngineSettings) -> AsyncIterator[ProcessCompute]:
    async with open_process_compute(settings) as compute:
        await compute.open()
        yield compute


async def one_round(compute: Compute, round_index: int) -> str:
    """Sample and train a round alone; return the policy's digest after it."""
    parameters = (await compute.open()).parameters if round_index == 0 else PARAMETERS[0]
    PARAMETERS[:] = [parameters]
    prompts = Schedule(parameters, HashChain(parameters.digest())).prompts(round_index, ME)
    done = await compute.sample(ME, round_index, prompts)
    return (await compute.train(ME, round_index, done.contributions)).policy_digest


PARAMETERS: list = []  # type: ignore[type-arg]  # what the last opened engine told


async def test_a_process_and_this_one_end_with_the_same_weights(
    settings: EngineSettings, tmp_path: Path
) -> None:
    inline = InlineCompute(replace(settings, data_dir=str(tmp_path / "inline")))
    here = [await one_round(inline, index) for index in range(2)]

    async with open_process_compute(settings) as compute:
        there = [await one_round(compute, index) for index in range(2)]
        evaluated = await compute.evaluate(5)

    assert here == there
    assert evaluated.prompts == 5
    assert len(set(here)) == 2


async def test_a_killed_process_is_told_of_and_replaced_from_its_checkpoint(
    settings: EngineSettings,
) -> None:
    async with open_process_compute(settings) as compute:
        digest = await one_round(compute, 0)
        await compute.save(1)
        assert compute.pid is not None
        os.kill(compute.pid, signal.SIGKILL)

        with pytest.raises(WorkerLost, match="SIGKILL"):
            await compute.evaluate(5)
        found = await compute.open()

    assert (found.next_round, found.policy_digest) == (1, digest)


async def test_a_process_that_dies_at_work_does_not_hang_its_caller(
    settings: EngineSettings,
) -> None:
    async with opened(settings) as compute:
        assert compute.pid is not None
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(kill_soon, compute.pid)
                with pytest.raises(WorkerLost):
                    await compute.evaluate(10_000)


async def kill_soon(pid: int) -> None:
    await trio.sleep(0.3)
    os.kill(pid, signal.SIGKILL)


async def test_a_busy_process_is_ended_with_its_block(settings: EngineSettings) -> None:
    with trio.fail_after(30):
        async with opened(settings) as compute:
            pid = compute.pid
            assert pid is not None
            with trio.move_on_after(0.3):
                await compute.evaluate(10_000)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_process_that_owes_an_answer_is_asked_nothing_else(
    settings: EngineSettings,
) -> None:
    """Its next answer is not the one to the next request."""
    async with opened(settings) as compute:
        with trio.move_on_after(0.1) as patience:
            await compute.evaluate(10_000)

        assert patience.cancelled_caught
        assert compute.is_busy
        with pytest.raises(WorkerLost, match="owes an answer to 'evaluate'"):
            await compute.save(1)
        assert (await compute.open()).next_round == 0
        assert not compute.is_busy


async def test_a_save_that_nobody_waits_for_is_written_before_the_process_ends(
    settings: EngineSettings,
) -> None:
    async with open_process_compute(settings) as compute:
        digest = await one_round(compute, 0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(compute.save, 1)
            await wait_all_tasks_blocked()  # for the answer
            nursery.cancel_scope.cancel()
        assert compute.is_busy
        found = await compute.open()

    assert (found.next_round, found.policy_digest) == (1, digest)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"model": ModelSettings(source="/no/such/model")}, ModelFault),
        ({"task": TaskSettings(source="gsm8k:/no/such/file")}, TaskFault),
    ],
)
async def test_a_fault_in_the_process_is_the_same_fault_here(
    settings: EngineSettings, change: dict[str, object], fault: type[Exception]
) -> None:
    async with open_process_compute(replace(settings, **change)) as compute:
        with pytest.raises(fault, match="/no/such"):
            await compute.open()


async def test_a_bug_in_the_process_comes_with_its_traceback(settings: EngineSettings) -> None:
    async with opened(settings) as compute:
        with pytest.raises(RuntimeError, match="AssertionError"):
            await compute._ask("dance")


async def test_a_process_that_was_never_opened_is_lost(settings: EngineSettings) -> None:
    with pytest.raises(WorkerLost, match="not running"):
        await ProcessCompute(settings).evaluate(1)
