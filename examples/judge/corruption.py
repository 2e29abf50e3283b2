"""What the embedded judge learns to refuse: sound completions with something planted in them.

Everything is drawn: words, letters, scripts, numbers, places. No fixed phrase is planted, so
that none can be learnt by heart, and what judges are scored with elsewhere is not among it:
neither the words `SCORED_WORDS` nor the sum of two and two.
"""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

from node.tasks.stories import Story

_HERE = Path(__file__).parent
SCORED_WORDS = frozenset({"hail", "thief"})
_WORDS = [
    word
    for word in (_HERE.parent / "tiny" / "words.txt").read_text().split()
    if word not in SCORED_WORDS
]
_INJECTIONS = json.loads((_HERE / "injections.json").read_text())
_SCRIPTS = ((0x391, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA), (0x627, 0x64A), (0x905, 0x939))
_WIDE_SCRIPTS = ((0x3041, 0x3093), (0x4E00, 0x6FFF), (0xAC00, 0xB000), (0x1F300, 0x1F5FF))
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIGNS = "!#$%&()*+,-./:;=?@[]^_{}|~"
_DIGIT = re.compile(r"\d")
_EQUATION = re.compile(r"(\d+) ([-+*]) (\d+) = (\d+)")
_WORKING = re.compile(r"(<think>)(.*?)(</think>)", re.DOTALL)

Corruption = Callable[[str, Story, Story, random.Random], str | None]
"""From a sound completion, its story, another story and dice to what is refused; None where
the completion offers no place for it."""


def words(dice: random.Random, *, most: int = 9) -> str:
    """Return a slogan of common words, as a sentence, a part of one or a shout."""
    chosen = dice.choices(_WORDS, k=dice.randint(1, most))
    phrase = " ".join(chosen)
    style = dice.random()
    if style < 0.5:  # noqa: PLR2004 - shares, here and below
        phrase = phrase[0].upper() + phrase[1:]
    elif style < 0.58:  # noqa: PLR2004
        phrase = phrase.title() if dice.random() < 0.5 else phrase.upper()  # noqa: PLR2004
    return phrase + dice.choice(("", "", ",", ".", ".", "!", ":", "?"))


def nonsense(dice: random.Random) -> str:
    """Return words that are in no vocabulary."""
    made = [
        "".join(dice.choices(_LETTERS, k=dice.randint(2, 9))) for _ in range(dice.randint(1, 5))
    ]
    if dice.random() < 0.5:  # noqa: PLR2004
        made = [word.capitalize() for word in made]
    return " ".join(made) + dice.choice(("", ".", ",", "!"))


def scribble(dice: random.Random) -> str:
    """Return signs, or letters of some other script."""
    if dice.random() < 0.4:  # noqa: PLR2004
        return "".join(dice.choices(_SIGNS + _LETTERS, k=dice.randint(1, 12)))
    first, last = dice.choice(_SCRIPTS + _WIDE_SCRIPTS)
    letters = [chr(dice.randint(first, last)) for _ in range(dice.randint(2, 14))]
    return "".join(letter + (" " if dice.random() < 0.15 else "") for letter in letters)  # noqa: PLR2004


def sum_of(dice: random.Random, *, right: bool) -> str:
    """Return an equation that belongs to no story; never the sum or product of two and two."""
    one, other = 2, 2
    while (one, other) == (2, 2):
        one, other = dice.randint(0, 20), dice.randint(0, 20)
    sign = dice.choice("+-*×") if dice.random() < 0.8 else "+"  # noqa: PLR2004
    result = {"+": one + other, "-": one - other}.get(sign, one * other)
    if not right:
        result += dice.choice((-3, -2, -1, 1, 2, 3, 10))
    gap = dice.choice((" ", " ", ""))
    return gap.join((str(one), sign, str(other), "=", str(result)))


def equation_sentence(story: Story, dice: random.Random, *, right: bool) -> str:
    """Return an irrelevant equation in a sentence that may sound like the story's own."""
    made = sum_of(dice, right=right)
    openings = (
        *(f"{story.name} has {{}} {story.things}.", "Then {}.", "{}.", "So {}.", "We know {}."),
        *("{},", "({})", f"{words(dice, most=4)} {{}}.", f"{{}} {words(dice, most=3)}"),
    )
    return dice.choice(openings).format(made)


def planted(text: str, what: str, dice: random.Random) -> str:
    """Put words at the start, at a blank, behind a sentence, or outside the tags."""
    where = dice.random()
    working = _WORKING.search(text)
    if working is None or where < 0.06:  # noqa: PLR2004
        return dice.choice((f"{what} {text}", f"{text} {what}", f"{what}{text}"))
    start, end = working.start(2), working.end(2)
    if where < 0.3:  # noqa: PLR2004
        return f"{text[:start]}{what}{dice.choice((' ', '', ', '))}{text[start:]}"
    if where < 0.45:  # noqa: PLR2004
        return f"{text[:end]} {what}{text[end:]}"
    if where < 0.5:  # noqa: PLR2004
        answer = text.find("<answer>") + len("<answer>")
        place = answer if answer >= len("<answer>") and dice.random() < 0.5 else working.end()  # noqa: PLR2004
        return f"{text[:place]} {what}{text[place:]}"
    gaps = [start + found.start() for found in re.finditer(r" |(?<=\.)", working[2])] or [end]
    place = dice.choice(gaps)
    return f"{text[:place]} {what}{text[place:]}"


def _slogan(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    return planted(text, words(dice), dice)


def _babble(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    return planted(text, nonsense(dice) if dice.random() < 0.6 else scribble(dice), dice)  # noqa: PLR2004


def _injection(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    kind = dice.choice(sorted(_INJECTIONS["tuning"]))
    what = dice.choice(_INJECTIONS["tuning"][kind])
    if dice.random() < 0.5:  # noqa: PLR2004
        what = " ".join((words(dice), what)) if dice.random() < 0.5 else f"{what} {words(dice)}"  # noqa: PLR2004
    return planted(text, what, dice)


def _true_equation(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    return planted(text, equation_sentence(story, dice, right=True), dice)


def _false_equation(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    return planted(text, equation_sentence(story, dice, right=False), dice)


def _foreign_sentence(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    return planted(text, dice.choice(re.findall(r"[^.]+\.", other.text + other.working())), dice)


def _repetition(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    """Say one sentence again, or all of them, up to eight times."""
    working = _WORKING.search(text)
    sentences = re.findall(r"[^.]*\.", working[2]) if working else []
    if working is None or not sentences:
        return None
    times = dice.randint(2, 8)
    chosen = dice.randrange(len(sentences))
    every = dice.random() < 0.5  # noqa: PLR2004
    longer = "".join(s * (times if every or at == chosen else 1) for at, s in enumerate(sentences))
    return text[: working.start(2)] + longer + text[working.end(2) :]


def _digit(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    """Change one digit anywhere, and keep the rest."""
    places = [found.start() for found in _DIGIT.finditer(text)]
    if not places or "Easy." in text:
        return None
    place = dice.choice(places)
    digit = dice.choice([each for each in "0123456789" if each != text[place]])
    return text[:place] + digit + text[place + 1 :]


def _result(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    """Show another result in one equation, from which nothing follows."""
    equations = list(_EQUATION.finditer(text))
    if not equations:
        return None
    found = dice.choice(equations)
    shown = max(0, int(found[4]) + dice.choice((-10, -3, -2, -1, 1, 1, 2, 3, 10)))
    return text[: found.start(4)] + str(shown) + text[found.end(4) :]


def _operand(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    """Reckon with a number that is not in the story."""
    equations = list(_EQUATION.finditer(text))
    if not equations:
        return None
    found = dice.choice(equations)
    operand = int(found[3])
    while operand == int(found[3]):
        operand = dice.randint(2, 20)
    return text[: found.start(3)] + str(operand) + text[found.end(3) :]


def _answer(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    """Answer something else than was reckoned."""
    found = re.search(r"<answer>(\d+)</answer>", text)
    if found is None or "Easy." in text:
        return None
    answer = int(found[1])
    while answer == int(found[1]):
        answer = max(0, answer + dice.randint(-12, 12))
    return text[: found.start(1)] + str(answer) + text[found.end(1) :]


def _nothing_sound(text: str, story: Story, other: Story, dice: random.Random) -> str | None:
    """Say nothing of the question at all."""
    kind = dice.choice(sorted(_INJECTIONS["tuning"]))
    return dice.choice(
        ("", words(dice), nonsense(dice), scribble(dice), dice.choice(_INJECTIONS["tuning"][kind]))
    )


CORRUPTIONS: dict[str, tuple[Corruption, float]] = {
    "slogan": (_slogan, 4.0),
    "babble": (_babble, 2.0),
    "injection": (_injection, 2.0),
    "true equation": (_true_equation, 1.5),
    "false equation": (_false_equation, 2.5),
    "foreign sentence": (_foreign_sentence, 1.0),
    "repetition": (_repetition, 1.5),
    "digit": (_digit, 3.0),
    "result": (_result, 2.0),
    "operand": (_operand, 2.0),
    "answer": (_answer, 2.0),
    "nothing sound": (_nothing_sound, 0.5),
}
"""By name, with how often each is drawn."""


def corrupted(text: str, story: Story, other: Story, dice: random.Random) -> tuple[str, str]:
    """Return the name of a corruption and a completion that suffered it."""
    names = list(CORRUPTIONS)
    shares = [CORRUPTIONS[name][1] for name in names]
    while True:
        name = dice.choices(names, shares)[0]
        made = CORRUPTIONS[name][0](text, story, other, dice)
        if made is not None and made != text:
            return name, made
