"""Masking for masked language modelling: a pure function of seed, copy, sequence and position."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from ablate.data.hashing import mix, uniform
from ablate.data.vocabulary import Vocabulary
from ablate.errors import UserError

_ACTION, _TOKEN = range(2)


@dataclass(frozen=True)
class Masked:
    """Inputs with masks in place, and what is to be predicted where."""

    input_ids: Int64[np.ndarray, "n width"]
    positions: Int64[np.ndarray, " num_masked"]  # flat indices into n * width, ascending
    labels: Int64[np.ndarray, " num_masked"]  # the ids that stood there


@runtime_checkable
class Masking(Protocol):
    """What Batches needs of a masking: a pure function of its arguments in which each row depends on itself only."""

    def __call__(
        self,
        ids: Int64[np.ndarray, "n width"],
        maskable: Bool[np.ndarray, "n width"],
        keys: UInt64[np.ndarray, " n"],
        epochs: Int64[np.ndarray, " n"],
        *,
        seed: int,
        vocabulary: Vocabulary,
    ) -> Masked:
        """Mask a batch; `keys` are the sequences' keys and `seed` the key of the mask stream."""
        ...


@dataclass(frozen=True, kw_only=True)
class TokenMasking:
    """BERT's masking: of the chosen positions, `mask_share` become [MASK], `random_share` a random token, others stay.

    A row of c maskable positions has k = round(rate * c) of them chosen (half to even, as Python and BERT's code do),
    at least one: those with the k smallest hashes of (seed, copy, key, position). A row's result hangs on nothing else:
    not on padding, batch, order or workers. The copy is the epoch (dynamic, RoBERTa) or `epoch % copies` (static; BERT
    had 10), so that both are the same for the first `copies` epochs. A random token is uniform over those not special.

    With `whole_word` (BERT's whole-word models) the words of a row, ranked by the hash of their first position, are
    taken in that order where they still fit, k positions at most; each position then has its own draw of mask, random
    token or itself. If no word fits, the first k positions of the best-ranked one are taken. A word starts where a
    token does not continue one, and at the start of a segment.

    Raises:
        UserError: a rate or share that is none, shares that exceed 1 together, or fewer than one copy.
    """

    rate: float = 0.15
    copies: int | None = None
    mask_share: float = 0.8
    random_share: float = 0.1
    whole_word: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise UserError(f"masking.rate={self.rate} is not a share of positions: give a number above 0, at most 1")
        for name, share in [("mask_share", self.mask_share), ("random_share", self.random_share)]:
            if not 0 <= share <= 1:
                raise UserError(f"masking.{name}={share} is not a share: give a number from 0 to 1")
        if self.mask_share + self.random_share > 1 + 1e-9:  # 0.7 + 0.3 may be a bit off 1
            raise UserError(
                f"masking.mask_share={self.mask_share} and masking.random_share={self.random_share} exceed 1 together"
            )
        if self.copies is not None and self.copies < 1:
            raise UserError(f"masking.copies={self.copies} is no number of copies: give 1 or more, or null for dynamic")

    def __call__(
        self,
        ids: Int64[np.ndarray, "n width"],
        maskable: Bool[np.ndarray, "n width"],
        keys: UInt64[np.ndarray, " n"],
        epochs: Int64[np.ndarray, " n"],
        *,
        seed: int,
        vocabulary: Vocabulary,
    ) -> Masked:
        """Mask a batch; `keys` are the sequences' keys and `seed` the key of the mask stream."""
        copy = epochs if self.copies is None else epochs % self.copies
        hashes = mix(seed, copy[:, None], keys[:, None], np.arange(ids.shape[1]))
        budget = num_masked(maskable, rate=self.rate)
        if self.whole_word:
            chosen = _whole_words(hashes, maskable, ~vocabulary.continues[ids], budget)
        else:
            chosen = _smallest(hashes, maskable, budget)
        positions = np.flatnonzero(chosen)
        labels = ids.reshape(-1)[positions]
        replaced = self._replace(labels, hashes.reshape(-1)[positions], vocabulary)
        input_ids = ids.copy()
        input_ids.reshape(-1)[positions] = replaced
        return Masked(input_ids, positions, labels)

    def _replace(
        self, labels: Int64[np.ndarray, " m"], hashes: UInt64[np.ndarray, " m"], vocabulary: Vocabulary
    ) -> Int64[np.ndarray, " m"]:
        action = uniform(mix(hashes, _ACTION))
        replaced = np.where(action < self.mask_share, vocabulary.mask, labels)
        random = (action >= self.mask_share) & (action < self.mask_share + self.random_share)
        ordinary = np.flatnonzero(~vocabulary.special)
        replaced[random] = ordinary[(uniform(mix(hashes[random], _TOKEN)) * len(ordinary)).astype(np.int64)]
        return replaced


def num_masked(maskable: Bool[np.ndarray, "n width"], *, rate: float) -> Int64[np.ndarray, " n"]:
    """Positions to choose per row: round(rate * maskable), half to even, at least one where any is maskable."""
    counts = maskable.sum(axis=1)
    return np.minimum(np.maximum(np.rint(rate * counts).astype(np.int64), 1), counts)


def _smallest(
    hashes: UInt64[np.ndarray, "n width"], maskable: Bool[np.ndarray, "n width"], budget: Int64[np.ndarray, " n"]
) -> Bool[np.ndarray, "n width"]:
    """Per row, the `budget` maskable positions of the smallest hashes (which never tie within a row)."""
    ranked = np.sort(np.where(maskable, hashes, np.iinfo(np.uint64).max), axis=1)
    largest = ranked[np.arange(len(ranked)), np.maximum(budget, 1) - 1]
    return maskable & (hashes <= largest[:, None])


def _whole_words(
    hashes: UInt64[np.ndarray, "n width"],
    maskable: Bool[np.ndarray, "n width"],
    starts_word: Bool[np.ndarray, "n width"],
    budget: Int64[np.ndarray, " n"],
) -> Bool[np.ndarray, "n width"]:
    """Whole words in order of their hashes while they fit the row's budget; see TokenMasking."""
    after_gap = np.ones_like(maskable)
    after_gap[:, 1:] = ~maskable[:, :-1]
    first = maskable & (starts_word | after_gap)
    word = np.cumsum(first.reshape(-1)) - 1  # number of the word that a maskable position belongs to
    flat = np.flatnonzero(maskable)
    lengths = np.zeros(maskable.size, dtype=np.int64)
    lengths[np.flatnonzero(first)] = np.bincount(word[flat], minlength=int(first.sum()))
    taken = _greedy(hashes, first, lengths.reshape(maskable.shape), budget)
    start = np.flatnonzero(first)[word[flat]]  # of each maskable position's word
    chosen = np.zeros(maskable.size, dtype=bool)
    chosen[flat] = flat - start < taken.reshape(-1)[start]
    return chosen.reshape(maskable.shape)


def _greedy(
    hashes: UInt64[np.ndarray, "n width"],
    first: Bool[np.ndarray, "n width"],
    lengths: Int64[np.ndarray, "n width"],
    budget: Int64[np.ndarray, " n"],
) -> Int64[np.ndarray, "n width"]:
    """How many positions of the word that starts at each position are taken; all rows at once, rank by rank."""
    rows = np.arange(len(hashes))
    order = np.argsort(np.where(first, hashes, np.iinfo(np.uint64).max), axis=1)
    ranked = lengths[rows[:, None], order]  # 0 after a row's last word
    taken = np.zeros_like(lengths)
    left = budget.copy()
    for rank in range(int(first.sum(axis=1).max(initial=0))):
        take = np.where(ranked[:, rank] <= left, ranked[:, rank], 0)
        taken[rows, order[:, rank]] += take
        left -= take
        if not left.any():
            break
    none = np.flatnonzero((left == budget) & (budget > 0))
    taken[none, order[none, 0]] = budget[none]
    return taken
