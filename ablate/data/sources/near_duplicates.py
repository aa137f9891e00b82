"""Repeated text: dropping it, and keeping documents that share text on one side of the split."""

import re

import numpy as np
from jaxtyping import Bool, Int64, UInt64
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ablate.data.hashing import key_of, mix, stream, uniform

SHINGLE = 8  # words in a row that count as shared text
_WORD = re.compile(r"\w+")

Paragraphs = list[list[str]]  # the paragraphs of a document, each as its sentences


def words_of(text: str) -> list[str]:
    """Words as shingles see them: lower case, no punctuation."""
    return _WORD.findall(text.lower())


def shingles(texts: list[str]) -> tuple[UInt64[np.ndarray, " num_shingles"], Int64[np.ndarray, " num_shingles"]]:
    """Hashes of all runs of `SHINGLE` words inside a text, in order, and the index of the text each is in."""
    vocabulary: dict[str, int] = {}
    words: list[int] = []
    counts = np.zeros(len(texts), dtype=np.int64)
    for index, text in enumerate(texts):
        found = words_of(text)
        counts[index] = len(found)
        words.extend(vocabulary.setdefault(word, len(vocabulary)) for word in found)
    size = max(len(words) - SHINGLE + 1, 0)
    ids = np.array(words, dtype=np.uint64)
    owners = np.repeat(np.arange(len(texts), dtype=np.int64), counts)
    inside = owners[:size] == owners[len(words) - size :]  # the window's first and last word are of one text
    hashes = mix(*(ids[shift : shift + size] for shift in range(SHINGLE)))
    return hashes[inside], owners[:size][inside]


def without_repeats(documents: list[Paragraphs], *, repeated_share: float = 0.9) -> list[Paragraphs]:
    """Drop paragraphs that an earlier one equals word for word, then sentences that are mostly repeats.

    A sentence goes when at least `repeated_share` of its shingles occur in earlier sentences; the first copy stays.
    """
    seen: set[str] = set()
    distinct = [[p for p in paragraphs if _is_new(" ".join(p), seen)] for paragraphs in documents]
    sentences = [sentence for paragraphs in distinct for paragraph in paragraphs for sentence in paragraph]
    keep = iter(_repeated_share(sentences) < repeated_share)
    kept = [[[s for s in paragraph if next(keep)] for paragraph in paragraphs] for paragraphs in distinct]
    return [[paragraph for paragraph in paragraphs if paragraph] for paragraphs in kept]


def _is_new(text: str, seen: set[str]) -> bool:
    key = " ".join(words_of(text))
    if key in seen:
        return False
    seen.add(key)
    return True


def _repeated_share(texts: list[str]) -> np.ndarray:
    """(num_texts,) share of a text's shingles that occur in earlier texts; 0 for texts shorter than a shingle."""
    hashes, owners = shingles(texts)
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    repeated = np.bincount(owners, weights=owners[first][inverse] < owners, minlength=len(texts))
    return np.asarray(repeated / np.maximum(np.bincount(owners, minlength=len(texts)), 1))


def clusters(texts: list[str]) -> Int64[np.ndarray, " num_texts"]:
    """A label per text: texts have the same one if a chain of shared shingles links them."""
    hashes, owners = shingles(texts)
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    edges = (np.ones(len(owners), dtype=np.int8), (owners[first][inverse], owners))
    size = len(texts)
    _, labels = connected_components(coo_matrix(edges, shape=(size, size)), directed=False)
    return np.asarray(labels, dtype=np.int64)


def held_out(
    ids: list[str], *, sizes: Int64[np.ndarray, " num_texts"], labels: Int64[np.ndarray, " num_texts"], fraction: float
) -> Bool[np.ndarray, " num_texts"]:
    """Which texts to hold out: whole clusters, in the order of a hash, up to `fraction` of the characters.

    A cluster above a tenth of that is never held out: half the corpus may hang together, and a held-out side that is
    one big cluster would say little.
    """
    cluster_sizes = np.bincount(labels, weights=sizes)
    target = fraction * cluster_sizes.sum()
    keys = np.full(len(cluster_sizes), "", dtype=object)
    for label, name in zip(labels.tolist(), ids, strict=True):
        keys[label] = min(keys[label], name) if keys[label] else name
    hashed = np.array([key_of(key) for key in keys], dtype=np.uint64)
    order = np.argsort(uniform(mix(stream(0, "validation"), hashed)), kind="stable")
    order = order[cluster_sizes[order] <= target / 10]
    chosen = order[np.cumsum(cluster_sizes[order]) <= target]
    return np.isin(labels, chosen)
