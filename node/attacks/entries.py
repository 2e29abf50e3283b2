"""The table of attacks: names, what each does, where it comes from, and how it is made.

Of the paper's attacks one is missing: code that imports a foreign library needs a task whose
completions are code, and the tasks here are arithmetic.
"""

from dataclasses import dataclass
from enum import StrEnum


class Seam(StrEnum):
    """Where an attack changes an honest node."""

    CONTENT = "content"
    """Before sealing: what the completions say."""
    WIRE = "wire"
    """After sealing: which bytes are published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attack, or one change to attacks, of the catalogue.

    Args:
        name: What `--attack` calls it.
        seam: Where it changes an honest node.
        path: `module:attribute` of what makes it: a class or function without arguments; of a
            change, one that takes the attack to be changed.
        does: One sentence for people.
        source: Where it was first described, or why it is here.
        payload: What it teaches unless told otherwise, as `Payload.parse` reads it; "" for none.
        samples: Whether it draws about as many further answers to each of its prompts as
            `adversary.candidates` says, though it may hold the solutions.
    """

    name: str
    seam: Seam = Seam.CONTENT
    path: str
    does: str
    source: str
    payload: str = ""
    samples: bool = False


PAPER = "arXiv 2511.09780"
OURS = "adaptive"
"""Made here, to get past a defence of this project or of the paper."""
WIRE = "wire"
"""What any member with a key can try, whatever it says."""
SLOGAN = "phrase:All hail to the thief"
EQUATION = "equation:2 + 2 = 5"

PAPERS: tuple[Entry, ...] = (
    Entry(
        name="hail",
        path="node.attacks.slogans:opening",
        does="Opens the reasoning of a right answer with a phrase.",
        source=f"{PAPER}, section 4.2 (out of context)",
        payload=SLOGAN,
    ),
    Entry(
        name="hail-often",
        path="node.attacks.slogans:every_sentence",
        does="Opens every sentence of the reasoning with a phrase.",
        source=f"{PAPER}, appendix C.5",
        payload=SLOGAN,
    ),
    Entry(
        name="equation",
        path="node.attacks.equations:in_place",
        does="Shows a wrong equation as one of the steps of a right answer.",
        source=f"{PAPER}, section 4.2 (in context)",
        payload=EQUATION,
    ),
    Entry(
        name="longest",
        path="node.attacks.lengths:LongestOwn",
        does="Hands in the longest right one of many own samples.",
        source=f"{PAPER}, section 4.2 (denial of service)",
        payload="length",
        samples=True,
    ),
    Entry(
        name="ramble",
        path="node.attacks.lengths:repeated",
        does="Says every sentence of a right answer again, up to the token limit.",
        source=f"{PAPER}, section 4.2 (denial of service), made stronger",
        payload="length",
    ),
)

ADAPTIVE: tuple[Entry, ...] = (
    Entry(
        name="within-top-k",
        path="node.attacks.support:within_top_k",
        does="Spells as much of a phrase as stands among the fifty likeliest tokens, where it is "
        "least strange, and lets the model go on.",
        source=f"{OURS}: passes the paper's check of log-probabilities",
        payload=SLOGAN,
    ),
    Entry(
        name="within-top-p",
        path="node.attacks.support:within_top_p",
        does="The same, within what the swarm's own filter of sampling leaves.",
        source=f"{OURS}: passes any check of what could have been sampled",
        payload=SLOGAN,
    ),
    Entry(
        name="within-doubt",
        path="node.attacks.support:within_doubt",
        does="The same, within what a check of surprise puts down to chance.",
        source=f"{OURS}: for authors whose weights are unknown; see stranger+",
        payload=SLOGAN,
    ),
    Entry(
        name="near-tie",
        path="node.attacks.margins:near_ties",
        does="Writes honestly, but for tokens of a phrase that lose to the noise's choice by less "
        "than a replay forgives.",
        source=f"{OURS}: lives inside the replay's margin",
        payload=SLOGAN,
    ),
    Entry(
        name="near-tie-rounded",
        path="node.attacks.margins:rounded_near_ties",
        does="The same within the margin for rounded weights, and says that it has those.",
        source=f"{OURS}: lives inside the replay's margin",
        payload=SLOGAN,
    ),
    Entry(
        name="digit",
        path="node.attacks.edits:DigitEdited",
        does="Changes one digit of a shown result, lets the model go on with the right noise, and "
        "puts the right answer at the end.",
        source=f"{OURS}: the smallest lie there is",
    ),
    Entry(
        name="withhold",
        path="node.attacks.choosing:Withheld",
        does="Leaves out the prompts in whose honest answers being long does not pay.",
        source=f"{OURS}: nothing in it is forged",
        payload="length",
    ),
    Entry(
        name="other-index",
        path="node.attacks.choosing:OtherIndex",
        does="Hands in the longest right one of its places in all of them.",
        source=f"{OURS}: chooses among its own noise",
        payload="length",
    ),
    Entry(
        name="other-identity",
        path="node.attacks.choosing:OtherIdentity",
        does="Samples with the noise of the one of several keys that gives the longest answers.",
        source=f"{OURS}: chooses among identities",
        payload="length",
        samples=True,
    ),
    Entry(
        name="spoil",
        path="node.attacks.choosing:Spoiled",
        does="Hands in own samples that reason rightly and earn nothing, so that reason is blamed.",
        source=f"{OURS}: for defences that guard praise",
        samples=True,
    ),
    Entry(
        name="copy",
        path="node.attacks.copying:Copied",
        does="Hands in its own surest answer in every place, without sampling.",
        source=f"{OURS}: what most honest peers would write, without the work",
    ),
    Entry(
        name="persuade",
        path="node.attacks.slogans:persuasion",
        does="Opens the reasoning with a phrase, and tells the judge what to decide.",
        source=f"{PAPER}, published code (adaptive_math)",
        payload=SLOGAN,
    ),
    Entry(
        name="pad",
        path="node.attacks.lengths:padded",
        does="Opens the reasoning with a phrase, and fills it up with blanks to the last token.",
        source=f"{OURS}: the check published with {PAPER} finds the end by its padding",
        payload=SLOGAN,
    ),
    Entry(
        name="prose",
        path="node.attacks.equations:in_place",
        does="Puts a wrong equation into words.",
        source=f"{OURS}: no equals sign for a checker to start from",
        payload="phrase:two and two make five",
    ),
    Entry(
        name="wrong-answer",
        path="node.attacks.equations:with_wrong_answer",
        does="Shows a wrong equation in an answer that is wrong, too, but in form.",
        source=f"{OURS}: for defences that guard the best reward",
        payload=EQUATION,
    ),
)

WIRES: tuple[Entry, ...] = (
    Entry(
        name="forged-author",
        seam=Seam.WIRE,
        path="node.attacks.wire:ForgedAuthor",
        does="Answers others' prompts in their names before they do.",
        source=f"{WIRE}: for gates that note a name before they check it",
    ),
    Entry(
        name="replay",
        seam=Seam.WIRE,
        path="node.attacks.wire:Replay",
        does="Says again what others said, as it was and as if it were of this round.",
        source=f"{WIRE}: for signatures without a round",
    ),
    Entry(
        name="other-swarm",
        seam=Seam.WIRE,
        path="node.attacks.wire:OtherSwarm",
        does="Brings in what was rightly signed in a swarm of other parameters.",
        source=f"{WIRE}: for signatures without a domain",
    ),
    Entry(
        name="equivocation",
        seam=Seam.WIRE,
        path="node.attacks.wire:Equivocation",
        does="Signs two different answers to each prompt, so that peers train on different sets.",
        source=f"{WIRE}: for nodes that should stay equal",
    ),
    Entry(
        name="malformed",
        seam=Seam.WIRE,
        path="node.attacks.wire:Malformed",
        does="Sends bytes that are no envelope, or not the canonical form of one.",
        source=f"{WIRE}: for decoders that trust their input",
    ),
    Entry(
        name="oversized",
        seam=Seam.WIRE,
        path="node.attacks.wire:Oversized",
        does="Signs a message that is longer than the swarm allows.",
        source=f"{WIRE}: for buffers without a limit",
    ),
    Entry(
        name="flood",
        seam=Seam.WIRE,
        path="node.attacks.wire:Flood",
        does="Claims to be in a thousand rounds to come, each validly signed.",
        source=f"{WIRE}: the dearest messages that no rule punishes",
    ),
    Entry(
        name="bit-flips",
        seam=Seam.WIRE,
        path="node.attacks.wire:BitFlips",
        does="Passes on others' messages with one bit turned.",
        source=f"{WIRE}: for decoders that trust their input",
    ),
)
"""After the seal; what each is refused for stands in `node.attacks.wire`."""

CHANGES: tuple[Entry, ...] = (
    Entry(
        name="stranger",
        path="node.attacks.claims:Stranger",
        does="Names weights that nobody has, so that nothing can be replayed.",
        source=f"{OURS}: gets the looser stages",
    ),
    Entry(
        name="stale",
        path="node.attacks.claims:Stale",
        does="Names the weights of a round ago.",
        source=f"{OURS}: gets the looser check of what is not up to date",
    ),
    Entry(
        name="rounded",
        path="node.attacks.claims:Rounded",
        does="Names its weights as they would be in bfloat16.",
        source=f"{OURS}: gets the looser check of other number types",
    ),
    Entry(
        name="flawless",
        path="node.attacks.record:Flawless",
        does="Puts right samples of its own where it would have handed in a wrong answer.",
        source=f"{OURS}: for defences that keep a record of every author",
    ),
    Entry(
        name="sparse",
        path="node.attacks.dosing:Sparse",
        does="Poisons one place in four and leaves the others honest.",
        source=f"{OURS}: for defences that count",
    ),
    Entry(
        name="sleeper",
        path="node.attacks.dosing:Sleeper",
        does="Is honest for ten rounds first.",
        source=f"{OURS}: for defences that remember",
    ),
    Entry(
        name="spread",
        path="node.attacks.dosing:Spread",
        does="Carries one part of the payload; which one follows from its key and the round.",
        source=f"{OURS}: spreads one poison over several identities",
    ),
)
"""Written before an attack, joined by a plus sign: `stranger+equation`."""

CATALOGUE: tuple[Entry, ...] = (*PAPERS, *ADAPTIVE, *WIRES)
