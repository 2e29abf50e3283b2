"""Who signs: Ed25519 keys, and the peer ids that libp2p derives from them.

Knows nothing of files; where a seed is kept is the daemon's affair.
"""

from dataclasses import dataclass
from functools import lru_cache

import base58
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

PUBLIC_KEY_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64

MULTIHASH_PREFIX = bytes.fromhex("002408011220")
"""Identity multihash (00) of 36 bytes (24): protobuf key type Ed25519 (08 01), 32 bytes (12 20)."""

_TEXT_LENGTH_MAX = 64  # 38 bytes take 52 characters; longer text is not worth decoding


@lru_cache(maxsize=1024)  # logs print the same few authors again and again
def _base58(raw: bytes) -> str:
    return str(base58.b58encode(raw).decode("ascii"))


@dataclass(frozen=True, slots=True, order=True)
class PeerId:
    """An Ed25519 public key, in libp2p's clothes; ordered by its bytes.

    Args:
        public_key: 32 bytes.

    Raises:
        ValueError: If the key is not 32 bytes.
    """

    public_key: bytes

    def __post_init__(self) -> None:
        if len(self.public_key) != PUBLIC_KEY_BYTES:
            raise ValueError(f"a public key is {PUBLIC_KEY_BYTES} bytes, got {self.public_key!r}")

    @classmethod
    def parse(cls, text: str) -> "PeerId":
        """Return the peer id written as base58 (``12D3KooW...``).

        Raises:
            ValueError: If the text is no Ed25519 peer id.
        """
        if len(text) > _TEXT_LENGTH_MAX or not text.isascii():
            raise ValueError(f"not a peer id: {text[:_TEXT_LENGTH_MAX]!r}")
        return cls.from_bytes(base58.b58decode(text))

    @classmethod
    def from_bytes(cls, raw: bytes) -> "PeerId":
        """Return the peer id of libp2p's 38 bytes.

        Raises:
            ValueError: If they are no identity multihash of an Ed25519 key.
        """
        prefix, key = raw[: len(MULTIHASH_PREFIX)], raw[len(MULTIHASH_PREFIX) :]
        if prefix != MULTIHASH_PREFIX or len(key) != PUBLIC_KEY_BYTES:
            raise ValueError(f"not an Ed25519 peer id: {raw[:64].hex()}")
        return cls(key)

    def to_bytes(self) -> bytes:
        """Return libp2p's 38 bytes: the identity multihash of the key."""
        return MULTIHASH_PREFIX + self.public_key

    @property
    def short(self) -> str:
        """The last 8 characters of the text, for displays; the first are alike for all."""
        return str(self)[-8:]

    def __str__(self) -> str:
        return _base58(self.to_bytes())


class Keypair:
    """An Ed25519 key pair that signs; its seed never shows in `repr`.

    Args:
        signing_key: PyNaCl's key. Use `from_seed` or `generate`.
    """

    __slots__ = ("_signing_key", "peer_id")

    def __init__(self, signing_key: SigningKey) -> None:
        self._signing_key = signing_key
        self.peer_id = PeerId(bytes(signing_key.verify_key))

    @classmethod
    def from_seed(cls, seed: bytes) -> "Keypair":
        """Return the key pair of a 32-byte seed (RFC 8032's private key).

        Raises:
            ValueError: If the seed is not 32 bytes.
        """
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed is {SEED_BYTES} bytes, got {len(seed)}")
        return cls(SigningKey(seed))

    @classmethod
    def generate(cls) -> "Keypair":
        """Return a new key pair from the operating system's randomness."""
        return cls(SigningKey.generate())

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes; whoever has them is this peer."""
        return bytes(self._signing_key)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of a message."""
        return bytes(self._signing_key.sign(message).signature)

    def __repr__(self) -> str:
        return f"Keypair({self.peer_id})"


def verify(author: PeerId, message: bytes, signature: bytes) -> bool:
    """Tell whether the author signed the message.

    libsodium's rules hold: S below the group's order, no key or point of small order, the
    cofactorless equation of RFC 8032.
    """
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        VerifyKey(author.public_key).verify(message, signature)
    except BadSignatureError:
        return False
    return True
