"""What a policy is trained on; knows nothing of who may be trusted or how it arrived."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One completion with the reward that this node gave it.

    Args:
        prompt_tokens: The prompt, as this node derived it from its own copy of the task.
        completion_tokens: The completion, with its closing EOS where it has one.
        ended: Whether it ended with EOS, rather than at the token limit.
        reward: This node's own reward; nobody's claim.
        author: The peer id (base58) of who sampled it.
        index: Its 0-based place among its author's completions of the prompt.
    """

    prompt_tokens: tuple[int, ...]
    completion_tokens: tuple[int, ...]
    ended: bool
    reward: float
    author: str
    index: int


@dataclass(frozen=True, slots=True)
class Group:
    """All rollouts of one prompt in one round: what advantages are relative to."""

    prompt_index: int
    rollouts: tuple[Rollout, ...]
