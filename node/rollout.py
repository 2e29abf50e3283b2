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
        credit: One for each completion token, false where it must not be learnt from; () is all.
        weight: What its tokens count in the loss, in 0..1.
        bound: Whether its author's share of a step's praise is bounded: where nothing proves
            that the completion is what an honest node would have written.
        old_logprobs: Of its tokens, in nats, under this node's weights at the start of the
            round, where somebody has read them already; () where not.
    """

    prompt_tokens: tuple[int, ...]
    completion_tokens: tuple[int, ...]
    ended: bool
    reward: float
    author: str
    index: int
    credit: tuple[bool, ...] = ()
    weight: float = 1.0
    bound: bool = False
    old_logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """All rollouts of one prompt in one round: what advantages are relative to."""

    prompt_index: int
    rollouts: tuple[Rollout, ...]
