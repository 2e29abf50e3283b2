"""What a member can do that is not honest, one thing after another: each must be found out.

A misbehaviour on the wire is found out if nobody takes any of its messages and everybody who is
asked refuses them for their reason; one in what is said, if verification refuses every completion
that is not what the author's weights write, or counts all of them nothing. Honest peers must lose
nothing: nobody bars or casts out one, nothing that one forwards is rejected, and no completion of
one is refused, which is all that a standing is lowered by. Where an equivocator was heard by some
just before and by others just after their round was closed, honest nodes train on different sets
and part for good. What they then think of each other is a matter of weights, not of this: such
rounds are counted as `apart`.

Rewards and log-probabilities are claimed nowhere on the wire. What is claimed there, besides the
author: how a completion ended, the digest of what is said, and the weights it is from.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import scripted
import trio
from court import HONEST, Culprit, Sincere, Witness, keypair, sit

from node.attacks import wire
from node.attacks.outgoing import WireAttack
from node.inline import InlineCompute
from node.learning import TrainSettings
from node.ledger import Ledger
from node.mesh import Decision
from node.settings import SwarmSettings, read_settings
from node.work import EngineSettings
from protocol.errors import Reason

ROUNDS, ROUNDS_SHORT = 4, 2
SEEDS, SEEDS_SHORT = (0, 1, 2), (0,)
AT_ONCE = 2
"""Swarms that are under way together: much of a swarm's time is waiting."""

QUICKLY = TrainSettings(minibatches=1)
SWARM = {
    "name": "misbehaviour",
    "test_swarm": True,
    "prompts_per_round": 4,
    "completions_per_prompt": 4,
    "shares": HONEST + 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One misbehaviour.

    Args:
        on_wire: What it does to messages.
        in_words: A content attack of the catalogue, if any.
        reasons: For which a message of its is refused; none where verification refuses.
        first_counts: Whether the first of its messages are taken, whichever they are.
        convicts: Whether it must be cast out by everybody.
        unheard: Whether nothing of its is taken at all.
        worthless: Whether all that it hands in must count nothing.
        waits: Whether it speaks after the others.
        swarm: Of its swarm.
    """

    on_wire: Callable[[], WireAttack] = Sincere
    in_words: str = ""
    reasons: frozenset[Reason] = frozenset()
    first_counts: bool = False
    convicts: bool = False
    unheard: bool = False
    worthless: bool = False
    waits: bool = False
    swarm: Mapping[str, Any] = field(default_factory=dict)


def on_wire(attack: Callable[[], WireAttack], *reasons: Reason, **more: Any) -> Case:
    """Return a case that gates refuse."""
    return Case(on_wire=attack, reasons=frozenset(reasons), **more)


HORIZONTAL = {"mode": "horizontal"}

CASES: dict[str, Case] = {
    "equivocation": on_wire(
        wire.Equivocation, Reason.EQUIVOCATION, Reason.OUTCAST, first_counts=True, convicts=True
    ),
    "replay": on_wire(
        wire.Replay,
        *(Reason.DUPLICATE, Reason.ROUND_PAST, Reason.FOREIGN_PROMPT, Reason.BAD_SIGNATURE),
    ),
    "replay of another swarm": on_wire(wire.OtherSwarm, Reason.OTHER_SWARM, Reason.BAD_SIGNATURE),
    "forged author": on_wire(wire.ForgedAuthor, Reason.BAD_SIGNATURE),
    "tampered in passing": on_wire(wire.BitFlips, *Reason),
    "foreign prompt": on_wire(scripted.ForeignPrompt, Reason.FOREIGN_PROMPT),
    "over quota": on_wire(
        scripted.OverQuota,
        Reason.OVER_QUOTA,
        first_counts=True,
        swarm={"prompt_choice": "free"},
    ),
    "false claim of an ending": on_wire(scripted.FalseEnding, Reason.BAD_ENDING, unheard=True),
    "false claim of a digest": on_wire(scripted.FalseDigest, Reason.BAD_DIGEST, unheard=True),
    "false claim of weights": on_wire(scripted.FalseWeights, worthless=True),
    "plagiarism": on_wire(scripted.Plagiarism, waits=True, swarm=HORIZONTAL),
    "a slogan": Case(in_words="hail"),
    "one digit": Case(in_words="digit"),
}


BRIEF = ("equivocation", "replay", "forged author", "over quota", "plagiarism", "one digit")
"""What the short form has time for."""


async def measure(*, short: bool) -> dict[str, Any]:
    """Return how much of each misbehaviour was found out, and what honest peers lost."""
    seeds, rounds = (SEEDS_SHORT, ROUNDS_SHORT) if short else (SEEDS, ROUNDS)
    names = BRIEF if short else tuple(CASES)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    places = trio.CapacityLimiter(AT_ONCE)

    async def play(name: str, seed: int) -> None:
        async with places:
            runs[name].append(await played(CASES[name], seed, rounds))

    async with trio.open_nursery() as nursery:
        for name in names:
            for seed in seeds:
                nursery.start_soon(play, name, seed)
    cases = {name: joined(found) for name, found in runs.items()}
    sums = {
        name: sum(one[name] for one in cases.values())
        for name in ("deeds", "undetected", "honest_penalised", "apart")
    }
    found_out = sum(one["found_out"] for one in cases.values())
    return {
        "misbehaviours": len(cases),
        "found_out": found_out,
        **sums,
        "seeds": len(seeds),
        "rounds": rounds,
        "cases": cases,
        "passed": found_out == len(cases) and sums["honest_penalised"] == 0,
    }


def joined(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums of several runs' figures."""
    counts = ("deeds", "undetected", "honest_penalised", "apart")
    return {
        **{name: sum(run[name] for run in runs) for name in counts},
        "met_with": dict(sum((run["met_with"] for run in runs), Counter())),
        "penalties": [one for run in runs for one in run["penalties"]],
        "found_out": all(run["found_out"] for run in runs),
    }


async def played(case: Case, seed: int, rounds: int) -> dict[str, Any]:
    """Let one misbehave for some rounds; return what came of it."""
    swarm = read_settings(SwarmSettings, {**SWARM, **case.swarm}, where="the case")
    authors_min = HONEST + (not case.unheard)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as ledgers:
        rooms = []
        for number in range(HONEST + 1):
            place = Path(directory) / str(number)
            place.mkdir()
            settings = EngineSettings(data_dir=str(place), swarm=swarm, train=QUICKLY)
            compute = InlineCompute(settings)
            await compute.open()
            ledger = ledgers.enter_context(closing(Ledger(place / "ledger.db")))
            rooms.append((keypair(seed, number), compute, ledger, authors_min))
        witnesses = [Witness(*room) for room in rooms[:HONEST]]
        culprit = Culprit(*rooms[-1], on_wire=case.on_wire(), in_words=case.in_words)
        return dict(
            await sit(
                witnesses,
                culprit,
                rounds,
                waits=case.waits,
                look=lambda: figures(case, witnesses, culprit),
            )
        )


def figures(case: Case, witnesses: Sequence[Witness], culprit: Culprit) -> dict[str, Any]:
    """Return what was done, what of it nobody noticed, and what honest peers lost by it."""
    penalties = [one for witness in witnesses for one in lost(witness, witnesses)]
    deeds, undetected, met_with = (on_gates if case.reasons else in_training)(
        case, witnesses, culprit
    )
    free = [one for one in witnesses if culprit.peer not in one.ledger.outcasts()]
    return {
        "deeds": deeds,
        "undetected": undetected,
        "met_with": met_with,
        "penalties": penalties,
        "honest_penalised": len(penalties),
        "apart": sum(
            not one.agrees_with(other, round_index + 1)
            for one in witnesses
            for other in witnesses
            for round_index in one.minds
        )
        // 2,
        "found_out": deeds > 0 and not undetected and not (case.convicts and free),
    }


def on_gates(
    case: Case, witnesses: Sequence[Witness], culprit: Culprit
) -> tuple[int, int, Counter[str]]:
    """Return bad messages, how many were taken or refused for another reason, and all reasons."""
    bad = [raw for raw in culprit.published if raw not in culprit.sealed]
    met_with: Counter[str] = Counter()
    undetected = 0
    for witness in witnesses:
        taken = Counter(
            data for data, _, decision, _ in witness.heard if decision is Decision.ACCEPT
        )
        # What others said is rightly taken, once.
        own = {data for other in witnesses for data in other.said}
        if case.first_counts:
            said = set(culprit.published)
            undetected += max(0, sum(taken[data] for data in said) - len(culprit.sealed))
        else:
            undetected += sum(max(0, taken[data] - (data in own)) for data in set(bad))
        reasons = Counter(
            why for _, forwarder, _, why in witness.heard if why and forwarder == culprit.peer
        )
        undetected += sum(count for why, count in reasons.items() if why not in case.reasons)
        undetected += not reasons
        met_with.update({why.value: count for why, count in reasons.items()})
    return len(bad), undetected, met_with


def in_training(
    case: Case, witnesses: Sequence[Witness], culprit: Culprit
) -> tuple[int, int, Counter[str]]:
    """Return dishonest completions, how many verification let pass, and what it said of them."""
    changed = culprit.changed()
    met_with: Counter[str] = Counter()
    deeds = undetected = 0
    for witness in witnesses:
        for one in witness.found:
            place = (one.round_index, one.prompt_index, one.index)
            if one.author == str(culprit.peer) and (case.worthless or place in changed):
                deeds += 1
                undetected += one.weight > 0.0 if case.worthless else one.outcome != "refuse"
                met_with[f"{one.outcome}: {one.reason}"] += 1
    return deeds, undetected, met_with


def lost(witness: Witness, witnesses: Sequence[Witness]) -> list[str]:
    """Return what honest peers lost with one of them."""
    assert witness.mesh is not None
    honest = {one.peer for one in witnesses}
    names = {str(one) for one in honest}
    bars = [f"barred: {who}" for who in witness.mesh.conduct.bars() if who in names]
    out = [f"cast out: {who}" for who in witness.ledger.outcasts() if who in honest]
    rejected = [
        f"rejected: {why}"
        for _, forwarder, decision, why in witness.heard
        if decision is Decision.REJECT and forwarder in honest
    ]
    authors = {str(one.peer): one for one in witnesses}
    refused = [
        f"refused: {one.reason}"
        for one in witness.found
        if (author := authors.get(one.author)) is not None
        and witness.agrees_with(author, one.round_index)
        and (one.outcome != "accept" or one.weight < 1.0)
    ]
    return [*bars, *out, *rejected, *refused]
