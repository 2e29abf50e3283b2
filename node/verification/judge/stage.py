"""The judge as a stage: what it is shown, what it is asked about, and what its silence means.

A judge sees a question and a quoted text, and nothing of who wrote it. It is asked about few
enough completions to be done in time; what it was not asked about, or did not plainly answer,
is undecided and counts against nobody.
"""

import hashlib
import random
import secrets
import string
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.verdict import Outcome, Reason, Verdict
from node.verification.judge.replies import Backend, Finding, Question, read
from node.verification.judge.templates import Reading, Template
from node.verification.submission import Submission
from node.verifying import JudgeSettings

NONCE_LETTERS = 8
"""37 bits for a stranger who has one guess a completion, and is not told whether it was right."""


def new_nonce() -> str:
    """Return a word that nobody can foresee."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(NONCE_LETTERS))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A distinct text of the round: what is said of it is said of all completions like it."""

    key: bytes
    prompt: str
    text: str
    reward: float


class JudgeStage:
    """Asks a judge about completions.

    The best rewarded are asked about first, since only praise spreads, and equals by lot, so
    that nobody can count on being left out.

    Args:
        backend: Who answers.
        template: How it is asked.
        settings: How sure it must be, and what asking may cost.
        nonce: Makes the word that encloses a completion, anew for each.
        dice: For the lots.
        clock: Seconds, as `time.monotonic`.
    """

    name = "judge"

    def __init__(
        self,
        backend: Backend,
        template: Template,
        settings: JudgeSettings | None = None,
        *,
        nonce: Callable[[], str] = new_nonce,
        dice: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._template = template
        self._settings = settings or JudgeSettings()
        self._nonce = nonce
        self._dice = dice or random.SystemRandom()
        self._clock = clock
        self._remembered: OrderedDict[bytes, Finding] = OrderedDict()

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Return one verdict for each item.

        Raises:
            ModelFault: The judge's model cannot say the template's labels.
        """
        keys = [_key(item) for item in items]
        known = {key: self._remembered[key] for key in keys if key in self._remembered}
        texts: dict[bytes, _Asked] = {}
        for key, item in zip(keys, items, strict=True):
            if key in known:
                self._remembered.move_to_end(key)
            elif key not in texts or texts[key].reward < item.reward:
                texts[key] = _Asked(key, item.prompt, item.text, item.reward)
        found = known | self._ask(self._in_budget(list(texts.values())))
        unasked = Finding(Reason.JUDGE_UNASKED, detail="the round's completions were too many")
        return [self._verdict(found.get(key, unasked)) for key in keys]

    def _in_budget(self, texts: list[_Asked]) -> list[_Asked]:
        self._dice.shuffle(texts)
        texts.sort(key=lambda one: -one.reward)
        return texts[: self._settings.completions_max]

    def _ask(self, texts: Sequence[_Asked]) -> dict[bytes, Finding]:
        if not texts:
            return {}
        until = self._clock() + self._settings.round_s
        prepared = [self._question(one) for one in texts]
        replies = self._backend.ask([question for question, _ in prepared], until=until)
        found = {}
        for one, (_, cut), reply in zip(texts, prepared, replies, strict=True):
            finding = read(reply, self._template, self._settings)
            if cut and finding.reason is Reason.CLEAN:
                finding = Finding(Reason.JUDGE_SAW_PART, finding.value)
            found[one.key] = finding
            if finding.reason.outcome is not Outcome.UNDECIDED:
                self._remember(one.key, finding)
        return found

    def _question(self, one: _Asked) -> tuple[Question, bool]:
        template, nonce = self._template, self._nonce()
        shown, cut = template.quoted(
            one.text,
            nonce=nonce,
            characters_max=self._settings.characters_max,
            reserved=self._backend.reserved,
        )
        system, user = template.filled(question=one.prompt, completion=shown, nonce=nonce)
        question = Question(
            system=system,
            user=user,
            accept=template.accept,
            refuse=template.refuse,
            tokens_max=template.tokens_max,
            in_words=template.reading is Reading.PUBLISHED,
        )
        return question, cut

    def _remember(self, key: bytes, finding: Finding) -> None:
        self._remembered[key] = finding
        if len(self._remembered) > self._settings.remembered_max:
            self._remembered.popitem(last=False)

    def _verdict(self, finding: Finding) -> Verdict:
        settings = self._settings
        accepts = finding.reason is Reason.CLEAN
        threshold = settings.accept_max if accepts else settings.refuse_min
        return Verdict(
            stage=self.name,
            reason=finding.reason,
            value=finding.value,
            threshold=None if finding.value is None else threshold,
            detail=finding.detail,
        )


def _key(item: Submission) -> bytes:
    """Digest what a judge is shown of a completion."""
    digest = hashlib.blake2b(digest_size=32)
    for part in (item.prompt, item.text):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()
