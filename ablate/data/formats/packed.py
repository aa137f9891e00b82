"""Packed formats of RoBERTa section 4.2: full_sentences (across documents) and doc_sentences (within them)."""

import numpy as np
from jaxtyping import Int64

from ablate.data.corpus import TokenStore
from ablate.data.formats.table import SentenceTable, check_length, sentence_table, sequence_keys, walk
from ablate.data.ranges import ranges
from ablate.data.sequences import Sequences
from ablate.errors import UserError


def full_sentences(
    store: TokenStore,
    documents: Int64[np.ndarray, " n"],
    *,
    length: int,
    seed: int,  # noqa: ARG001 - all formats are called alike; packing has nothing to draw
) -> Sequences:
    """Contiguous full sentences, up to `length` positions, across documents with a [SEP] between (FULL-SENTENCES).

    A sentence that does not fit the rest of a sequence starts the next one. Only a sentence longer than a whole
    sequence is cut: at the sequence's end, and its rest goes on in the next. No token is lost or repeated.

    Raises:
        UserError: no documents, or `length` below 3.
    """
    return _pack(store, documents, length=length, cross=True, name="full_sentences")


def doc_sentences(
    store: TokenStore,
    documents: Int64[np.ndarray, " n"],
    *,
    length: int,
    seed: int,  # noqa: ARG001 - all formats are called alike; packing has nothing to draw
) -> Sequences:
    """As full_sentences, but a sequence ends with its document, so the last ones are shorter (DOC-SENTENCES).

    Raises:
        UserError: no documents, or `length` below 3.
    """
    return _pack(store, documents, length=length, cross=False, name="doc_sentences")


def _pack(store: TokenStore, documents: Int64[np.ndarray, " n"], *, length: int, cross: bool, name: str) -> Sequences:
    check_length(length, name=name, least=3)
    if not len(documents):
        raise UserError(f"input.format={name} found no training document in data: see data.fraction and data.path")
    pieces = _pieces(sentence_table(store, documents), room=length - 2)
    first = walk(_sequence_ends(pieces, length=length, cross=cross))
    spans = np.union1d(first, pieces.bounds[:-1])  # a span starts with each sequence and with each document
    ends = np.append(spans[1:], len(pieces.starts))
    starts = pieces.starts[spans]
    lengths = (pieces.tokens[ends] - pieces.tokens[spans]).astype(np.int32)
    offsets = np.append(np.searchsorted(spans, first), len(spans))
    return Sequences(
        span_starts=starts,
        span_lengths=lengths,
        offsets=offsets,
        is_random=np.full(len(first), -1, dtype=np.int8),
        keys=sequence_keys(store, starts, lengths, offsets),
    )


def _pieces(table: SentenceTable, *, room: int) -> SentenceTable:
    """The table with sentences of more than `room` tokens cut into pieces of `room` and a rest."""
    lengths = np.diff(table.tokens)
    counts = -(-lengths // room)
    inside = room * ranges(np.zeros_like(counts), counts)  # tokens of the sentence before the piece
    before = np.repeat(table.tokens[:-1], counts) + inside
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return SentenceTable(
        starts=np.repeat(table.starts, counts) + inside,
        tokens=np.append(before, table.tokens[-1]),
        document=np.repeat(table.document, counts),
        bounds=first[table.bounds],
    )


def _sequence_ends(pieces: SentenceTable, *, length: int, cross: bool) -> Int64[np.ndarray, " num_pieces"]:
    """For each piece: where a sequence that starts with it ends (the piece after its last)."""
    # A sequence of pieces s..j has 2 + tokens[j + 1] - tokens[s] + document[j] - document[s] positions:
    # [CLS], the tokens, and one [SEP] for each document it touches.
    used = pieces.tokens[1:] + pieces.document
    ends = np.searchsorted(used, length - 2 + pieces.tokens[:-1] + pieces.document, side="right")
    return ends if cross else np.minimum(ends, pieces.bounds[pieces.document + 1])
