"""What a content attack is, and what it works with.

An adversary is an honest node with one small change. A content attack rewrites what the node
would honestly hand in, before it is sealed (one after the seal: `node.attacks.outgoing`). It
knows nothing of sockets, of rounds' timing or of what others will make of it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from node.payload import Payload
from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.tasks import Prompt, Task
from protocol.contribution import Completion, Contribution
from protocol.identity import PeerId
from protocol.parameters import Encoding, Parameters

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What a content attack works with in one round: the node's own model, task and place.

    Args:
        policy: The weights as they are now; an attack leaves them as they are.
        task: Prompts, their scores and, for who knows them, their solutions.
        parameters: What the swarm agreed on.
        sampling: How the swarm samples.
        swarm: The digest of the parameters, from which noise is derived.
        author: Who hands in.
        round_index: 0-based round.
        payload: What is to be learnt.
        oracle: Whether the task's solutions may be looked at.
        candidates: How many own samples to a prompt may be chosen from.
        draw: Luck, the same for the same author and round.
        batch_size: Completions sampled at a time.
    """

    policy: CausalPolicy
    task: Task
    parameters: Parameters
    sampling: SamplingParameters
    swarm: bytes
    author: PeerId
    round_index: int
    payload: Payload
    oracle: bool
    candidates: int
    draw: random.Random
    batch_size: int

    def text(self, completion: Completion) -> str:
        """Return what a completion spells."""
        return completion.text or self.policy.decode(completion.tokens)

    def tokens(self, completion: Completion) -> Tokens:
        """Return a completion's tokens, with the closing EOS."""
        if completion.tokens:
            return completion.tokens
        return self.policy.encode_completion(completion.text, ended=completion.ended)

    def completion(self, tokens: Tokens) -> Completion:
        """Return tokens, as many as the swarm allows, as a completion of it."""
        assert 0 < len(tokens) <= self.parameters.completion_tokens_max
        ended = tokens[-1] == self.policy.eos_token
        if self.parameters.encoding is Encoding.TEXT:
            return Completion(text=self.policy.decode(tokens), ended=ended)
        return Completion(tokens=tokens, ended=ended)

    def written(self, text: str) -> Completion | None:
        """Return a text as an ended completion; None where the swarm would not admit it whole."""
        tokens = self.policy.encode_completion(text, ended=True)
        too_long = len(tokens) > self.parameters.completion_tokens_max
        if too_long or len(text.encode()) > self.parameters.text_bytes_max:
            return None
        if self.parameters.encoding is Encoding.TEXT:
            return Completion(text=text, ended=True)
        return Completion(tokens=tokens, ended=True)

    def prompt(self, prompt_index: int) -> Prompt:
        """Return a training prompt."""
        return self.task.prompt(prompt_index)

    def key(self, prompt_index: int, index: int) -> int:
        """Return the noise that an author's place must be written with."""
        return noise_key(
            swarm=self.swarm,
            round_index=self.round_index,
            prompt_index=prompt_index,
            author=self.author.public_key,
            index=index,
        )

    def prompt_tokens(self, prompt_index: int) -> Tokens:
        """Return a training prompt as the policy reads it."""
        return self.policy.encode(self.task.prompt(prompt_index).text)

    def write(self, requests: Sequence[SampleRequest]) -> list[Tokens]:
        """Sample as the swarm does."""
        sampled = self.policy.sample(requests, self.sampling, batch_size=self.batch_size)
        return [one.tokens for one in sampled]

    def samples(self, prompt_indices: Sequence[int], count: int) -> list[list[Tokens]]:
        """Draw some answers to each prompt with noise of its own choice, as nobody may hand in."""
        requests = [
            SampleRequest(prompt_tokens=self.prompt_tokens(index), key=self.draw.getrandbits(64))
            for index in prompt_indices
            for _ in range(count)
        ]
        written = self.write(requests)
        return [written[at * count : (at + 1) * count] for at in range(len(prompt_indices))]


@runtime_checkable
class Attack(Protocol):
    """A content attack: rewrites what the node would honestly hand in, before it is sealed.

    One object serves one node for its whole run, and may remember.
    """

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return what is handed in for a round.

        Args:
            bench: What there is to work with.
            honest: What the node sampled as it should, one contribution a prompt.
        """
        ...
