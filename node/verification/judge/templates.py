"""What a judge is asked, and in which words it must answer: shipped templates and a user's own.

A template places a stranger's text and nothing else. Whatever a text contains, it cannot
become a part of the template: all places are filled in one pass.
"""

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from node.faults import ConfigFault
from node.settings import home_resolved
from node.verification.judge.quoting import quoted

DIRECTORY = Path(__file__).with_name("templates")
SHIPPED = tuple(sorted(path.stem for path in DIRECTORY.glob("*.toml")))

CHARACTERS_MAX = 20_000
"""Of a template; a judge's context is finite, and its instructions are not the point of it."""
BEHIND_MAX = 600
"""Characters behind the completion: it stands last, but for the question put once more."""

_PLACES = ("question", "completion", "nonce", "accept", "refuse")
_PLACE = re.compile("{(" + "|".join(_PLACES) + ")}")
_BRACED = re.compile(r"\{([A-Za-z_]*)\}")
_LABEL = re.compile(r"[A-Za-z]{1,16}")


class Reading(StrEnum):
    """How a verdict is read from what a judge gives back."""

    LABELS = "labels"
    """From the next token's probabilities, else from exactly one label and nothing else."""
    PUBLISHED = "published"
    """As first published: criticism, then a decision in tags, and whoever gives none accepts.
    Kept to be measured beside the other; it lets a text through that breaks the judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A question to a judge.

    Args:
        name: What settings call it.
        system: The instructions; "" for a judge that takes none.
        user: What is judged, in its quotation.
        accept: The label of a sound completion, one word.
        refuse: The label of any other.
        reading: How the verdict is read.
        tokens_max: How much the judge may write.

    Raises:
        ValueError: It could not be asked safely; the message says what is wrong.
    """

    name: str
    system: str
    user: str
    accept: str = "yes"
    refuse: str = "no"
    reading: Reading = Reading.LABELS
    tokens_max: int = 4

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ValueError(f"template {self.name}: {problem}")

    def _problem(self) -> str | None:
        whole = f"{self.system}\0{self.user}"
        if len(whole) > CHARACTERS_MAX:
            return f"it has {len(whole)} characters, and {CHARACTERS_MAX} are allowed"
        unknown = sorted({name for name in _BRACED.findall(whole) if name not in _PLACES})
        if unknown:
            return f"{{{unknown[0]}}} is none of {', '.join(f'{{{name}}}' for name in _PLACES)}"
        labels = (self.accept, self.refuse)
        if not all(_LABEL.fullmatch(label) for label in labels):
            return "a label is one word of at most 16 letters"
        if _confusable(*labels):
            return f"the labels {self.accept!r} and {self.refuse!r} begin alike"
        if not 1 <= self.tokens_max <= 4096:  # noqa: PLR2004 - longer than any criticism
            return f"tokens_max must be in 1..4096, not {self.tokens_max}"
        return self._misplaced(whole)

    def _misplaced(self, whole: str) -> str | None:
        for name in ("question", "completion"):
            if whole.count(f"{{{name}}}") != 1 or f"{{{name}}}" not in self.user:
                return f"{{{name}}} must stand in it once, in the user's part"
        before, _, behind = self.user.partition("{completion}")
        if "{question}" in behind:
            return "{completion} must stand behind {question}: the stranger's words come last"
        if self.reading is Reading.LABELS and not ("{nonce}" in before and "{nonce}" in behind):
            return "{nonce} must stand before and behind {completion}, to enclose it"
        if len(behind) > BEHIND_MAX:
            return f"more than {BEHIND_MAX} characters stand behind {{completion}}"
        return None

    def filled(self, *, question: str, completion: str, nonce: str) -> tuple[str, str]:
        """Return the system's and the user's part.

        Args:
            question: The task's own, which is trusted.
            completion: Quoted already.
            nonce: A word that nobody could foresee.
        """
        words = {
            "question": question,
            "completion": completion,
            "nonce": nonce,
            "accept": self.accept,
            "refuse": self.refuse,
        }

        def word(found: re.Match[str]) -> str:
            return words[found[1]]

        return _PLACE.sub(word, self.system), _PLACE.sub(word, self.user)

    def quoted(
        self, text: str, *, nonce: str, characters_max: int, reserved: tuple[str, ...] = ()
    ) -> tuple[str, bool]:
        """Return a completion as this template shows it, and whether it had to be cut.

        The published reading goes with the published carelessness: the text as it came.
        """
        if self.reading is Reading.PUBLISHED:
            return text.encode(errors="replace").decode(), False
        words = {self.accept, self.refuse, *reserved}
        shown = quoted(text, nonce=nonce, words=words, characters_max=characters_max)
        return shown.text, shown.cut


def _confusable(first: str, second: str) -> bool:
    one, other = first.lower(), second.lower()
    return one.startswith(other) or other.startswith(one)


def template_named(name: str) -> Template:
    """Return a template.

    Args:
        name: One of `SHIPPED`, or the path of a TOML file with `user` and, if wanted, `system`,
            `accept`, `refuse`, `reading`, `tokens_max`.

    Raises:
        ConfigFault: There is none of the name, or it could not be asked safely.
    """
    shipped = name in SHIPPED
    path = DIRECTORY / f"{name}.toml" if shipped else home_resolved(name)
    if not shipped and path.suffix != ".toml":
        raise ConfigFault(
            f"there is no judge template {name!r}",
            fix=f"name one of {', '.join(SHIPPED)}, or the path of a .toml file",
        )
    return _read(path, path.stem)


def _read(path: Path, name: str) -> Template:
    try:
        with path.open("rb") as file:
            written = tomllib.load(file)
        return _template(name, written)
    except (OSError, ValueError) as error:
        raise ConfigFault(
            f"the judge template {path} cannot be used: {error}",
            fix="see node/verification/judge/templates/default.toml for one that can",
        ) from error


def _template(name: str, written: dict[str, Any]) -> Template:
    kinds = {"system": str, "user": str, "accept": str, "refuse": str, "reading": str}
    for key, value in written.items():
        kind = {**kinds, "tokens_max": int}.get(key)
        if kind is None:
            raise ValueError(f"{key!r} is no part of a template")
        if type(value) is not kind:
            raise ValueError(f"{key} must be a {kind.__name__}")
    parts = {"system": "", "user": "", **written}
    if "reading" in parts:
        parts["reading"] = Reading(parts["reading"])
    return Template(name=name, **parts)
