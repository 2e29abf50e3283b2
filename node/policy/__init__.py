"""A model that writes completions which others can replay, and says how likely they were."""

from node.policy.causal_lm import CausalPolicy, CompletionLogits
from node.policy.noise import gumbel, key_tensor, noise_key
from node.policy.sampling import Candidates, SamplingParameters, candidates, choose
from node.policy.writing import Sampled, SampleRequest

__all__ = [
    "Candidates",
    "CausalPolicy",
    "CompletionLogits",
    "SampleRequest",
    "Sampled",
    "SamplingParameters",
    "candidates",
    "choose",
    "gumbel",
    "key_tensor",
    "noise_key",
]
