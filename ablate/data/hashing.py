"""Counter-based randomness: every random choice about data is a pure function of what it is about.

Streams are independent of call order, worker count and resumes because nothing is drawn in sequence: a choice is
`uniform(mix(stream(seed, "masks"), copy, sequence, position))`.
"""

import hashlib

import numpy as np
from jaxtyping import Float64, UInt64

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)


def _splitmix64(x: UInt64[np.ndarray, "..."]) -> UInt64[np.ndarray, "..."]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection on 64 bits with full avalanche."""
    x = x + _INCREMENT
    x = (x ^ (x >> np.uint64(30))) * _MULTIPLY_1
    x = (x ^ (x >> np.uint64(27))) * _MULTIPLY_2
    return np.asarray(x ^ (x >> np.uint64(31)))


def mix(*parts: int | np.ndarray) -> UInt64[np.ndarray, "..."]:
    """Hash integers, broadcast against each other, to one uint64 per element (0-d for scalars); order matters."""
    with np.errstate(over="ignore"):
        state = np.zeros((), dtype=np.uint64)
        for part in parts:
            value = np.asarray(part if isinstance(part, np.ndarray) else part & 0xFFFFFFFFFFFFFFFF)
            state = np.asarray(_splitmix64(np.asarray(state ^ _splitmix64(np.asarray(value.astype(np.uint64))))))
        return state


def key_of(text: str) -> int:
    """A stable 64-bit key of a string, such as a document's id."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def stream(seed: int, name: str, *, replicate: int = 0) -> int:
    """The 64-bit key of one named stream of a seed (design: initialisation, order, pairs, masks, dropout, ...)."""
    return int(mix(key_of(name), seed, replicate))


def uniform(hashed: UInt64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Map hashes to [0, 1) with 53 random bits."""
    return np.asarray((hashed >> np.uint64(11)).astype(np.float64) * 2.0**-53)
