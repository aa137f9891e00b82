"""What the formats share: the sentences of the chosen documents as one table, walks over it, and sequence keys."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from ablate.data.corpus import TokenStore
from ablate.data.hashing import mix
from ablate.data.ranges import ranges
from ablate.errors import UserError


@dataclass(frozen=True)
class SentenceTable:
    """The sentences of the chosen documents, document after document in the chosen order."""

    starts: Int64[np.ndarray, " num_sentences"]  # token offset in the store
    tokens: Int64[np.ndarray, " num_sentences_plus_1"]  # tokens in the table before each sentence, and in all
    document: Int64[np.ndarray, " num_sentences"]  # place of the sentence's document in the chosen order
    bounds: Int64[np.ndarray, " num_documents_plus_1"]  # sentence at which each document starts, and the end


def sentence_table(store: TokenStore, documents: Int64[np.ndarray, " n"]) -> SentenceTable:
    """Look up the sentences of `documents` (indices into the store), keeping their order."""
    counts = store.documents[documents + 1] - store.documents[documents]
    sentences = ranges(store.documents[documents], counts)
    starts = store.sentences[sentences]
    return SentenceTable(
        starts=starts,
        tokens=_bounds(store.sentences[sentences + 1] - starts),
        document=np.repeat(np.arange(len(documents)), counts),
        bounds=_bounds(counts),
    )


def _bounds(counts: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n_plus_1"]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def walk(following: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " steps"]:
    """0, following[0], following[following[0]], ... while it stays below n; `following[i] > i`."""
    steps, here, jumps = [], 0, following.tolist()
    while here < len(jumps):
        steps.append(here)
        here = jumps[here]
    return np.array(steps, dtype=np.int64)


def sequence_keys(
    store: TokenStore,
    starts: Int64[np.ndarray, " num_spans"],
    lengths: Int32[np.ndarray, " num_spans"],
    offsets: Int64[np.ndarray, " num_sequences_plus_1"],
) -> UInt64[np.ndarray, " num_sequences"]:
    """A key per sequence from its spans' documents, places in them and lengths: the same whatever else is chosen."""
    document_tokens = store.document_tokens()
    document = np.searchsorted(document_tokens, starts, side="right") - 1
    spans = mix(store.document_keys[document], starts - document_tokens[document], lengths)
    keys = spans[offsets[:-1]]
    counts = np.diff(offsets)
    for place in range(1, int(counts.max(initial=0))):
        rows = np.flatnonzero(counts > place)
        keys[rows] = mix(keys[rows], spans[offsets[rows] + place])
    return keys


def check_length(length: int, *, name: str, least: int) -> None:
    """Raises UserError when `length` (positions, specials included) cannot hold one sequence of the format."""
    if length < least:
        raise UserError(f"input.length={length} is too short for input.format={name}: it needs at least {least}")
