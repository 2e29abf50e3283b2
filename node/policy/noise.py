"""The randomness of sampling, as a pure function that any peer can compute again.

It knows tokens and positions, not models: a verifier that holds nobody's random generator
still finds the very number that an author had to add to one token's score.

The value of one token, with every step, so that another implementation can be written:

1.  ``key``: the first 8 bytes, big-endian, of BLAKE2b (digest size 8) over the concatenation
    of these fields, each preceded by its length as 4 bytes, big-endian: the ASCII bytes
    ``drl-node/noise/1``, the swarm's digest, the round, the prompt, the author's bytes, the
    index. The three numbers are written as 8 bytes, big-endian, unsigned.
2.  ``next(state, n)``, the n-th (0-based) output of SplitMix64 seeded with ``state``, in
    arithmetic modulo 2**64: ``z = state + (n + 1) * 0x9E3779B97F4A7C15``;
    ``z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9``; ``z = (z ^ (z >> 27)) * 0x94D049BB133111EB``;
    ``z ^ (z >> 31)``. Shifts are logical.
3.  ``bits = next(next(key, position), token)``, where position 0 is the completion's first
    token: where the prompt ends does not matter.
4.  ``u = (floor(bits / 2**12) + 0.5) / 2**52``, exact in float64: between 0 and 1, never either.
5.  ``-log(-log(u))`` in float64, rounded to float32. The logarithms of two mathematics
    libraries may differ in float64's last bit, which that rounding almost always hides.

Shapes: B completions, K tokens of interest at one position of each.
"""

import hashlib
import itertools

import torch
from torch import Tensor

_DOMAIN = b"drl-node/noise/1"
_GAMMA = 0x9E3779B97F4A7C15
_MIX_FIRST = 0xBF58476D1CE4E5B9
_MIX_SECOND = 0x94D049BB133111EB
_MODULUS = 1 << 64
_SIGN = 1 << 63


def noise_key(
    *, swarm: bytes, round_index: int, prompt_index: int, author: bytes, index: int
) -> int:
    """Return the 64-bit key of one completion's noise.

    Args:
        swarm: The digest of the swarm's parameters.
        round_index: 0-based round.
        prompt_index: 0-based prompt of the task.
        author: The bytes that name who samples.
        index: 0-based place among the author's completions of the prompt.

    Returns:
        An unsigned number below 2**64; other arguments give an unrelated one.
    """
    numbers = (round_index, prompt_index, index)
    round_bytes, prompt_bytes, index_bytes = (n.to_bytes(8, "big") for n in numbers)
    fields = (_DOMAIN, swarm, round_bytes, prompt_bytes, author, index_bytes)
    framed = itertools.chain.from_iterable((len(f).to_bytes(4, "big"), f) for f in fields)
    return int.from_bytes(hashlib.blake2b(b"".join(framed), digest_size=8).digest(), "big")


def key_tensor(keys: list[int], device: torch.device) -> Tensor:
    """Return unsigned 64-bit keys as the (B,) int64 tensor that holds the same bits."""
    return torch.tensor([_signed(key) for key in keys], dtype=torch.int64, device=device)


def gumbel(keys: Tensor, positions: Tensor, tokens: Tensor) -> Tensor:
    """Return the standard Gumbel noise of some tokens, each at its completion's position.

    Args:
        keys: (B,) int64, the keys' bits (see `key_tensor`).
        positions: (B,) int64, 0-based positions within the completions.
        tokens: (B, K) int64 token ids, on a device that has float64 (MPS does not).

    Returns:
        (B, K) float32. An entry depends on its key, position and token id, and on nothing
        else: not on B or K, on the other entries, on the device or on what was asked before.
    """
    states = _splitmix(keys, positions)
    bits = _splitmix(states[:, None], tokens)
    return _gumbel_of(bits)


def _gumbel_of(bits: Tensor) -> Tensor:
    # With a 53rd bit the half would be rounded away, and the largest value be infinite.
    uniform = _shift_right(bits, 12).to(torch.float64).add_(0.5).mul_(2.0**-52)
    return uniform.log_().neg_().log_().neg_().to(torch.float32)


def _splitmix(states: Tensor, places: Tensor) -> Tensor:
    z = (places + 1) * _signed(_GAMMA) + states
    z = (z ^ _shift_right(z, 30)) * _signed(_MIX_FIRST)
    z = (z ^ _shift_right(z, 27)) * _signed(_MIX_SECOND)
    return z ^ _shift_right(z, 31)


def _shift_right(z: Tensor, bits: int) -> Tensor:
    """Shift logically: torch has no unsigned 64-bit shift, so the copied signs are masked."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    """Return the signed 64-bit number of the same bits; torch's int64 wraps as modulo 2**64."""
    return (value + _SIGN) % _MODULUS - _SIGN
