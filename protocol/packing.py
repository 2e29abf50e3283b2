"""MessagePack with every limit set: the only module that imports msgpack.

Knows types and limits, not what the fields mean.
"""

from typing import Any

import msgpack


def pack(value: object) -> bytes:
    """Return the one canonical encoding: the shortest form of every integer, string and array."""
    return bytes(msgpack.packb(value, use_bin_type=True))


def unpack(data: bytes, *, array_max: int, bin_max: int, str_max: int) -> Any:
    """Decode one value of arrays, integers, booleans, byte and UTF-8 strings.

    Maps and extensions (timestamps among them) are refused unless empty, which no schema of
    ours accepts either. The caller bounds the length of the input itself, and with it the
    memory: an element takes at least one byte.

    Args:
        data: The whole encoding; trailing bytes are refused.
        array_max: Most elements of any one array.
        bin_max: Most bytes of any one byte string.
        str_max: Most bytes of any one UTF-8 string.

    Raises:
        ValueError: For whatever the decoder raised.
    """
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            use_list=True,
            strict_map_key=True,
            timestamp=0,
            unicode_errors="strict",
            max_array_len=array_max,
            max_bin_len=bin_max,
            max_str_len=str_max,
            max_map_len=0,
            max_ext_len=0,
        )
    except Exception as error:  # hostile bytes: a decoder may raise anything
        raise ValueError(f"{type(error).__name__}: {str(error)[:100]}") from error


def is_count(value: object, *, most: int) -> bool:
    """Tell whether a decoded value is an integer in 0..most; booleans are none."""
    return type(value) is int and 0 <= value <= most


def is_bytes(value: object, *, length: int) -> bool:
    """Tell whether a decoded value is a byte string of exactly this length."""
    return type(value) is bytes and len(value) == length
