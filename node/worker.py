"""The model's process: answers one request after another until its pipe closes.

It reads requests on standard input and writes answers on standard output; whatever a library
prints goes to standard error. When the daemon dies the pipe closes and so does this.
"""

import ctypes
import os
import signal
import sys
import traceback
from typing import Any, BinaryIO

from node.attacks.adversary import engine_of
from node.engine import Engine
from node.faults import Fault
from node.pipe import pack, pack_result, read_frame, unpack_contributions
from node.settings import read_settings
from node.work import EngineSettings
from protocol.identity import PeerId


def main() -> None:
    """Answer requests until the pipe closes."""
    for told_all in (signal.SIGINT, signal.SIGTERM):  # a terminal's or a supervisor's word to a
        signal.signal(told_all, signal.SIG_IGN)  # whole group is the daemon's to handle
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)  # the daemon is gone; a flush at exit would only fail again


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer each request with its result, the operator's fault, or our own bug's traceback."""
    engine: Engine | None = None
    while (request := read_frame(requests)) is not None:
        try:
            if request["call"] == "open":
                settings = read_settings(EngineSettings, request["settings"], where="engine")
                engine = None  # there may not be room for two
                engine = engine_of(settings)
                opened = engine.open(request["up_to"])
                answer: dict[str, object] = {"result": pack_result(opened)}
            else:
                assert engine is not None
                answer = {"result": perform(engine, request)}
        except Fault as fault:
            answer = {"fault": [type(fault).__name__, fault.cause, fault.fix]}
        except Exception:  # noqa: BLE001 - told to the daemon whole, which ends on it
            answer = {"bug": traceback.format_exc()}
        answers.write(pack(answer))
        answers.flush()


def perform(engine: Engine, request: dict[str, Any]) -> dict[str, object] | None:
    """Carry out one request on the engine."""
    match request["call"]:
        case "sample":
            author = PeerId(request["author"])
            done = engine.sample(author, request["round_index"], request["prompts"])
            return pack_result(done)
        case "train":
            contributions = unpack_contributions(request["contributions"])
            author = PeerId(request["author"])
            trained = engine.train(author, request["round_index"], contributions)
            give_back()
            return pack_result(trained)
        case "evaluate":
            return pack_result(engine.evaluate(request["prompts"]))
        case "save":
            engine.save(request["next_round"])
            return None
        case "forget_after":
            engine.forget_after(request["round_index"])
            return None
        case unknown:
            raise AssertionError(unknown)


def give_back() -> None:
    """Return freed memory to the system, where the C library can be told to.

    A step takes and frees some 60 MB in pieces of all sizes. Left to itself the library would keep
    much of it, sometimes more and sometimes less, through all the time in which nothing is done.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


if __name__ == "__main__":
    main()
