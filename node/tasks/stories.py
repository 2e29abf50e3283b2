"""Arithmetic stories: a chain of one to three steps, told in words.

A story knows its numbers, its wording and its written-out working. It knows nothing of
tasks, splits or rewards; `node.tasks.arith` decides which story stands at which index.
"""

import hashlib
from dataclasses import dataclass

from node.tasks.draws import Draws

OPERAND_MIN = 2
OPERAND_MAX = 20
FACTOR_MAX = 10
"""Nobody speaks of seventeen times as many."""
RESULT_MAX = 150

SHE = ("She", "she", "her")
HE = ("He", "he", "him")
NAMES: tuple[tuple[str, tuple[str, str, str]], ...] = (
    *((name, SHE) for name in ("Ada", "Amy", "Clara", "Emma", "Eva")),
    *((name, SHE) for name in ("Ida", "Jane", "Lucy", "Mia", "Nora")),
    *((name, HE) for name in ("Adam", "Ben", "Carl", "David", "Felix")),
    *((name, HE) for name in ("Jack", "Leo", "Max", "Paul", "Tom")),
)
THINGS = (
    *("apples", "balls", "beads", "books", "cards", "coins", "cookies", "eggs"),
    *("flowers", "keys", "marbles", "pencils", "shells", "stamps", "stickers", "stones"),
)
OPENINGS = (
    "{name} has {start} {things}.",
    "{name} starts with {start} {things}.",
    "There are {start} {things} in the box of {name}.",
)
STEPS: dict[str, tuple[str, ...]] = {
    "+": (
        " {She} finds {n} more.",
        " {She} buys {n} more.",
        " {other} gives {her} {n} more.",
        " Then {n} more are added.",
    ),
    "-": (
        " {She} loses {n} of them.",
        " {She} gives away {n}.",
        " {other} takes {n} of them.",
        " Then {n} are sold.",
    ),
    "*": (
        " Then {she} gets {n} times as many.",
        " {other} turns each into {n}.",
        " Then the number grows {n} times.",
    ),
}
QUESTIONS = (
    " How many {things} are there now?\n",
    " How many {things} does {name} have?\n",
    " What is the number of {things}?\n",
)
FIRST_WORKING = "{name} has {before} {operation} {n} = {after} {things}."
NEXT_WORKING = " Then {before} {operation} {n} = {after}."


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a chain: `before operation operand = after`."""

    operation: str
    before: int
    operand: int
    after: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The arithmetic of a story without its words."""

    start: int
    steps: tuple[Step, ...]

    @property
    def result(self) -> int:
        """The number that the story asks for."""
        return self.steps[-1].after

    @property
    def fingerprint(self) -> str:
        """The numbers and operations in order, such as `12+5*2`, whatever the words."""
        return str(self.start) + "".join(f"{s.operation}{s.operand}" for s in self.steps)


@dataclass(frozen=True, slots=True)
class Story:
    """A chain and the words that it is told in."""

    chain: Chain
    name: str
    things: str
    text: str

    def working(self, steps: tuple[Step, ...] | None = None) -> str:
        """Write the equations out, one sentence a step.

        Args:
            steps: What to write instead of the true steps; a teacher of bad habits wants that.
        """
        sentences: list[str] = []
        for step in self.chain.steps if steps is None else steps:
            sentence = NEXT_WORKING if sentences else FIRST_WORKING
            sentences.append(
                sentence.format(
                    name=self.name,
                    things=self.things,
                    before=step.before,
                    operation=step.operation,
                    n=step.operand,
                    after=step.after,
                )
            )
        return "".join(sentences)


def draw_chain(draws: Draws, *, steps: int) -> Chain:
    """Draw a chain whose every intermediate result lies in 1..`RESULT_MAX`."""
    start = value = draws.between(OPERAND_MIN, OPERAND_MAX)
    drawn = []
    for _ in range(steps):
        step = _draw_step(draws, value)
        drawn.append(step)
        value = step.after
    return Chain(start, tuple(drawn))


def tell(draws: Draws, chain: Chain) -> Story:
    """Draw the words for a chain."""
    name, (upper, lower, whom) = draws.one_of(NAMES)
    other = draws.one_of([each for each, _ in NAMES if each != name])
    things = draws.one_of(THINGS)
    words = {"name": name, "other": other, "things": things}
    words |= {"She": upper, "she": lower, "her": whom}
    text = draws.one_of(OPENINGS).format(start=chain.start, **words)
    for step in chain.steps:
        text += draws.one_of(STEPS[step.operation]).format(n=step.operand, **words)
    text += draws.one_of(QUESTIONS).format(**words)
    return Story(chain, name, things, text)


def is_held_out(chain: Chain) -> bool:
    """Tell whether a chain belongs to the evaluation: one in ten, by its fingerprint.

    The side depends on the numbers and operations alone, so that no chain that a model is
    examined on was ever trained on in other words.
    """
    digest = hashlib.blake2b(chain.fingerprint.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 10 == 0


def _draw_step(draws: Draws, value: int) -> Step:
    most = {
        "+": min(OPERAND_MAX, RESULT_MAX - value),
        "-": min(OPERAND_MAX, value - 1),
        "*": min(FACTOR_MAX, RESULT_MAX // value),
    }
    operation = draws.one_of([sign for sign, bound in most.items() if bound >= OPERAND_MIN])
    operand = draws.between(OPERAND_MIN, most[operation])
    after = {"+": value + operand, "-": value - operand, "*": value * operand}[operation]
    return Step(operation, value, operand, after)
