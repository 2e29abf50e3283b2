"""The one thing peers gossip: an author's whole answer to one prompt of one round.

All completions of it travel together, so that leaving one out is visible. No reward is in
it: every receiver computes its own. Whether an answer is any good is not known here.
"""

from dataclasses import dataclass

from protocol.hashing import digest, u64
from protocol.identity import PeerId
from protocol.packing import pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a policy wrote after the prompt: token ids or text, as the swarm's encoding says.

    Args:
        tokens: In a token swarm the ids, with the closing EOS where there is one; else ().
        text: In a text swarm what was written, without EOS; else "".
        ended: Whether the policy closed it itself, rather than being cut at the token limit.
            In a token swarm exactly: the last token is EOS.
    """

    tokens: tuple[int, ...] = ()
    text: str = ""
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One author's completions of one prompt in one round.

    Args:
        author: Who sampled and signed it.
        round_index: 0-based round.
        prompt_index: 0-based place of the prompt in the task's training prompts.
        policy_digest: 32 bytes; the weights that the author says it sampled from.
        completions: All that the author owes for this prompt, in its order.
    """

    author: PeerId
    round_index: int
    prompt_index: int
    policy_digest: bytes
    completions: tuple[Completion, ...]

    def payload(self) -> bytes:
        """Return what travels: `[policy digest, [completion, ...]]` in MessagePack.

        A completion is an array of token ids, or `[text, ended]` in a text swarm.
        """
        completions = [
            list(completion.tokens) if completion.tokens else [completion.text, completion.ended]
            for completion in self.completions
        ]
        return pack([self.policy_digest, completions])

    def digest(self) -> bytes:
        """Return the 32 bytes that name this contribution, its author, round and prompt."""
        return contribution_digest(self.author, self.round_index, self.prompt_index, self.payload())

    @property
    def canonical_order(self) -> tuple[int, PeerId]:
        """The sort key of the order in which every peer trains: prompt first, then author."""
        return (self.prompt_index, self.author)


def contribution_digest(
    author: PeerId, round_index: int, prompt_index: int, payload: bytes
) -> bytes:
    """Return the digest of a contribution whose payload is still packed (32 bytes)."""
    return digest(
        "drl/contribution/1", author.public_key, u64(round_index), u64(prompt_index), payload
    )
