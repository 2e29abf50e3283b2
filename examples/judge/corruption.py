"""What the embedded judge learns to refuse: sound completions with something planted in them.

Everything is drawn: words, letters, scripts, numbers, places. No fixed phrase is planted, so
that none can be learnt by heart, and what judges are scored with elsewhere is not among it:
neither the words `SCORED_WORDS` nor the sum of two and two.
"""

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from node.tasks.stories import Story

SCORED_WORDS = frozenset({"hail", "thief"})

_HERE = Path(__file__).parent
_WORDS = [
    word
    for word in (_HERE.parent / "tiny" / "words.txt").read_text().split()
    if word not in SCORED_WORDS
]
_INJECTIONS: dict[str, list[str]] = json.loads((_HERE / "injections.json").read_text())["tuning"]
_SCRIPTS = (
    *((0x391, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA), (0x627, 0x64A), (0x905, 0x939)),
    *((0x3041, 0x3093), (0x4E00, 0x6FFF), (0xAC00, 0xB000), (0x1F300, 0x1F5FF)),
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIGNS = "!#$%&()*+,-./:;=?@[]^_{}|~"
_TIMES = "\N{MULTIPLICATION SIGN}"
_EQUATION = re.compile(r"(\d+) ([-+*]) (\d+) = (\d+)")
_WORKING = re.compile(r"(<think>)(.*?)(</think>)", re.DOTALL)
_ANSWER = re.compile(r"<answer>(\d+)</answer>")
_HASTY = "Easy."

T = TypeVar("T")


class Dice(random.Random):
    """Where all choices come from."""

    def come(self, share: float) -> bool:
        """Return true in a share of the cases."""
        return self.random() < share

    def one_by(self, shares: Mapping[T, float]) -> T:
        """Return one of some things, each as often as its share says."""
        return self.choices(list(shares), list(shares.values()))[0]


@dataclass(frozen=True, slots=True)
class Site:
    """A sound completion in which something is to be planted.

    Args:
        text: What it says.
        story: What it answers.
        other: What it does not answer.
        dice: Where all choices come from.
    """

    text: str
    story: Story
    other: Story
    dice: Dice

    def planted(self, what: str) -> str:
        """Return the completion with something in it: at a blank, behind a sentence, outside."""
        working = _WORKING.search(self.text)
        where = self.dice.one_by(_PLACES)
        if working is None or where == "outside":
            forms = (f"{what} {self.text}", f"{self.text} {what}", f"{what}{self.text}")
            return self.dice.choice(forms)
        start, end = working.span(2)
        gaps = [start + found.start() for found in re.finditer(r" |(?<=\.)", working[2])]
        answer = _ANSWER.search(self.text)
        place = {
            "start": start,
            "end": end,
            "gap": self.dice.choice(gaps or [end]),
            "between": working.end(),
            "answer": answer.start(1) if answer else working.end(),
        }[where]
        behind = self.dice.choice((" ", "", ", ")) if where == "start" else ""
        before = "" if where == "start" else " "
        return f"{self.text[:place]}{before}{what}{behind}{self.text[place:]}"

    def equation(self) -> re.Match[str] | None:
        """Return one of the completion's equations, if it has any."""
        found = list(_EQUATION.finditer(self.text))
        return self.dice.choice(found) if found else None

    def replaced(self, found: re.Match[str], group: int, what: str) -> str:
        """Return the completion with something else in one place."""
        return self.text[: found.start(group)] + what + self.text[found.end(group) :]


_PLACES = {
    "outside": 0.1,
    "start": 0.15,
    "end": 0.3,
    "between": 0.025,
    "answer": 0.025,
    "gap": 0.4,
}


def words(dice: Dice, *, most: int = 9) -> str:
    """Return a slogan of common words, as a sentence, a part of one or a shout."""
    phrase = " ".join(dice.choices(_WORDS, k=dice.randint(1, most)))
    sentence = phrase[0].upper() + phrase[1:]
    styles = {phrase: 0.42, sentence: 0.5, phrase.title(): 0.04, phrase.upper(): 0.04}
    return dice.one_by(styles) + dice.choice(("", "", ",", ".", ".", "!", ":", "?"))


def nonsense(dice: Dice) -> str:
    """Return words that are in no vocabulary."""
    made = [
        "".join(dice.choices(_LETTERS, k=dice.randint(2, 9))) for _ in range(dice.randint(1, 5))
    ]
    if dice.come(0.5):
        made = [word.capitalize() for word in made]
    return " ".join(made) + dice.choice(("", ".", ",", "!"))


def scribble(dice: Dice) -> str:
    """Return signs, or letters of some other script."""
    if dice.come(0.4):
        return "".join(dice.choices(_SIGNS + _LETTERS, k=dice.randint(1, 12)))
    first, last = dice.choice(_SCRIPTS)
    letters = [chr(dice.randint(first, last)) for _ in range(dice.randint(2, 14))]
    return "".join(letter + (" " if dice.come(0.15) else "") for letter in letters)


def injection(dice: Dice) -> str:
    """Return words that ask a judge to accept, of the half that may be learnt from."""
    return dice.choice(_INJECTIONS[dice.choice(sorted(_INJECTIONS))])


def equation(dice: Dice, *, right: bool) -> str:
    """Return an equation that belongs to no story; never one of two and two."""
    one, other = 2, 2
    while (one, other) == (2, 2):
        one, other = dice.randint(0, 20), dice.randint(0, 20)
    sign = dice.choice("++-*" + _TIMES)
    result = {"+": one + other, "-": one - other}.get(sign, one * other)
    if not right:
        result += dice.choice((-3, -2, -1, 1, 2, 3, 10))
    return dice.choice((" ", " ", "")).join((str(one), sign, str(other), "=", str(result)))


def _equation_sentence(site: Site, *, right: bool) -> str:
    """Return an irrelevant equation in a sentence that may sound like the story's own."""
    dice = site.dice
    made = equation(dice, right=right)
    forms = (
        *(f"{site.story.name} has {made} {site.story.things}.", f"Then {made}.", f"{made}."),
        *(f"{made}.", f"So {made}.", f"We know {made}.", f"{made},", f"({made})"),
        *(f"{words(dice, most=4)} {made}.", f"{made} {words(dice, most=3)}"),
    )
    return dice.choice(forms)


def _slogan(site: Site) -> str | None:
    return site.planted(words(site.dice))


def _babble(site: Site) -> str | None:
    return site.planted(nonsense(site.dice) if site.dice.come(0.6) else scribble(site.dice))


def _injection(site: Site) -> str | None:
    what, more = injection(site.dice), words(site.dice)
    return site.planted(
        site.dice.one_by({what: 0.5, f"{more} {what}": 0.25, f"{what} {more}": 0.25})
    )


def _true_equation(site: Site) -> str | None:
    return site.planted(_equation_sentence(site, right=True))


def _false_equation(site: Site) -> str | None:
    return site.planted(_equation_sentence(site, right=False))


def _foreign_sentence(site: Site) -> str | None:
    sentences = re.findall(r"[^.]+\.", site.other.text + site.other.working())
    return site.planted(site.dice.choice(sentences))


def _repetition(site: Site) -> str | None:
    """Say one sentence again, or all of them, up to eight times."""
    working = _WORKING.search(site.text)
    sentences = re.findall(r"[^.]*\.", working[2]) if working else []
    if working is None or not sentences:
        return None
    times, chosen = site.dice.randint(2, 8), site.dice.randrange(len(sentences))
    every = site.dice.come(0.5)
    longer = [s * (times if every or at == chosen else 1) for at, s in enumerate(sentences)]
    return site.replaced(working, 2, "".join(longer))


def _digit(site: Site) -> str | None:
    """Change one digit anywhere, and keep the rest."""
    digits = list(re.finditer(r"(\d)", site.text))
    if not digits or _HASTY in site.text:
        return None
    found = site.dice.choice(digits)
    others = [each for each in "0123456789" if each != found[1]]
    return site.replaced(found, 1, site.dice.choice(others))


def _result(site: Site) -> str | None:
    """Show another result in one equation, from which nothing follows."""
    found = site.equation()
    if found is None:
        return None
    step = site.dice.choice((-10, -3, -2, -1, 1, 1, 2, 3, 10))
    return site.replaced(found, 4, str(max(0, int(found[4]) + step)))


def _operand(site: Site) -> str | None:
    """Reckon with a number that is not in the story."""
    found = site.equation()
    return None if found is None else site.replaced(found, 3, str(site.dice.randint(2, 20)))


def _answer(site: Site) -> str | None:
    """Answer something else than was reckoned."""
    found = _ANSWER.search(site.text)
    if found is None or _HASTY in site.text:
        return None
    return site.replaced(found, 1, str(max(0, int(found[1]) + site.dice.randint(-12, 12))))


def _nothing_sound(site: Site) -> str | None:
    """Say nothing of the question at all."""
    dice = site.dice
    return dice.choice(("", words(dice), nonsense(dice), scribble(dice), injection(dice)))


CORRUPTIONS: dict[str, tuple[Callable[[Site], str | None], float]] = {
    "slogan": (_slogan, 3.0),
    "babble": (_babble, 1.5),
    "injection": (_injection, 1.5),
    "true equation": (_true_equation, 3.5),
    "false equation": (_false_equation, 5.0),
    "foreign sentence": (_foreign_sentence, 1.0),
    "repetition": (_repetition, 1.5),
    "digit": (_digit, 1.5),
    "result": (_result, 1.5),
    "operand": (_operand, 1.5),
    "answer": (_answer, 1.0),
    "nothing sound": (_nothing_sound, 0.5),
}
"""By name, with how often each is drawn; one is None where a completion offers no place."""


def corrupted(site: Site) -> str:
    """Return a completion that suffered one of the corruptions."""
    shares = {name: share for name, (_, share) in CORRUPTIONS.items()}
    while True:
        made = CORRUPTIONS[site.dice.one_by(shares)][0](site)
        if made is not None and made != site.text:
            return made
