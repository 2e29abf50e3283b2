"""Hashes and signing bytes: no two meanings share one string of bytes.

A domain keeps purposes apart, lengths before the fields keep fields apart. What is hashed
is not known here.
"""

import hashlib


def u64(number: int) -> bytes:
    """Return a non-negative integer as 8 bytes, big-endian."""
    return number.to_bytes(8, "big")


def length_prefixed(domain: str, *fields: bytes) -> bytes:
    """Join a domain and fields, each behind its length as 4 bytes, big-endian.

    Args:
        domain: What the bytes are for, e.g. ``"drl/envelope/1"``.
        fields: The fields in their documented order, each shorter than 4 GiB.

    Example:
        >>> length_prefixed("ab", b"c").hex()
        '0000000261620000000163'
    """
    raw = (domain.encode(), *fields)
    return b"".join(part for field in raw for part in (len(field).to_bytes(4, "big"), field))


def digest(domain: str, *fields: bytes) -> bytes:
    """Return the SHA-256 (32 bytes) of the length-prefixed domain and fields."""
    return hashlib.sha256(length_prefixed(domain, *fields)).digest()
