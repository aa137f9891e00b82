"""Sequences made block by block are those made at once, but for pairs that may not leave their block."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from synthetic_source import make_source
from synthetic_store import flat_store, random_documents, store_of

from ablate.data import formats
from ablate.data.order import select_documents
from ablate.data.store import prepare
from ablate.data.tokenizers import ByteBPE, WordPiece
from ablate.data.training import Streams, bytes_per_token, in_blocks, update_plan
from ablate.errors import UserError
from ablate.training.budget import resolve

STORE = store_of(random_documents(num_documents=80))
DOCUMENTS = np.random.default_rng(0).permutation(80)


def made(name, block_tokens, store=STORE, documents=DOCUMENTS):
    make = partial(getattr(formats, name), store, length=64, seed=3)
    return in_blocks(store, documents, make, block_tokens=block_tokens)


def fields(sequences):
    return [sequences.span_starts, sequences.span_lengths, sequences.offsets, sequences.is_random, sequences.keys]


def test_documents_kept_apart_give_the_same_sequences_in_any_blocks():
    whole, blocks = made("doc_sentences", 10**9), made("doc_sentences", 900)
    assert all(np.array_equal(a, b) for a, b in zip(fields(whole), fields(blocks), strict=True))


@pytest.mark.parametrize("name", ["full_sentences", "segment_pair", "sentence_pair"])
def test_blocks_lose_no_text_and_keep_labels_and_keys_sound(name):
    whole, blocks = made(name, 10**9), made(name, 2000)
    assert len(np.unique(blocks.keys)) == len(blocks)
    assert len(blocks) == pytest.approx(len(whole), rel=0.1)
    assert blocks.offsets[-1] == len(blocks.span_starts)
    assert blocks.span_lengths.sum() == pytest.approx(whole.span_lengths.sum(), rel=0.05)
    if name == "full_sentences":
        assert blocks.span_lengths.sum() == len(STORE.tokens)


def test_random_segments_come_from_the_block_and_never_from_the_same_document():
    blocks = made("segment_pair", 2000)
    bounds = STORE.document_tokens()
    document = np.searchsorted(bounds, blocks.span_starts, side="right") - 1
    a, b = document[blocks.offsets[:-1]], document[blocks.offsets[:-1] + 1]
    random = blocks.is_random == 1
    assert (a[random] != b[random]).all()
    assert (a[~random] == b[~random]).all()
    place = np.empty(80, dtype=int)
    place[DOCUMENTS] = np.arange(80)
    far = np.abs(place[a] - place[b])
    everywhere = made("segment_pair", 10**9)
    d = np.searchsorted(bounds, everywhere.span_starts, side="right") - 1
    assert far.max() < np.abs(place[d[everywhere.offsets[:-1]]] - place[d[everywhere.offsets[:-1] + 1]]).max()


def test_two_documents_are_never_torn_into_blocks_of_one():
    tiny = store_of([[[5, 6], [7, 8]], [[9, 10], [11, 12]], [[5, 7], [6, 8]]])
    assert len(made("segment_pair", 1, tiny, np.arange(3))) > 0


def test_memory_follows_the_block_and_not_the_corpus():
    store = flat_store(num_documents=20_000)

    def peak(block_tokens):
        tracemalloc.start()
        made("sentence_pair", block_tokens, store, np.arange(20_000))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(len(store.tokens) // 16) < 0.5 * peak(10**9)


@pytest.mark.parametrize("name", ["full_sentences", "segment_pair"])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_equal_bytes_are_equal_passes_over_the_text_for_every_tokenizer(name, fraction, tmp_path):
    """400 kB of text twice over: as many updates more as the tokenizer makes tokens more."""
    source, updates, passes = make_source(200), [], []
    for kind in (WordPiece(vocab_size=300, lowercase=False), ByteBPE(vocab_size=1000)):
        store = prepare(source, kind, cache=tmp_path).train
        chosen = select_documents(store, fraction=fraction)
        sequences = getattr(formats, name)(store, chosen, length=64, seed=0)
        plan = update_plan(sequences, batch_tokens=512, streams=Streams.of(0, 0))
        of_token = bytes_per_token(store, plan, fraction=fraction)
        raw = {key: len(one.text.encode()) for one in source.items for key in [one.id]}
        text = sum(raw[store.document_ids[i]] for i in chosen)
        assert of_token * plan.epoch_tokens == pytest.approx(text)
        budget = resolve(match="bytes", amount=2 * text, batch_tokens=512, flops_per_token=1, bytes_per_token=of_token)
        updates.append(budget.updates)
        passes.append(budget.updates * 512 / plan.epoch_tokens)
        assert 2.0 <= passes[-1] <= 2.0 + 512 / plan.epoch_tokens
    assert updates[0] > 1.1 * updates[1]  # 300 pieces make more tokens of it than 1,000


def test_a_store_of_an_earlier_version_says_how_to_get_bytes():
    plan = update_plan(made("doc_sentences", 10**9), batch_tokens=512, streams=Streams.of(0, 0))
    with pytest.raises(UserError, match=r"budget\.match=bytes: .* delete the folder tokens of the cache"):
        bytes_per_token(STORE, plan, fraction=1.0)
