"""What the equation audit reads, what it flags, and what it catches, on worked solutions.

The file is JSONL with an `answer` on each line, as GSM8K's training split has it: the working,
with calculator marks such as `<<48/2=24>>` in it, then `#### ` and the result. Measured are

- the marks themselves, which are equations and nothing else;
- the running text without them: how many equals signs join two sides of numbers, how many of
  those were read, and every one that is flagged;
- the text with one digit of one written result changed by one, for each equation that was read
  as right and whose right side is a single number: how many of these changes are flagged;
- the results: how many the working never comes to, and with one digit changed by one;
- the time it takes.

    python examples/bench/equations.py train.jsonl
    python examples/bench/equations.py train.jsonl --show flagged --show unread

The last line is JSON with all figures.
"""

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from node.verification.arithmetic import Equation, Truth, equations, from_nowhere

MARK = re.compile(r"<<([^<>]*)>>")
RESULT = re.compile(r"(?:=|equals?(?: to)?)[^\d=]*?(\.?\d[\d,]*(?:\.\d+)?)\D*$")
SHOWN = {"flagged": Truth.WRONG, "unread": Truth.UNREAD, "naming": Truth.NAMING}
NOWHERE = "nowhere"
"""Results that the working never comes to."""


def main() -> None:
    """Measure and print a table, the equations asked for, then one line of JSON."""
    arguments = _arguments()
    answers = [json.loads(line)["answer"] for line in arguments.file.open(encoding="utf-8")]
    workings = [answer.rpartition("####")[0] for answer in answers]
    texts = [MARK.sub("", working) for working in workings]
    results = [answer.rpartition("####")[2].strip() for answer in answers]
    marks = [mark for working in workings for mark in MARK.findall(working)]
    figures = {
        "bench": "equations",
        "solutions": len(texts),
        "seed": arguments.seed,
        "marks": _audited(marks),
        "text": _audited(texts),
        "corrupted": _corrupted(texts, arguments.seed),
        "results": _concluded(texts, results, arguments.seed),
    }
    for name in sorted({*arguments.show} & {*SHOWN}):
        for text in texts:
            for equation in equations(text):
                if equation.truth is SHOWN[name]:
                    print(f"{name}: {_in_place(text, equation)}")
    if NOWHERE in arguments.show:
        for text, result in zip(texts, results, strict=True):
            if from_nowhere(text, equations(text), result) is not None:
                print(f"{NOWHERE}: {result} after {text[-120:]!r}")
    print(json.dumps(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSONL with an `answer` on each line")
    parser.add_argument("--seed", type=int, default=0, help="which digits are changed")
    parser.add_argument("--show", action="append", default=[], choices=[*sorted(SHOWN), NOWHERE])
    return parser.parse_args()


def _audited(texts: Sequence[str]) -> dict[str, float]:
    """Count what becomes of every equals sign, and time it."""
    started = time.process_time()
    count = Counter(equation.truth for text in texts for equation in equations(text))
    spent_s = time.process_time() - started
    read = count[Truth.RIGHT] + count[Truth.WRONG]
    arithmetic = read + count[Truth.UNREAD]
    figures: dict[str, float] = {truth.name.lower(): count[truth] for truth in Truth}
    figures["read_share"] = round(read / arithmetic, 4)
    figures["read_share_of_all_signs"] = round(read / count.total(), 4)
    figures["flagged_share"] = round(count[Truth.WRONG] / read, 5)
    figures["ms_per_text"] = round(1000 * spent_s / len(texts), 3)
    figures["chars_per_s"] = round(sum(map(len, texts)) / spent_s)
    print(f"{len(texts):>6} texts: {figures}")
    return figures


def _corrupted(texts: Sequence[str], seed: int) -> dict[str, float]:
    """Change one digit of one result at a time; count what is flagged at that place."""
    rng = random.Random(seed)  # noqa: S311 - a choice of digits, not a secret
    count: Counter[str] = Counter()
    for text in texts:
        for start, changed in _changes(text, rng):
            truths = {one.truth for one in equations(changed) if one.start == start}
            count["caught" if Truth.WRONG in truths else "missed"] += 1
    figures = {
        "changed": count.total(),
        "caught": count["caught"],
        "recall": round(count["caught"] / count.total(), 4),
    }
    print(f"{count.total():>6} results with one digit changed by one: {figures}")
    return figures


def _changes(text: str, rng: random.Random) -> Iterator[tuple[int, str]]:
    """Yield where an equation starts, and the text with one digit of its result changed."""
    for equation in equations(text):
        result = RESULT.search(text, equation.start, equation.end)
        if equation.truth is not Truth.RIGHT or result is None:
            continue
        start, end = result.span(1)
        yield equation.start, text[:start] + _changed(text[start:end], rng) + text[end:]


def _changed(number: str, rng: random.Random) -> str:
    """Return a written number with one digit changed by one, and no nought before others."""
    digits = [at for at in range(len(number)) if number[at].isdigit()]
    at = rng.choice(digits)
    lowest = 1 if at == 0 and len(digits) > 1 else 0
    near = [digit for digit in (int(number[at]) - 1, int(number[at]) + 1) if lowest <= digit <= 9]  # noqa: PLR2004 - the last digit
    return f"{number[:at]}{rng.choice(near)}{number[at + 1 :]}"


def _concluded(texts: Sequence[str], results: Sequence[str], seed: int) -> dict[str, float]:
    """Count the results that come from nowhere, as they are and with one digit changed."""
    rng = random.Random(seed)  # noqa: S311 - a choice of digits, not a secret
    flagged = caught = 0
    for text, result in zip(texts, results, strict=True):
        found = equations(text)
        flagged += from_nowhere(text, found, result) is not None
        caught += from_nowhere(text, found, _changed(result, rng)) is not None
    figures = {
        "flagged": flagged,
        "flagged_share": round(flagged / len(texts), 5),
        "caught": caught,
        "recall": round(caught / len(texts), 4),
    }
    print(f"{len(texts):>6} results, and with one digit changed by one: {figures}")
    return figures


def _in_place(text: str, equation: Equation) -> str:
    before = text[max(0, equation.start - 30) : equation.start]
    after = text[equation.end : equation.end + 20]
    inside = text[equation.start : equation.end]
    expected = "" if equation.expected is None else f"   (comes to {equation.expected})"
    return f"{before}[{inside}]{after}".replace("\n", " / ") + expected


if __name__ == "__main__":
    main()
