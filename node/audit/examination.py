"""A saved contribution judged again, with what the weights say of each of its tokens.

Beside it stand the other contributions to its prompt, as far as the ledger keeps them: some
stages compare. What this node found at the time is told, too; it may have held other weights.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.audit.contributions import Saved
from node.audit.opening import admitted, engine_for, found_then, kept_beside, settings_for
from node.audit.weights import Held, hold
from node.config import Loaded
from node.engine import Engine
from node.findings import deciding_of, said
from node.mailbox import canonical
from node.verification import Judged
from node.verification.kinship import Kinship
from node.verification.readings import Reading
from node.work import Finding, Said
from protocol.contribution import Contribution
from protocol.parameters import Parameters

REFUSE, UNDECIDED = "refuse", "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What the weights say of one token.

    Args:
        index: Its 0-based place.
        token: Its id.
        start: Of its characters in the completion's text.
        end: Of the same; the one after the last.
        p: Its probability at the swarm's temperature, over the whole vocabulary.
        rank: How many tokens are likelier.
        tail_mass: The probability of all tokens that are no likelier.
        margin: By how much it loses in the replay; None where nothing can be replayed.
        at_fault: The stages that name it.
    """

    index: int
    token: int
    start: int
    end: int
    p: float
    rank: int
    tail_mass: float
    margin: float | None
    at_fault: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One completion, judged again.

    Args:
        index: Its 0-based place in the contribution.
        text: Without EOS.
        ended: Whether its author closed it.
        reward: What it earns here.
        deciding: The verdict that decides.
        verdicts: All that were given and are wanted, in the order of the stages.
        at_fault: Stretches of characters that a refusal names.
        tokens: What the weights say.
        then: What this node found when it trained on the round; None where it is not kept.
    """

    index: int
    text: str
    ended: bool
    reward: float
    deciding: Said
    verdicts: tuple[Said, ...]
    at_fault: tuple[tuple[int, int], ...]
    tokens: tuple[Token, ...]
    then: Said | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A contribution, judged again.

    Args:
        contribution: What its messages hold.
        parameters: Of its swarm.
        prompt: The prompt's text.
        weights: With which it was judged.
        references: Other completions to the same prompt in the round, to compare with.
        notes: What else bears on the verdict.
        completions: All of them.
    """

    contribution: Contribution
    parameters: Parameters
    prompt: str
    weights: Held
    references: int
    notes: tuple[str, ...]
    completions: tuple[Examined, ...]

    @property
    def refused(self) -> int:
        """How many of its completions are refused."""
        return sum(one.deciding.outcome == "refuse" for one in self.completions)


def examine(saved: Saved, loaded: Loaded, stages: Sequence[str] = ()) -> Examination:
    """Judge a saved contribution again.

    Args:
        saved: Its messages.
        loaded: What the operator set; where that is nothing, what the node ran with holds.
        stages: Whose verdicts are wanted; () is all.

    Raises:
        Rejected: Admission refuses its bytes, for the reason that is told.
        ConfigFault: It is of another swarm or version than the settings say, or a stage is
            unknown.
        Fault: Model, task or checkpoints cannot be loaded.
    """
    engine = engine_for(settings_for(saved, loaded), stages)
    contribution = admitted(saved.messages, engine.parameters)
    beside = kept_beside(saved, contribution, engine.parameters)
    others = [one for one in beside if one.author != contribution.author]
    weights = hold(engine, contribution)
    author = str(contribution.author)
    together = engine.judge(canonical([contribution, *others]))
    examined = [one for one in together if one[0].item.author == author]
    then = found_then(saved, contribution)
    return Examination(
        contribution=contribution,
        parameters=engine.parameters,
        prompt=engine.task.prompt(contribution.prompt_index).text,
        weights=weights,
        references=len(together) - len(examined),
        notes=tuple(notes_on(contribution, beside)),
        completions=tuple(
            examined_of(engine, judged, reading, stages, then.get(judged.item.index))
            for judged, reading in examined
        ),
    )


def notes_on(contribution: Contribution, beside: Sequence[Contribution]) -> Iterator[str]:
    """Yield what else bears on the verdict."""
    yield "What adds up over rounds (accumulation) is not known here: it sees this round only."
    same = [one for one in beside if one.author == contribution.author]
    if same and contribution not in same:
        yield (
            f"Its author signed another answer to this prompt, too: {same[0].digest().hex()} is "
            "in the ledger."
        )


def examined_of(
    engine: Engine, judged: Judged, reading: Reading, stages: Sequence[str], then: Finding | None
) -> Examined:
    """Return one completion with the verdicts that are wanted and its tokens."""
    item = judged.item
    verdicts = tuple(said(one) for one in judged.verdicts if not stages or one.stage in stages)
    offsets = offsets_of(engine, reading.evidence.tokens.tolist(), item.text)
    refusals = [(one.stage, stretches(one, offsets)) for one in verdicts if one.outcome == REFUSE]
    return Examined(
        index=item.index,
        text=item.text,
        ended=item.ended,
        reward=item.reward,
        deciding=deciding(verdicts) if stages else deciding_of(judged),
        verdicts=verdicts,
        at_fault=tuple(stretch for _, found in refusals for stretch in found),
        tokens=tuple(tokens_of(reading, verdicts, offsets)),
        then=then.deciding if then else None,
    )


def deciding(verdicts: Sequence[Said]) -> Said:
    """Return the first refusal, else the first that could not decide, else the last."""
    for outcome in (REFUSE, UNDECIDED):
        for one in verdicts:
            if one.outcome == outcome:
                return one
    return verdicts[-1]


def offsets_of(engine: Engine, tokens: Sequence[int], text: str) -> list[int]:
    """Return where each token begins in the text, and where the last one ends."""
    lengths = [len(engine.policy.decode(tokens[:count])) for count in range(len(tokens) + 1)]
    return [min(length, len(text)) for length in lengths]


def stretches(verdict: Said, offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Return the characters that a verdict names."""
    last = len(offsets) - 1
    return [
        (start, end)
        if unit == "characters"
        else (offsets[min(start, last)], offsets[min(end, last)])
        for start, end, unit in verdict.spans
    ]


def tokens_of(
    reading: Reading, verdicts: Sequence[Said], offsets: Sequence[int]
) -> Iterator[Token]:
    """Yield what the weights say of each token; nothing where they could not read it."""
    evidence = reading.evidence
    margins = {
        Kinship.SAME: evidence.margins,
        Kinship.ROUNDED: evidence.margins_rounded,
        Kinship.STALE: evidence.margins_stale,
    }.get(reading.kinship)
    for index, token in enumerate(evidence.tokens.tolist()):
        here = (offsets[index], offsets[index + 1])
        yield Token(
            index=index,
            token=token,
            start=here[0],
            end=here[1],
            p=math.exp(evidence.logprobs[index]),
            rank=int(evidence.ranks[index]),
            tail_mass=float(evidence.tail_mass[index]),
            margin=None if margins is None else float(margins[index]),
            at_fault=tuple(
                one.stage for one in verdicts if one.outcome == REFUSE and names(one, index, here)
            ),
        )


def names(verdict: Said, index: int, characters: tuple[int, int]) -> bool:
    """Whether a verdict's spans hold a token, or some of its characters."""
    return any(
        start < characters[1] and characters[0] < end
        if unit == "characters"
        else start <= index < end
        for start, end, unit in verdict.spans
    )
