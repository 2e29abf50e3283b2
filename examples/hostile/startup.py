"""A start that is interrupted at each of its steps, and one that finds each of its files broken.

Either the node goes on as who it was, with all that it has signed, or it refuses in one clear
error. It never begins anew in silence.
"""

import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import trio
from mortal import Mortal
from witness import copied

from node.authorship import LEDGER
from node.faults import EXIT_OK, Fault
from node.ledger import Ledger

SEED = 66
ROUNDS = 6
"""What a node has behind it whose files are broken."""

END_S = 10.0
"""How long a node may take to end that was told to."""

SIGNS: dict[str, Callable[[Mortal], object]] = {
    "it holds its lock": lambda node: node.has_open("LOCK"),
    "it has a key": lambda node: node.has_open("LOCK") and node.key_path.exists(),
    "its model's process runs": lambda node: node.worker_pid(),
    "its ledger is open": lambda node: node.has_open(LEDGER),
}
"""Steps that it does not tell of, each by what can be seen of it; then come its events."""

LAST_EVENT = "round_done"
DOCUMENTED = frozenset(kind.exit_code for kind in Fault.__subclasses__())

SHORT_STEPS = ("its model's process runs",)
SHORT_HARMS = (("identity.key", "flipped"),)


def deleted(content: bytes, random: Random) -> bytes | None:  # noqa: ARG001 - as the others
    """Leave nothing of a file."""
    return None


def emptied(content: bytes, random: Random) -> bytes:  # noqa: ARG001 - as the others
    """Leave its name."""
    return b""


def cut(content: bytes, random: Random) -> bytes:
    """Leave its beginning."""
    return content[: random.randrange(len(content))] if content else b""


def scribbled(content: bytes, random: Random) -> bytes:
    """Leave its length."""
    return random.randbytes(len(content))


def flipped(content: bytes, random: Random) -> bytes:
    """Leave all but one bit of it."""
    if not content:
        return b"\x01"
    place = random.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


HARMS = {one.__name__: one for one in (deleted, emptied, cut, scribbled, flipped)}


async def measure(*, short: bool) -> dict[str, Any]:
    """Return how interrupted and damaged starts have ended."""
    place = Path(tempfile.mkdtemp(prefix="drl-startup-"))
    ends: Counter[str] = Counter()
    faults: list[str] = []
    await whole_life(place)
    steps = [*SIGNS, *await events_of_a_start(place)]
    for number in (signal.SIGKILL,) if short else (signal.SIGKILL, signal.SIGTERM):
        chosen = SHORT_STEPS if short else (*steps, *steps)  # the second time it has a past
        faults += await interrupted(place, number, chosen, ends)
    random = Random(SEED)  # noqa: S311 - places of a test
    for file, harm in SHORT_HARMS if short else harms(place / "whole"):
        faults += await damaged(place, file, harm, random, ends)
    passed = not faults
    if passed:
        shutil.rmtree(place)
    return {
        "steps": steps,
        "interruptions": ends.pop("interrupted"),
        "harms": sum(ends.values()),
        "ends": dict(ends),
        "faults": faults[:40] if passed else [*faults[:40], f"see {place}"],
        "passed": passed,
    }


async def whole_life(place: Path) -> None:
    """Give `whole` a past of some rounds, cut short so that its write-ahead log is there, too."""
    node = Mortal("whole", place, SEED)
    node.start()
    await node.until(lambda: True if len(node.rounds()) >= ROUNDS else None)
    node.kill()


async def events_of_a_start(place: Path) -> list[str]:
    """Return what a node tells of in its start, in this order."""
    told = [line["event"] for line in Mortal("whole", place, SEED, starts=1).events()]
    first = told[: told.index(LAST_EVENT) + 1]
    return list(dict.fromkeys(first))


async def interrupted(
    place: Path, number: signal.Signals, steps: tuple[str, ...], ends: Counter[str]
) -> list[str]:
    """End one life of a node after each step; in the last life it must live on."""
    node = Mortal(f"interrupted-{number.name}", place, SEED, makes_key=True)
    faults: list[str] = []
    key: bytes | None = None
    signed: set[bytes] = set()
    for step in steps:
        node.start()
        look = SIGNS.get(step, lambda node, step=step: node.told(step))
        await node.until(lambda look=look: True if look(node) else None, every_s=0.005)
        faults += [f"{number.name} after {step!r}: {one}" for one in await end(node, number)]
        ends["interrupted"] += 1
        found = node.key_path.read_bytes() if node.key_path.exists() else None
        if key not in (None, found):
            faults.append(f"{number.name} after {step!r}: the key is another")
        key = found
        if (node.run_dir / LEDGER).exists():
            now = own_messages(node)
            faults += [f"{number.name} after {step!r}: lost a message"] * bool(signed - now)
            signed |= now
    node.start("--rounds", str(max((0, *(line["round"] for line in node.rounds()))) + 3))
    await node.until(lambda: None if node.is_alive else True)
    if node.process is None or node.process.returncode != EXIT_OK:
        faults.append(f"after all {number.name}: {node.words()}")
    if node.key_path.read_bytes() != key or signed - own_messages(node):
        faults.append(f"after all {number.name}: another key, or lost messages")
    return faults


async def end(node: Mortal, number: signal.Signals) -> list[str]:
    """Send a signal to a node; return what is wrong with how it ended."""
    assert node.process is not None
    if number is signal.SIGKILL:
        node.kill()
        return []
    node.process.send_signal(number)
    with trio.move_on_after(END_S):
        await node.until(lambda: None if node.is_alive else True)
    if node.is_alive:
        node.kill()
        return [f"not ended after {END_S} s"]
    code = node.process.returncode
    # Before it watches for signals, the system ends it.
    fine = code == EXIT_OK or (code == -number and not node.told("stopping"))
    return [] if fine and "Traceback" not in node.words() else [f"{code}: {node.words()}"]


def harms(whole: Path) -> list[tuple[str, str]]:
    """Return every file of a node's, with each harm; of the checkpoints only the newest one's."""
    newest = max(whole.glob("swarms/*/checkpoints/round-*"))
    files = [
        path
        for path in sorted(whole.rglob("*"))
        if path.is_file() and (newest in path.parents or newest.parent not in path.parents)
    ]
    return [(path.name, harm) for path in files for harm in HARMS]


async def damaged(
    place: Path, file: str, harm: str, random: Random, ends: Counter[str]
) -> list[str]:
    """Start a node one of whose files is broken; return what is wrong with what it did."""
    shutil.rmtree(place / "damaged", ignore_errors=True)
    shutil.copytree(place / "whole", place / "damaged")
    node = Mortal("damaged", place, SEED, starts=10)
    before = own_messages(node)
    identity = node.peer
    path = max(node.directory.rglob(file))
    content = HARMS[harm](path.read_bytes(), random)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    node.start("--rounds", str(ROUNDS + 3))
    try:
        await node.until(lambda: None if node.is_alive else True)
    finally:
        node.kill()
    assert node.process is not None
    code, words = node.process.returncode, node.words()
    where = f"{file} {harm}"
    if code == EXIT_OK:
        ends["went on"] += 1
        if f"peer id    {identity}" not in node.said_path.read_text():
            return [f"{where}: it went on as somebody else"]
        lost = before - own_messages(node)
        return [f"{where}: it went on without {len(lost)} messages"] if lost else []
    ends["refused"] += 1
    is_clear = words.count("drl-node: ") == 1 and "fix: " in words and "Traceback" not in words
    if code not in DOCUMENTED or not is_clear:
        return [f"{where}: {code}: {words[-600:]}"]
    if content is not None and (not path.exists() or path.read_bytes() != content):
        return [f"{where}: refused, and yet it has written {file}"]
    return []


def own_messages(node: Mortal) -> set[bytes]:
    """Return what a dead node's ledger holds of its own; nothing where it cannot be read."""
    with suppress(Fault), copied(node.run_dir) as path, closing(Ledger(path)) as ledger:
        kept = (ledger.envelopes(index) for index in range(ledger.highest_own_round() + 1))
        return {one.raw for envelopes in kept for one in envelopes if one.own}
    return set()
