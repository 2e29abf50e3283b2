"""What is verified: one completion, with all that a stage may ask about it.

The whole of a round is one sequence of these in the canonical order. Every field but
`policy_digest` is this node's own finding or was proven at admission; that one is a claim.
"""

from dataclasses import dataclass

from node.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One completion as it came from its author.

    Args:
        author: The peer id (base58) of who signed it.
        round_index: 0-based round.
        prompt_index: 0-based prompt of the task.
        index: Its 0-based place among its author's completions of the prompt.
        prompt: The prompt's text, by this node's own copy of the task.
        text: The completion's text, without EOS.
        tokens: Its token ids, with the closing EOS; in a text swarm by this node's tokenizer.
        ended: Whether its author closed it, rather than was cut at the token limit.
        reward: This node's own reward.
        prompt_tokens: The prompt's token ids; () where no stage of the node needs them.
        policy_digest: 32 bytes, the weights that its author says it sampled from; b"" if unsaid.
    """

    author: str
    round_index: int
    prompt_index: int
    index: int
    prompt: str
    text: str
    tokens: tuple[int, ...]
    ended: bool
    reward: float
    prompt_tokens: tuple[int, ...] = ()
    policy_digest: bytes = b""

    @property
    def group(self) -> tuple[int, int]:
        """Round and prompt: what advantages are relative to."""
        return self.round_index, self.prompt_index

    @property
    def contribution(self) -> tuple[int, int, str]:
        """Round, prompt and author: what travels, and is complete or not, as one."""
        return self.round_index, self.prompt_index, self.author


@dataclass(frozen=True, slots=True)
class Judged:
    """A completion with what was said about it.

    Args:
        item: The completion.
        verdict: The one that decides: the severest refusal (of equals, one that names a place),
            else the first that could not decide, else the last acceptance.
        verdicts: All that were given, in the order of the stages.
    """

    item: Submission
    verdict: Verdict
    verdicts: tuple[Verdict, ...]
