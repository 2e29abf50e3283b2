"""Honest completions, and what an attacker makes of them: the material of `verification.py`.

Every attacker here is stronger than one who brings a text of his own: he starts from the very
completion that his seed makes him write, changes as little as his aim allows, and lets the
model go on from there wherever he can.
"""

import dataclasses
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.tasks import Prompt, Task, reward
from protocol.identity import Keypair

Tokens = tuple[int, ...]

GROUP = 8
"""Completions of one prompt, as in a group of GRPO."""
AUTHORS = 4
"""Of a group; the attacker is the first of them."""
SWARM = b"bench"
SAMPLES = 80
"""How many completions the author of the longest draws, as in the paper on poisoned swarms."""
PAYLOAD_TOKENS = 8
PAYLOAD_RANKS = 50
TOP_REWARD = 2.0
_GAMMA = 0x9E3779B97F4A7C15
_WORKING = re.compile(r"<think>(.*?)</think>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Case:
    """A completion with the place that it is handed in for.

    Args:
        prompt: The task's.
        prompt_tokens: The same in tokens.
        author: Who hands it in, 0-based; 0 is the attacker.
        round_index: In which round.
        index: Its 0-based place among its author's completions of the prompt.
        tokens: What is handed in.
        base: What the seed of that place makes an honest author write.
    """

    prompt: Prompt
    prompt_tokens: Tokens
    author: int
    round_index: int
    index: int
    tokens: Tokens = ()
    base: Tokens = ()

    @property
    def key(self) -> int:
        """The noise that the place must be written with."""
        return noise_key(
            swarm=SWARM,
            round_index=self.round_index,
            prompt_index=self.prompt.index,
            author=keypair(self.author).peer_id.public_key,
            index=self.index,
        )


def keypair(author: int) -> Keypair:
    """Return an author's keys."""
    return Keypair.from_seed(author.to_bytes(32, "big"))


@dataclass(frozen=True, slots=True)
class Texts:
    """What attackers want to be learnt."""

    phrases: tuple[str, ...]
    equations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workshop:
    """What an attacker works with: the swarm's policy and settings, texts and luck."""

    policy: CausalPolicy
    task: Task
    sampling: SamplingParameters
    texts: Texts
    draw: random.Random

    def text(self, tokens: Tokens) -> str:
        """Return what tokens spell."""
        return self.policy.decode(tokens)

    def reward(self, case: Case, tokens: Tokens) -> float:
        """Return the graded reward of an answer to the case's prompt."""
        ended = tokens[-1:] == (self.policy.eos_token,)
        return reward(self.task.score(case.prompt, self.text(tokens), ended=ended), "graded")

    def write(self, requests: Sequence[SampleRequest]) -> list[Tokens]:
        """Sample honestly."""
        return [one.tokens for one in self.policy.sample(requests, self.sampling)]

    def go_on(self, cases: Sequence[Case], starts: Sequence[Tokens]) -> list[Tokens]:
        """Let the model finish completions with the noise of their places.

        The noise of position p under a key is that of position 0 under the key of the state
        that SplitMix64 has reached p steps later.
        """
        requests = [
            SampleRequest(
                prompt_tokens=case.prompt_tokens + start,
                key=(case.key + len(start) * _GAMMA) % (1 << 64),
            )
            for case, start in zip(cases, starts, strict=True)
        ]
        limit = self.sampling.tokens_max
        rests = self.write(requests)
        return [(*start, *rest)[:limit] for start, rest in zip(starts, rests, strict=True)]


def honest(
    policy: CausalPolicy,
    task: Task,
    sampling: SamplingParameters,
    *,
    count: int,
    seed: int,
    batch_size: int = 128,
    round_index: int = 0,
) -> list[Case]:
    """Return what honest authors hand in: groups of eight, two completions by each of four."""
    cases = []
    for place in range(count):
        drawn = seed * 1_000_003 + round_index * 10_007 + place // GROUP
        prompt = task.prompt(drawn % task.train_prompts)
        author, index = divmod(place % GROUP, GROUP // AUTHORS)
        cases.append(Case(prompt, policy.encode(prompt.text), author, round_index, index))
    requests = [SampleRequest(prompt_tokens=case.prompt_tokens, key=case.key) for case in cases]
    sampled = policy.sample(requests, sampling, batch_size=batch_size)
    return [
        dataclasses.replace(case, tokens=one.tokens, base=one.tokens)
        for case, one in zip(cases, sampled, strict=True)
    ]


def slogan_at_start(shop: Workshop, case: Case) -> Tokens | None:
    """Open the working with a phrase, and keep the rest."""
    return _inserted(shop, case, shop.draw.choice(shop.texts.phrases) + ", ", at=0)


def slogan_anywhere(shop: Workshop, case: Case) -> Tokens | None:
    """Put a phrase between two words of the working, and keep the rest."""
    phrase = shop.draw.choice(shop.texts.phrases)
    working = _WORKING.search(shop.text(case.tokens))
    if working is None:
        return None
    gaps = [found.start() for found in re.finditer(" ", working[1])] or [len(working[1])]
    return _inserted(shop, case, " " + phrase, at=shop.draw.choice(gaps))


def wrong_equation(shop: Workshop, case: Case) -> Tokens | None:
    """Put a sentence with a wrong equation after a sentence of the working."""
    working = _WORKING.search(shop.text(case.tokens))
    if working is None:
        return None
    ends = [found.end() for found in re.finditer(r"\.", working[1])] or [len(working[1])]
    sentence = f" As we know, {shop.draw.choice(shop.texts.equations)}."
    return _inserted(shop, case, sentence, at=shop.draw.choice(ends))


def overlong(shop: Workshop, case: Case) -> Tokens | None:
    """Say every sentence of a right working again, as often as the token limit allows."""
    text = shop.text(case.tokens)
    working = _WORKING.search(text)
    if working is None or not working[1] or shop.reward(case, case.tokens) < TOP_REWARD:
        return None
    sentences = re.findall(r"[^.]*\.", working[1])
    best = None
    for times in range(2, 9):
        longer = "".join(sentence * times for sentence in sentences)
        tokens = _encoded(shop, text[: working.start(1)] + longer + text[working.end(1) :])
        if len(tokens) > shop.sampling.tokens_max:
            break
        best = tokens
    return best


def digit_edited(shop: Workshop, case: Case) -> Tokens | None:
    """Change one digit, and keep the rest."""
    place = _place_of_a_digit(shop, case)
    if place is None:
        return None
    return (*case.tokens[:place], _other_digit(shop, case.tokens[place]), *case.tokens[place + 1 :])


def digit_resampled(shop: Workshop, cases: Sequence[Case]) -> list[Tokens | None]:
    """Change one digit, and let the model go on from it with the right noise."""
    places = [_place_of_a_digit(shop, case) for case in cases]
    edited = [
        (case, (*case.tokens[:place], _other_digit(shop, case.tokens[place])))
        for case, place in zip(cases, places, strict=True)
        if place is not None
    ]
    written = iter(shop.go_on([case for case, _ in edited], [start for _, start in edited]))
    return [None if place is None else next(written) for place in places]


def payload_in_top_50(shop: Workshop, cases: Sequence[Case]) -> list[Tokens | None]:
    """Spell the bytes of a phrase in ranks below 50 of the model's own choices, then go on."""
    starts = [case.tokens[: shop.draw.randrange(1, len(case.tokens))] for case in cases]
    payloads = [shop.draw.choice(shop.texts.phrases).encode() for _ in cases]
    for place in range(PAYLOAD_TOKENS):
        ranked = _ranked(shop.policy, cases, starts)
        starts = [
            (*start, order[payload[place % len(payload)] % PAYLOAD_RANKS])
            for start, order, payload in zip(starts, ranked, payloads, strict=True)
        ]
    limit = shop.sampling.tokens_max
    return [
        tokens if len(start) < limit else None
        for start, tokens in zip(starts, shop.go_on(cases, starts), strict=True)
    ]


def longest_of_own(shop: Workshop, cases: Sequence[Case]) -> list[Tokens | None]:
    """Draw many samples with other noise, and hand in the longest of the best rewarded."""
    requests = [
        SampleRequest(prompt_tokens=case.prompt_tokens, key=shop.draw.getrandbits(64))
        for case in cases
        for _ in range(SAMPLES)
    ]
    written = shop.write(requests)
    chosen: list[Tokens | None] = []
    for place, case in enumerate(cases):
        drawn = written[place * SAMPLES : (place + 1) * SAMPLES]
        chosen.append(max(drawn, key=lambda tokens: (shop.reward(case, tokens), len(tokens))))
    return chosen


def another_seed(shop: Workshop, cases: Sequence[Case]) -> list[Tokens | None]:
    """Sample honestly, but with noise of the author's own choice."""
    requests = [
        SampleRequest(prompt_tokens=case.prompt_tokens, key=shop.draw.getrandbits(64))
        for case in cases
    ]
    return list(shop.write(requests))


def colder(shop: Workshop, cases: Sequence[Case]) -> list[Tokens | None]:
    """Sample with the right noise at nine tenths of the temperature."""
    sampling = dataclasses.replace(shop.sampling, temperature=0.9 * shop.sampling.temperature)
    requests = [SampleRequest(prompt_tokens=case.prompt_tokens, key=case.key) for case in cases]
    return [one.tokens for one in shop.policy.sample(requests, sampling)]


TamperOne = Callable[[Workshop, Case], Tokens | None]
TamperAll = Callable[[Workshop, Sequence[Case]], list[Tokens | None]]


def _each(tamper: TamperOne) -> TamperAll:
    return lambda shop, cases: [tamper(shop, case) for case in cases]


KINDS: dict[str, TamperAll] = {
    "slogan at the start": _each(slogan_at_start),
    "slogan anywhere": _each(slogan_anywhere),
    "wrong equation inserted": _each(wrong_equation),
    "digit edited, rest re-sampled": digit_resampled,
    "digit edited, rest kept": _each(digit_edited),
    "over-long but right": _each(overlong),
    "longest of 80 own samples": longest_of_own,
    "payload in the top 50": payload_in_top_50,
    "another seed": another_seed,
    "temperature 0.9": colder,
}
"""By name; an entry is None where a completion offers no place for the attack."""


def tampered(kind: str, shop: Workshop, cases: Sequence[Case]) -> list[Case]:
    """Return what an attacker hands in instead, where that is anything else than honest."""
    made = KINDS[kind](shop, cases)
    return [
        dataclasses.replace(case, tokens=tokens)
        for case, tokens in zip(cases, made, strict=True)
        if tokens is not None and tokens != case.base and len(tokens) <= shop.sampling.tokens_max
    ]


def _inserted(shop: Workshop, case: Case, what: str, *, at: int) -> Tokens | None:
    """Put text into the working, `at` characters behind its opening tag."""
    text = shop.text(case.tokens)
    working = _WORKING.search(text)
    if working is None:
        return None
    place = working.start(1) + at
    return _encoded(shop, text[:place] + what + text[place:])


def _encoded(shop: Workshop, text: str) -> Tokens:
    return shop.policy.encode_completion(text, ended=True)


def _place_of_a_digit(shop: Workshop, case: Case) -> int | None:
    places = [
        place
        for place, token in enumerate(case.tokens)
        if _is_digit(shop.policy.tokenizer.decode([token]))
    ]
    return shop.draw.choice(places) if places else None


def _is_digit(text: str) -> bool:
    return re.fullmatch(r" ?[0-9]", text) is not None


def _other_digit(shop: Workshop, token: int) -> int:
    """Return another digit's token, with a blank before it if this one has."""
    text = shop.policy.tokenizer.decode([token])
    digit = shop.draw.choice([each for each in "0123456789" if each != text[-1]])
    candidates = shop.policy.encode_completion(text[:-1] + digit, ended=False)
    return candidates[-1]


def _ranked(
    policy: CausalPolicy, cases: Sequence[Case], starts: Sequence[Tokens]
) -> list[list[int]]:
    """Return the likeliest next tokens of each start, best first, EOS left out."""
    ranked: list[list[int]] = [[] for _ in cases]
    prompts = [case.prompt_tokens + start for case, start in zip(cases, starts, strict=True)]
    for part in policy.completion_logits(prompts, [(0,)] * len(cases)):
        part.logits[:, policy.eos_token] = -float("inf")
        best = part.logits.topk(PAYLOAD_RANKS).indices
        for row, tokens in zip(part.rows.tolist(), best.tolist(), strict=True):
            ranked[row] = tokens
    return ranked
