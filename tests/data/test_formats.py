"""Input formats against slow, obvious reference implementations and the papers' properties."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from synthetic_store import document_of, flat_store, random_documents, spans_of, store_of

from ablate.data.formats import doc_sentences, full_sentences, segment_pair, sentence_pair
from ablate.data.formats import pairs as pairs_module
from ablate.data.hashing import mix, uniform
from ablate.errors import UserError

PAIRS = [segment_pair, sentence_pair]
PACKED = [full_sentences, doc_sentences]
LENGTH, SEED = 48, 11


@pytest.fixture(scope="module")
def store():
    return store_of(random_documents(num_documents=80, longest=100))


@pytest.fixture(scope="module")
def big():
    return flat_store()


def shuffled(store, seed=3):
    return np.random.default_rng(seed).permutation(store.num_documents)


# ---- reference implementations: one sentence, one token at a time ----


def draw(hashed, number, count):
    return int(float(uniform(mix(hashed, number))) * count)


def truncate(tokens_a, tokens_b, hashed, room):
    """BERT's truncate_seq_pair; each coin is one bit of a hash, the first 64 from the top `n` bits of one word."""
    removed = {"a": 0, "b": 0}
    a, b = len(tokens_a), len(tokens_b)
    while a + b > room:
        if a > b:
            a, removed["a"] = a - 1, removed["a"] + 1
        else:
            b, removed["b"] = b - 1, removed["b"] + 1
    cut = []
    for name, tokens, number in [("a", tokens_a, pairs_module._FRONT_A), ("b", tokens_b, pairs_module._FRONT_B)]:
        coins = ""
        for word in range(removed[name] // 64 + 1):
            coins += format(int(mix(hashed, number, word)), "064b")[: min(64, removed[name] - 64 * word)]
        front = coins.count("1")
        assert len(coins) == removed[name]
        cut.append(tokens[front : len(tokens) - (removed[name] - front)])
    return cut


def reference_pairs(store, documents, *, length, seed, single, short=0.0):
    """BERT's create_instances_from_document on lists of token offsets; `single` for one sentence each."""
    texts = {
        d: [
            list(range(store.sentences[s], store.sentences[s + 1]))
            for s in range(store.documents[d], store.documents[d + 1])
        ]
        for d in documents.tolist()
    }
    by_key = sorted(texts, key=lambda d: int(store.document_keys[d]))
    made = []
    for d in documents.tolist():
        text, i = texts[d], 0
        while i < len(text) and len(text) > 1:
            hashed = mix(mix(seed, int(store.document_keys[d])), i)
            target = length - 3
            if short and float(uniform(mix(hashed, pairs_module._SHORT))) < short:
                target = 2 + draw(hashed, pairs_module._TARGET, length - 4)
            is_random = float(uniform(mix(hashed, pairs_module._LABEL))) < 0.5
            chunk, j = [], i
            while j < len(text) and (len(chunk) < 2 if single else sum(map(len, chunk)) < target):
                chunk.append(text[j])
                j += 1
            if len(chunk) == 1 and not is_random:
                chunk = [text[i], text[i + 1]] if i + 1 < len(text) else [text[i - 1], text[i]]
                j = max(j, min(i + 2, len(text)))
            a_end = 1 + (draw(hashed, pairs_module._CUT, len(chunk) - 1) if len(chunk) > 1 else 0)
            tokens_a, tokens_b = list(chain(*chunk[:a_end])), list(chain(*chunk[a_end:]))
            if is_random:
                others = [x for x in by_key if x != d]
                other = texts[others[draw(hashed, pairs_module._DOCUMENT, len(others))]]
                start = draw(hashed, pairs_module._SENTENCE, len(other))
                tokens_b = []
                for sentence in other[start:]:
                    tokens_b = tokens_b + sentence
                    if single or len(tokens_b) >= target - len(tokens_a):
                        break
                j -= len(chunk) - a_end
            tokens_a, tokens_b = truncate(tokens_a, tokens_b, hashed, length - 3)
            made.append((int(is_random), [(tokens_a[0], len(tokens_a)), (tokens_b[0], len(tokens_b))]))
            i = j
    return made


def reference_packed(store, documents, *, length, cross):
    """Greedy packing; a sentence is a list of token offsets."""
    sequences, current, used, last = [], [], 0, None
    for d in documents.tolist():
        if not cross and current:
            sequences.append(current)
            current, used, last = [], 0, None
        for s in range(store.documents[d], store.documents[d + 1]):
            sentence = list(range(store.sentences[s], store.sentences[s + 1]))
            while sentence:
                piece, sentence = sentence[: length - 2], sentence[length - 2 :]
                cost = len(piece) + (last != d)
                if current and used + cost > length:
                    sequences.append(current)
                    current, used, last = [], 0, None
                if not current:
                    used = 1
                used += len(piece) + (last != d)
                if last == d:
                    current[-1] = (current[-1][0], current[-1][1] + len(piece))
                else:
                    current.append((piece[0], len(piece)))
                last = d
    return [*sequences, current]


# ---- pairs ----


@pytest.mark.parametrize("length", [5, 8, LENGTH, 300])
@pytest.mark.parametrize("single", [True, False])
def test_pairs_follow_the_reference(store, single, length):
    documents = shuffled(store)
    made = (sentence_pair if single else segment_pair)(store, documents, length=length, seed=SEED)
    expected = reference_pairs(store, documents, length=length, seed=SEED, single=single)
    assert list(zip(made.is_random.tolist(), spans_of(made), strict=True)) == expected


def test_short_sequences_follow_the_reference(store):
    documents = shuffled(store)
    made = segment_pair(store, documents, length=LENGTH, seed=SEED, short_sequences=0.3)
    expected = reference_pairs(store, documents, length=LENGTH, seed=SEED, single=False, short=0.3)
    assert list(zip(made.is_random.tolist(), spans_of(made), strict=True)) == expected
    assert made.lengths.mean() < segment_pair(store, documents, length=LENGTH, seed=SEED).lengths.mean() - 2


@pytest.mark.parametrize("build", PAIRS)
def test_random_b_is_of_another_document_and_continued_b_follows_a(store, build):
    sequences = build(store, shuffled(store), length=LENGTH, seed=SEED)
    sentence_starts = set(store.sentences.tolist())
    untouched = 0
    for is_random, (a, b) in zip(sequences.is_random, spans_of(sequences), strict=True):
        assert a[1] > 0 and b[1] > 0
        if is_random:
            assert document_of(store, a[0]) != document_of(store, b[0])
            continue
        assert document_of(store, a[0]) == document_of(store, b[0] + b[1] - 1)
        gap = b[0] - (a[0] + a[1])  # tokens that truncation took from A's back and B's front
        assert gap >= 0
        if a[1] + b[1] < LENGTH - 3:
            assert gap == 0 and b[0] in sentence_starts
            untouched += 1
        else:
            assert any(a[0] + a[1] <= cut <= b[0] for cut in sentence_starts)
    assert untouched > 20


@pytest.mark.parametrize("build", PAIRS)
def test_no_segment_crosses_a_document_or_the_length(store, build):
    sequences = build(store, shuffled(store), length=LENGTH, seed=SEED)
    assert sequences.lengths.max() == LENGTH
    for start, length in zip(sequences.span_starts, sequences.span_lengths, strict=True):
        assert document_of(store, start) == document_of(store, start + length - 1)


@pytest.mark.parametrize("build", PAIRS)
def test_labels_are_balanced(big, build):
    made = build(big, np.arange(big.num_documents), length=64, seed=SEED)
    assert abs(made.is_random.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(made))  # far inside 50 +- 2 %
    short = flat_store(num_documents=20_000, sentences=2, tokens=12)  # where BERT's leftovers would be random
    made = build(short, np.arange(short.num_documents), length=64, seed=SEED)
    assert abs(made.is_random.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(made))


def test_random_segments_are_uniform_over_documents():
    store = flat_store(num_documents=50, sentences=400)
    documents = np.arange(50)
    counts = np.zeros((50, 50))
    for seed in range(3):
        made = sentence_pair(store, documents, length=64, seed=seed)
        starts = made.span_starts.reshape(-1, 2)[made.is_random == 1]
        owner = np.searchsorted(store.document_tokens(), starts, side="right") - 1
        np.add.at(counts, (owner[:, 0], owner[:, 1]), 1)
    assert (np.diag(counts) == 0).all()
    apart, enough = ~np.eye(50, dtype=bool), counts.sum(axis=1) > 300
    expected = counts[enough].sum(axis=1, keepdims=True) / 49
    chi_square = ((counts[enough] - expected) ** 2 / expected)[apart[enough]].sum()
    freedom = enough.sum() * 48
    assert enough.sum() > 20
    assert abs(chi_square - freedom) < 5 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("build", PAIRS)
def test_pairs_lose_tokens_only_to_truncation_and_one_sentence_documents(store, build):
    """At a length where nothing is truncated, every sentence of a longer document is in a pair with its own text."""
    sequences = build(store, shuffled(store), length=4000, seed=SEED)
    covered = Counter()
    for is_random, spans in zip(sequences.is_random, spans_of(sequences), strict=True):
        for start, length in spans[:1] if is_random else spans:
            covered.update(range(start, start + length))
    sizes = np.diff(store.documents)
    bounds = store.document_tokens()
    wanted = {t for d in np.flatnonzero(sizes > 1) for t in range(bounds[d], bounds[d + 1])}
    assert set(covered) == wanted
    repeated = sum(covered.values()) - len(covered)  # the sentence before a leftover, at most one per document
    longest = np.diff(store.sentences).max()
    assert repeated <= longest * (sizes > 1).sum()


@pytest.mark.parametrize("build", PAIRS)
def test_pairs_do_not_hang_on_the_documents_order(store, build):
    one = build(store, shuffled(store, 1), length=LENGTH, seed=SEED)
    two = build(store, shuffled(store, 2), length=LENGTH, seed=SEED)
    assert sorted(one.keys.tolist()) == sorted(two.keys.tolist())
    assert one.keys.tolist() != two.keys.tolist()


@pytest.mark.parametrize("build", PAIRS)
def test_seed_changes_the_pairs(store, build):
    documents = shuffled(store)
    one, two = (set(build(store, documents, length=LENGTH, seed=seed).keys.tolist()) for seed in (1, 2))
    assert len(one & two) < 0.5 * len(one)
    again = set(build(store, documents, length=LENGTH, seed=1).keys.tolist())
    assert one == again


def test_continued_pairs_keep_their_keys_when_documents_go(store):
    documents = shuffled(store)
    for build in PAIRS:
        whole = build(store, documents, length=LENGTH, seed=SEED)
        half = build(store, documents[:40], length=LENGTH, seed=SEED)
        assert set(half.keys[half.is_random == 0].tolist()) <= set(whole.keys[whole.is_random == 0].tolist())


# ---- packed ----


@pytest.mark.parametrize("length", [3, 10, LENGTH, 300])
@pytest.mark.parametrize("build", PACKED)
def test_packing_follows_the_reference(store, build, length):
    documents = shuffled(store)
    made = build(store, documents, length=length, seed=SEED)
    assert spans_of(made) == reference_packed(store, documents, length=length, cross=build is full_sentences)


@pytest.mark.parametrize("build", PACKED)
def test_packing_loses_and_repeats_nothing(store, build):
    documents = shuffled(store)
    sequences = build(store, documents, length=LENGTH, seed=SEED)
    seen = [t for spans in spans_of(sequences) for start, length in spans for t in range(start, start + length)]
    bounds = store.document_tokens()
    assert seen == [t for d in documents for t in range(bounds[d], bounds[d + 1])]
    assert sequences.lengths.max() <= LENGTH
    assert (sequences.is_random == -1).all()


@pytest.mark.parametrize("build", PACKED)
def test_packed_sequences_start_at_sentences_unless_one_is_too_long(store, build):
    sequences = build(store, shuffled(store), length=LENGTH, seed=SEED)
    starts = sequences.span_starts[sequences.offsets[:-1]]
    sentence = np.searchsorted(store.sentences, starts, side="right") - 1
    inside = starts != store.sentences[sentence]
    assert (np.diff(store.sentences)[sentence[inside]] > LENGTH - 2).all()
    assert inside.any() and not inside.all()


def test_full_sentences_cross_documents_with_one_span_each(store):
    sequences = full_sentences(store, shuffled(store), length=LENGTH, seed=SEED)
    crossing = 0
    for spans in spans_of(sequences):
        owners = [document_of(store, start) for start, _ in spans]
        assert owners == [document_of(store, start + length - 1) for start, length in spans]
        assert len(set(owners)) == len(owners)
        crossing += len(owners) > 1
    assert crossing > 20


def test_full_sentences_are_as_full_as_they_can_be(store):
    documents = shuffled(store)
    sequences = full_sentences(store, documents, length=LENGTH, seed=SEED)
    lengths, spans = sequences.lengths, spans_of(sequences)
    for i in range(len(sequences) - 1):
        start, _ = spans[i + 1][0]
        sentence = int(np.searchsorted(store.sentences, start, side="right")) - 1
        piece = min(int(store.sentences[sentence + 1]) - start, LENGTH - 2)
        last_start, last_length = spans[i][-1]
        new_document = document_of(store, last_start + last_length - 1) != document_of(store, start)
        assert lengths[i] + piece + new_document > LENGTH


def test_doc_sentences_never_cross_and_are_shorter_at_the_end(store):
    sequences = doc_sentences(store, shuffled(store), length=LENGTH, seed=SEED)
    assert (np.diff(sequences.offsets) == 1).all()
    for start, length in zip(sequences.span_starts, sequences.span_lengths, strict=True):
        assert document_of(store, start) == document_of(store, start + length - 1)
    assert sequences.lengths.mean() < full_sentences(store, shuffled(store), length=LENGTH, seed=SEED).lengths.mean()


def test_doc_sentences_keep_their_keys_when_documents_go(store):
    documents = shuffled(store)
    whole = doc_sentences(store, documents, length=LENGTH, seed=SEED)
    half = doc_sentences(store, documents[::2], length=LENGTH, seed=SEED)
    assert set(half.keys.tolist()) < set(whole.keys.tolist())


# ---- all ----


@pytest.mark.parametrize("build", PAIRS + PACKED)
def test_keys_are_unique(big, build):
    sequences = build(big, np.arange(big.num_documents), length=64, seed=SEED)
    assert len(np.unique(sequences.keys)) == len(sequences)


@pytest.mark.parametrize("build", PAIRS + PACKED)
def test_keys_hang_on_documents_not_on_the_store(build):
    """The same documents in a store where others come before them."""
    documents = random_documents(num_documents=20)
    names = [f"doc-{i}" for i in range(20)]
    small = store_of(documents, names)
    large = store_of(random_documents(seed=9, num_documents=5) + documents, [f"new-{i}" for i in range(5)] + names)
    one = build(small, np.arange(20), length=LENGTH, seed=SEED)
    two = build(large, np.arange(5, 25), length=LENGTH, seed=SEED)
    assert one.keys.tolist() == two.keys.tolist()


@pytest.mark.parametrize("build", PAIRS)
def test_too_small_for_pairs(build):
    one_document = store_of([[[7, 8], [9]]])
    with pytest.raises(UserError, match=rf"input\.format={build.__name__}.*found 1 document"):
        build(one_document, np.arange(1), length=LENGTH, seed=SEED)
    one_sentence_each = store_of([[[7, 8]], [[9]]])
    with pytest.raises(UserError, match=r"data .*at most 1 sentence"):
        build(one_sentence_each, np.arange(2), length=LENGTH, seed=SEED)
    with pytest.raises(UserError, match=r"input\.length=4 .*at least 5"):
        build(store_of([[[7], [8]], [[9]]]), np.arange(2), length=4, seed=SEED)


@pytest.mark.parametrize("build", PACKED)
def test_too_small_for_packing(build):
    store = store_of([[[7, 8]]])
    with pytest.raises(UserError, match=rf"input\.format={build.__name__} found no .*data"):
        build(store, np.arange(0), length=LENGTH, seed=SEED)
    with pytest.raises(UserError, match=r"input\.length=2 .*at least 3"):
        build(store, np.arange(1), length=2, seed=SEED)
    assert build(store, np.arange(1), length=3, seed=SEED).span_lengths.tolist() == [1, 1]


def test_short_sequences_must_be_a_probability(store):
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(UserError, match=r"input\.short_sequences"):
            segment_pair(store, shuffled(store), length=LENGTH, seed=SEED, short_sequences=wrong)
