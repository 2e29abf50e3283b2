"""Model work in a supervised process beside the network.

A thread beside the network would starve it of the interpreter. The process is told everything
it needs when it is opened, so a dead one is replaced by opening another. It knows nothing of
what the work means.
"""

import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from node import faults
from node.pipe import HEADER, pack, pack_contributions, unpack, unpack_result
from node.settings import plain
from node.work import Contributed, EngineSettings, Evaluation, Opened, Trained, WorkerLost
from protocol.contribution import Contribution
from protocol.identity import PeerId

STOP_S = 1.0
"""How long a process may take to see its closed pipe before it is killed."""

SAVE_S = 3.0
"""The same where it is in the midst of a checkpoint, and how long the last one may take."""


class ProcessCompute:
    """The engine in a process of its own, one request at a time.

    Whoever asks may be cancelled; the process works on. Until it is replaced nothing else is asked
    of it: the next answer would be the one to that request, from weights that nobody can name.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._process: trio.Process | None = None
        self._turn = trio.Lock()
        self._owes = ""  # the call whose answer has not been read

    @property
    def pid(self) -> int | None:
        """The process's number while one runs."""
        return self._process.pid if self._process else None

    @property
    def is_busy(self) -> bool:
        """Whether a request is being worked on, also where nobody waits for its answer any more."""
        return bool(self._owes)

    async def open(self) -> Opened:
        """Start a process (in place of a dead one) and load model, task and checkpoint."""
        await self.stop()
        self._process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "node.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C reaches the daemon alone
        )
        return await self._load(None)

    async def _load(self, up_to: int | None) -> Opened:
        answer = await self._ask("open", settings=plain(self._settings), up_to=up_to)
        return unpack_result(Opened, answer)

    async def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        """Answer an author's prompts of a round."""
        answer = await self._ask(
            "sample", author=author.public_key, round_index=round_index, prompts=list(prompts)
        )
        return unpack_result(Contributed, answer)

    async def train(
        self, author: PeerId, round_index: int, contributions: Sequence[Contribution]
    ) -> Trained:
        """Reward, compare and take a round's step."""
        answer = await self._ask(
            "train",
            author=author.public_key,
            round_index=round_index,
            contributions=pack_contributions(contributions),
        )
        return unpack_result(Trained, answer)

    async def evaluate(self, prompts: int) -> Evaluation:
        """Measure held-out accuracy."""
        return unpack_result(Evaluation, await self._ask("evaluate", prompts=prompts))

    async def save(self, next_round: int) -> None:
        """Write a checkpoint."""
        await self._ask("save", next_round=next_round)

    async def forget_after(self, round_index: int) -> None:
        """Remove later checkpoints."""
        await self._ask("forget_after", round_index=round_index)

    async def rewind(self, round_index: int) -> Opened:
        """Go back to an earlier checkpoint, in the same process."""
        return await self._load(round_index)

    async def stop(self) -> None:
        """End the process: by closing its pipe, or where it is busy by killing it.

        A save that is under way may end first.
        """
        process, self._process = self._process, None
        owed, self._owes = self._owes, ""
        if process is None:
            return
        with trio.CancelScope(shield=True):
            if process.stdin is not None:
                await process.stdin.aclose()
            if owed not in ("", "save"):
                process.kill()
            with trio.move_on_after(SAVE_S if owed == "save" else STOP_S):
                await process.wait()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()

    async def _ask(self, call: str, **arguments: object) -> Any:
        """Send one request and return its result.

        Raises:
            WorkerLost: The process died before it answered, or is still at an earlier request.
            Fault: The process met a fault of the world's.
            RuntimeError: The process met a bug of ours; its traceback is the message.
        """
        async with self._turn:
            process = self._process
            if process is None or process.stdin is None or process.stdout is None:
                raise WorkerLost("the model's process is not running")
            if self._owes:
                raise WorkerLost(f"the model's process still owes an answer to {self._owes!r}")
            self._owes = call
            try:
                await process.stdin.send_all(pack({"call": call} | arguments))
                answer = await read_answer(process.stdout)
            except (trio.BrokenResourceError, trio.ClosedResourceError, EOFError) as error:
                raise WorkerLost(await cause_of_death(process)) from error
            self._owes = ""
        return result_of(answer)


@asynccontextmanager
async def open_process_compute(settings: EngineSettings) -> AsyncIterator[ProcessCompute]:
    """Give a process for model work, and end it with the block."""
    compute = ProcessCompute(settings)
    try:
        yield compute
    finally:
        await compute.stop()


async def read_answer(stream: trio.abc.ReceiveStream) -> Mapping[str, Any]:
    """Read one framed answer.

    Raises:
        EOFError: The other end closed the pipe first.
    """
    (length,) = HEADER.unpack(await read_exactly(stream, HEADER.size))
    answer: Mapping[str, Any] = unpack(await read_exactly(stream, length))
    return answer


async def read_exactly(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    """Read that many bytes.

    Raises:
        EOFError: The stream ended before.
    """
    chunks = bytearray()
    while len(chunks) < count:
        chunk = await stream.receive_some(count - len(chunks))
        if not chunk:
            raise EOFError
        chunks += chunk
    return bytes(chunks)


def result_of(answer: Mapping[str, Any]) -> Any:
    """Return an answer's result, or raise what the process met.

    Raises:
        Fault: As the process raised it.
        RuntimeError: A bug of ours in the process.
    """
    if "fault" in answer:
        kind, cause, fix = answer["fault"]
        raise getattr(faults, kind)(cause, fix=fix)
    if "bug" in answer:
        raise RuntimeError(f"the model's process failed:\n{answer['bug']}")
    return answer["result"]


async def cause_of_death(process: trio.Process) -> str:
    """Say how a process ended, once its pipe has closed."""
    with trio.move_on_after(STOP_S):
        await process.wait()
    code = process.returncode
    if code is None:
        return "the model's process closed its pipe"
    if code < 0:
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return f"the model's process was ended by {signal.Signals(-code).name}{hint}"
    return f"the model's process ended with exit code {code}"
