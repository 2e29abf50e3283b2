"""What no honest sampler hands in, seen without a model: lengths, endings, hidden characters.

A broken form alone is no fault. Honest policies break it daily, and a group needs its bad
completions for contrast. But one that earned a reward out of form found a hole in the reward.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.tasks import grammar
from node.verdict import Reason, Span, Unit, Verdict
from node.verification.submission import Submission
from protocol.parameters import Encoding

_NEVER_SHOWN = (
    # Controls but tab and line ends; marks of direction; what has no width; surrogates.
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\ud800-\udfff"
    # Letters and signs that are blank.
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U00016fe4\U0001d159"
    # Selectors of variants, but for the two of emoji.
    "\ufe00-\ufe0d"
    # Private use, noncharacters, what shall never show whatever it will mean, and the planes
    # without a script: tags and more selectors, private use again.
    "\ue000-\uf8ff\ufdd0-\ufdef\ufff0-\ufff8\ufffe\uffff\U0001fffe\U0001ffff"
    "\U0002fffe\U0002ffff\U0003fffe-\U0010ffff"
)
_EMOJI = (
    "\xa9\xae\u203c\u2049\u20e3\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff"
)
_JOINING = (
    # Scripts from Arabic to Sinhala, of South-East Asia, Mongolian, and their extensions.
    "\u0600-\u0dff\u1000-\u109f\u1780-\u18af\u1a00-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
_ARABIC = "\u0620-\u06d3"
"""Letters that are held apart from foreign words as well: the plural of PDF in Persian."""
HIDDEN = re.compile(
    f"""
    (?:
        [{_NEVER_SHOWN}]
      | [\ufe0e\ufe0f] (?<! [{_EMOJI}] . ) (?! (?<= [0-9\\#*] . ) (?: \u20e3 | \\Z ) )
      | [\u200c\u200d] (?<! [{_EMOJI}\ufe0e\ufe0f{_JOINING}] . ) (?! [{_ARABIC}] )
      | [\u180b-\u180f] (?<! [\u1820-\u18aa] . )
    )
    [{_NEVER_SHOWN}\u180b-\u180f\u200c\u200d\ufe0e\ufe0f]*
    """,
    re.VERBOSE | re.DOTALL,
)
"""What shows nothing, and so could carry anything past whoever reads the text.

Some of it is written honestly in its place: the style of an emoji, the joiners of emoji, Persian
and Hindi, the variants of Mongolian. There one of them passes, and each more is hidden. A text
may have been cut off in the middle of an emoji, so nothing need follow.

The ranges are fixed, for nodes must agree whatever version of Unicode their Python knows. So
what is not assigned yet passes in the planes of scripts: it is shown, if only as a box.
"""
_SPANS_MAX = 16
"""As many places are named as a person reads."""


def in_task_form(text: str) -> bool:
    """Tell whether a completion is exactly one think and one answer element."""
    return grammar.answer_in(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSettings:
    """What a completion may be.

    Args:
        encoding: Whether authors send tokens or text. Of text the number of tokens, and so
            whether it was cut off in the right place, is known to its author's tokenizer alone.
        tokens_max: Longest completion, in tokens.
        text_bytes_max: Longest completion, in bytes of UTF-8.
        eos_token: Closes a completion.
    """

    encoding: Encoding
    tokens_max: int
    text_bytes_max: int
    eos_token: int


class Form:
    """Refuses what the rules of sampling cannot produce, and rewards got out of form.

    Args:
        settings: What a completion may be.
        decode: Token ids to text, to see that the text judged is the text trained on.
        in_form: Whether a text is in the task's form; None for a task that has none.
    """

    name = "form"

    def __init__(
        self,
        settings: FormSettings,
        *,
        decode: Callable[[Sequence[int]], str],
        in_form: Callable[[str], bool] | None = in_task_form,
    ) -> None:
        self._settings = settings
        self._decode = decode
        self._in_form = in_form

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Return one verdict for each item."""
        return [self._verdict(item) for item in items]

    def _verdict(self, item: Submission) -> Verdict:
        return self._size(item) or self._ending(item) or self._text(item) or self._earned(item)

    def _size(self, item: Submission) -> Verdict | None:
        if not item.tokens:
            return Verdict(stage=self.name, reason=Reason.EMPTY)
        limits = (
            (len(item.tokens), self._settings.tokens_max),
            (len(item.text.encode("utf-8", "surrogatepass")), self._settings.text_bytes_max),
        )
        for value, limit in limits:
            if value > limit:
                return Verdict(
                    stage=self.name, reason=Reason.OVERSIZED, value=value, threshold=limit
                )
        return None

    def _ending(self, item: Submission) -> Verdict | None:
        eos, limit = self._settings.eos_token, self._settings.tokens_max
        at = item.tokens.index(eos) if eos in item.tokens else None
        if item.ended:
            ends_well = at == len(item.tokens) - 1
        else:
            cut_here = len(item.tokens) == limit or self._settings.encoding is Encoding.TEXT
            ends_well = at is None and cut_here
        if ends_well:
            return None
        return Verdict(
            stage=self.name,
            reason=Reason.BAD_ENDING,
            spans=() if at is None else (Span(at, len(item.tokens), Unit.TOKENS),),
            value=len(item.tokens),
            threshold=limit,
            detail="no EOS" if at is None else f"EOS at token {at}",
        )

    def _text(self, item: Submission) -> Verdict | None:
        if self._decode(item.tokens) != item.text:
            return Verdict(stage=self.name, reason=Reason.NOT_ROUND_TRIP)
        hidden = [
            Span(found.start(), found.end(), Unit.CHARACTERS)
            for found, _ in zip(HIDDEN.finditer(item.text), range(_SPANS_MAX), strict=False)
        ]
        if not hidden:
            return None
        seen = ascii(item.text[hidden[0].start : hidden[0].start + 1])
        return Verdict(
            stage=self.name,
            reason=Reason.HIDDEN_CHARACTERS,
            spans=tuple(hidden),
            detail=f"the first is {seen}",
        )

    def _earned(self, item: Submission) -> Verdict:
        lax = item.reward > 0 and self._in_form is not None and not self._in_form(item.text)
        reason = Reason.OUT_OF_FORM if lax else Reason.CLEAN
        return Verdict(stage=self.name, reason=reason, value=item.reward if lax else None)
