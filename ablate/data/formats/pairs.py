"""Pair formats of RoBERTa section 4.2: segment_pair (BERT's own) and sentence_pair, half of them with a random B.

Both walk through a document as BERT's create_instances_from_document does: take a chunk, cut it into A and B, and
with probability 1/2 replace B by text of another document and put the unused sentences back. They differ from it in
one thing. BERT makes B random whenever a chunk is a single sentence, so that more than half of the labels say random.
Here the label is always a fair draw: a single sentence whose label says "continued" takes the next sentence as B or,
at the end of its document, takes the sentence before as A. A document of one sentence, which could never be continued,
serves only as a random B.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from ablate.data.corpus import TokenStore
from ablate.data.formats.table import SentenceTable, check_length, sentence_table, sequence_keys, walk
from ablate.data.hashing import mix, uniform
from ablate.data.sequences import Sequences
from ablate.errors import UserError

_LABEL, _CUT, _SHORT, _TARGET, _DOCUMENT, _SENTENCE, _FRONT_A, _FRONT_B = range(8)  # one draw each per chunk


def segment_pair(
    store: TokenStore, documents: Int64[np.ndarray, " n"], *, length: int, seed: int, short_sequences: float = 0.0
) -> Sequences:
    """A and B are runs of sentences that fill `length` positions together (SEGMENT-PAIR; BERT).

    Sentences are gathered until they reach the target, `length` - 3 tokens, and cut at random between two of them. A
    random B starts at a random sentence of another document and runs up to the target. What is too long is taken
    from the longer of both, token by token from its front or its back at random. With probability `short_sequences`
    (BERT's code: 0.1, drawn per document; here per sequence, since there is one pass only) the target is uniform
    between 2 and `length` - 3.

    Raises:
        UserError: fewer than two documents, none with two sentences, `length` below 5, or a probability outside [0, 1].
    """
    if not 0 <= short_sequences <= 1:
        raise UserError(f"input.short_sequences={short_sequences} is not a probability: give a number from 0 to 1")
    table = _pair_table(store, documents, length=length, name="segment_pair")
    hashes = _sentence_hashes(store, documents, table, seed=seed)
    target = _targets(hashes, room=length - 3, short=short_sequences)
    reached = np.searchsorted(table.tokens, table.tokens[:-1] + target, side="left")
    chunks = _chunks(table, hashes, ends=reached, target=target)
    return _pairs(store, documents, table, chunks, room=length - 3)


def sentence_pair(store: TokenStore, documents: Int64[np.ndarray, " n"], *, length: int, seed: int) -> Sequences:
    """A and B are one natural sentence each, much shorter than `length` as a rule (SENTENCE-PAIR).

    B is the sentence after A or a random sentence of another document; a pair too long is cut as in segment_pair.

    Raises:
        UserError: fewer than two documents, none with two sentences, or `length` below 5.
    """
    table = _pair_table(store, documents, length=length, name="sentence_pair")
    hashes = _sentence_hashes(store, documents, table, seed=seed)
    sentences = np.arange(len(table.starts))
    chunks = _chunks(table, hashes, ends=sentences + 2, target=np.zeros_like(sentences))
    return _pairs(store, documents, table, chunks, room=length - 3)


@dataclass(frozen=True)
class _Chunks:
    """A is the sentences first:cut; B is cut:end unless it is random and then as long as brings both to `target`."""

    hashes: UInt64[np.ndarray, " n"]  # of the chunk's first sentence: all that is drawn for it derives from them
    first: Int64[np.ndarray, " n"]
    cut: Int64[np.ndarray, " n"]
    end: Int64[np.ndarray, " n"]
    is_random: Bool[np.ndarray, " n"]
    target: Int64[np.ndarray, " n"]  # tokens


def _pair_table(store: TokenStore, documents: Int64[np.ndarray, " n"], *, length: int, name: str) -> SentenceTable:
    check_length(length, name=name, least=5)
    table = sentence_table(store, documents)
    longest = int(np.diff(table.bounds).max(initial=0))
    if len(documents) < 2 or longest < 2:
        raise UserError(
            f"data is too small for input.format={name}: it needs two documents and one of two sentences, and found "
            f"{len(documents)} document(s) of at most {longest} sentence(s); see data.fraction and data.path"
        )
    return table


def _sentence_hashes(
    store: TokenStore, documents: Int64[np.ndarray, " n"], table: SentenceTable, *, seed: int
) -> UInt64[np.ndarray, " num_sentences"]:
    """One hash per sentence, of its document and its place in it: not of what other documents there are."""
    place = np.arange(len(table.starts)) - table.bounds[table.document]
    return mix(mix(seed, store.document_keys[documents])[table.document], place)


def _below(hashes: UInt64[np.ndarray, " n"], draw: int, count: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Uniform integers from 0 to `count` - 1."""
    return (uniform(mix(hashes, draw)) * count).astype(np.int64)


def _targets(hashes: UInt64[np.ndarray, " n"], *, room: int, short: float) -> Int64[np.ndarray, " n"]:
    full = np.full(len(hashes), room, dtype=np.int64)
    if not short:
        return full
    return np.where(uniform(mix(hashes, _SHORT)) < short, 2 + _below(hashes, _TARGET, full - 1), full)


def _chunks(
    table: SentenceTable,
    hashes: UInt64[np.ndarray, " num_sentences"],
    *,
    ends: Int64[np.ndarray, " num_sentences"],
    target: Int64[np.ndarray, " num_sentences"],
) -> _Chunks:
    """The chunk that would start at each sentence, then those that the walk through each document meets.

    `ends` says where chunks end by length; they also end with their document.
    """
    sentences = np.arange(len(hashes))
    document_end = table.bounds[table.document + 1]
    is_random = uniform(mix(hashes, _LABEL)) < 0.5
    # A continued pair needs two sentences: the next one, or the one before at the end of the document.
    end = np.minimum(np.where(is_random, ends, np.maximum(ends, sentences + 2)), document_end)
    first = np.where(~is_random & (end - sentences == 1), sentences - 1, sentences)
    cut = first + 1 + _below(hashes, _CUT, np.maximum(end - first - 1, 1))
    met = walk(np.where(is_random, cut, end))
    met = met[np.diff(table.bounds)[table.document[met]] > 1]
    return _Chunks(hashes[met], first[met], cut[met], end[met], is_random[met], target[met])


def _pairs(
    store: TokenStore, documents: Int64[np.ndarray, " n"], table: SentenceTable, chunks: _Chunks, *, room: int
) -> Sequences:
    """Resolve chunks to spans of at most `room` tokens, A and B together."""
    length_a = table.tokens[chunks.cut] - table.tokens[chunks.first]
    b, b_end = _random_segments(store, documents, table, chunks, wanted=np.maximum(chunks.target - length_a, 1))
    b = np.where(chunks.is_random, b, chunks.cut)
    b_end = np.where(chunks.is_random, b_end, chunks.end)
    length_b = table.tokens[b_end] - table.tokens[b]
    # The fixed point of BERT's truncate_seq_pair, which takes tokens off the longer one, off B when they are equal.
    kept_a = np.minimum(length_a, np.maximum(room - room // 2, room - length_b))
    kept_b = np.minimum(length_b, np.maximum(room // 2, room - length_a))
    start_a = table.starts[chunks.first] + _heads(chunks.hashes, _FRONT_A, length_a - kept_a)
    start_b = table.starts[b] + _heads(chunks.hashes, _FRONT_B, length_b - kept_b)
    starts = np.stack([start_a, start_b], axis=1).reshape(-1)
    lengths = np.stack([kept_a, kept_b], axis=1).reshape(-1).astype(np.int32)
    offsets = 2 * np.arange(len(chunks.first) + 1)
    return Sequences(
        span_starts=starts,
        span_lengths=lengths,
        offsets=offsets,
        is_random=chunks.is_random.astype(np.int8),
        keys=sequence_keys(store, starts, lengths, offsets),
    )


def _random_segments(
    store: TokenStore,
    documents: Int64[np.ndarray, " n"],
    table: SentenceTable,
    chunks: _Chunks,
    *,
    wanted: Int64[np.ndarray, " num_chunks"],
) -> tuple[Int64[np.ndarray, " num_chunks"], Int64[np.ndarray, " num_chunks"]]:
    """Sentences first:end of another document for each chunk: up to `wanted` tokens or the document's end.

    As in BERT the document is uniform over documents, whatever their lengths, and the first sentence over its own.
    """
    by_key = np.argsort(store.document_keys[documents])  # so that the draw does not hang on the documents' order
    place = np.argsort(by_key)
    own = place[table.document[chunks.first]]
    other = _below(chunks.hashes, _DOCUMENT, np.full_like(own, len(documents) - 1))
    document = by_key[other + (other >= own)]
    first = table.bounds[document] + _below(chunks.hashes, _SENTENCE, np.diff(table.bounds)[document])
    end = np.searchsorted(table.tokens, table.tokens[first] + wanted, side="left")
    return first, np.minimum(end, table.bounds[document + 1])


def _heads(hashes: UInt64[np.ndarray, " n"], draw: int, tosses: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """How many of `tosses` fair coins show heads: the tokens that truncation takes from the front."""
    heads = np.zeros_like(tosses)
    rows, word = np.flatnonzero(tosses), 0
    while len(rows):
        bits = np.minimum(tosses[rows] - 64 * word, 64).astype(np.uint64)
        coins = mix(hashes[rows], draw, word) >> (np.uint64(64) - bits)  # 1 <= bits <= 64
        heads[rows] += np.bitwise_count(coins)
        word += 1
        rows = rows[tosses[rows] > 64 * word]
    return heads
