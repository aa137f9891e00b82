"""Rows and microbatches against loops, and the counts that a mean over an update needs."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from synthetic_store import CLS, PAD, SEP, UNK, make_vocabulary, random_documents, spans_of, store_of

from ablate.data.batches import Batches, assemble, even_cuts
from ablate.data.formats import doc_sentences, full_sentences, segment_pair, sentence_pair
from ablate.data.masking import TokenMasking
from ablate.data.order import UpdatePlan
from ablate.errors import UserError

VOCABULARY = make_vocabulary()
FORMATS = [segment_pair, sentence_pair, full_sentences, doc_sentences]


@pytest.fixture(scope="module")
def store():
    documents = random_documents(num_documents=50)
    documents[0][0][0] = UNK
    return store_of(documents)


def make_sequences(store, build, length=40):
    return build(store, np.random.default_rng(0).permutation(store.num_documents), length=length, seed=3)


def make_batches(store, build=segment_pair, *, accumulate=1, batch_tokens=400, whole_word=False):
    sequences = make_sequences(store, build)
    plan = UpdatePlan(lengths=sequences.lengths, keys=sequences.keys, batch_tokens=batch_tokens, seed=1)
    masking = TokenMasking(whole_word=whole_word)
    return Batches(store, sequences, plan, masking, mask_seed=2, vocabulary=VOCABULARY, accumulate=accumulate)


def naive_rows(store, sequences, indices):
    """Ids, token types and what may be masked, token by token."""
    spans = spans_of(sequences)
    for index in indices:
        ids, types, maskable = [CLS], [0], [False]
        for number, (start, length) in enumerate(spans[index]):
            kind = int(number == 1 and sequences.is_random[index] >= 0)
            for token in store.tokens[start : start + length].tolist():
                ids.append(token)
                types.append(kind)
                maskable.append(token >= 5)
            ids.append(SEP)
            types.append(kind)
            maskable.append(False)
        yield ids, types, maskable


@pytest.mark.parametrize("width", [None, 55])
@pytest.mark.parametrize("build", FORMATS)
def test_assemble_is_the_naive_loop(store, build, width):
    sequences = make_sequences(store, build)
    indices = np.random.default_rng(1).permutation(len(sequences))
    rows = assemble(store, sequences, indices, vocabulary=VOCABULARY, width=width)
    assert rows.ids.shape == (len(indices), width or sequences.lengths.max())
    assert rows.lengths.tolist() == sequences.lengths[indices].tolist()
    for row, (ids, types, maskable) in enumerate(naive_rows(store, sequences, indices)):
        padding = rows.ids.shape[1] - len(ids)
        assert rows.ids[row].tolist() == ids + [PAD] * padding
        assert rows.token_types[row].tolist() == types + [0] * padding
        assert rows.maskable[row].tolist() == maskable + [False] * padding


def test_rows_hang_on_their_sequence_alone(store):
    sequences = make_sequences(store, full_sentences)
    together = assemble(store, sequences, np.arange(30), vocabulary=VOCABULARY)
    for index in range(30):
        alone = assemble(store, sequences, np.array([index]), vocabulary=VOCABULARY, width=together.ids.shape[1])
        assert (alone.ids[0] == together.ids[index]).all()
        assert (alone.maskable[0] == together.maskable[index]).all()


def test_crossing_rows_have_a_separator_between_documents(store):
    sequences = make_sequences(store, full_sentences)
    rows = assemble(store, sequences, np.arange(len(sequences)), vocabulary=VOCABULARY)
    documents = np.diff(sequences.offsets)
    assert ((rows.ids == SEP).sum(axis=1) == documents).all()
    assert (rows.ids[np.arange(len(rows.ids)), rows.lengths - 1] == SEP).all()
    assert documents.max() > 1
    assert not rows.token_types.any()


@pytest.mark.parametrize("whole_word", [False, True])
@pytest.mark.parametrize("build", FORMATS)
@pytest.mark.parametrize("accumulate", [1, 2, 5])
def test_parts_make_up_the_update(store, build, accumulate, whole_word):
    """Whatever the number of parts: the same rows, masks, labels and counts."""
    batches = make_batches(store, build, accumulate=accumulate, whole_word=whole_word)
    whole = make_batches(store, build, whole_word=whole_word)
    for update in (0, 7, 23):
        parts = [batches[update * accumulate + part] for part in range(accumulate)]
        expected = sorted(as_rows([whole[update]]))
        assert sorted(as_rows(parts)) == expected
        indices, _ = whole.plan.update(update)
        assert sum(part["tokens"] for part in parts) == whole.plan.lengths[indices].sum()
        for part in parts:
            assert part["update_sequences"] == len(indices) == len(expected)
            assert part["update_masked"] == sum(len(other["masked_labels"]) for other in parts)


def as_rows(parts):
    """Each row without padding: inputs, types, masked places with labels, and the pair's label."""
    for part in parts:
        count, width = part["input_ids"].shape
        mask = part["attention_mask"]
        lengths = [width] * count if mask is None else mask.sum(dim=1).tolist()
        places = list(zip(part["masked_positions"].tolist(), part["masked_labels"].tolist(), strict=True))
        for row in range(count):
            ids, types = (part[name][row].tolist() for name in ("input_ids", "token_type_ids"))
            assert ids[lengths[row] :] == [PAD] * (width - lengths[row])
            own = [(place % width, label) for place, label in places if place // width == row]
            yield ids[: lengths[row]], types[: lengths[row]], own, int(part["next_sentence_label"][row])


@pytest.mark.parametrize("build", FORMATS)
def test_a_batch_is_what_its_parts_say(store, build):
    batches = make_batches(store, build)
    sequences, update = batches.sequences, 4
    indices, epochs = batches.plan.update(update)
    order = sorted(range(len(indices)), key=lambda i: (batches.plan.lengths[indices[i]], batches.plan.keys[indices[i]]))
    indices, epochs = indices[order], epochs[order]
    rows = assemble(store, sequences, indices, vocabulary=VOCABULARY)
    masked = batches.masking(
        rows.ids, rows.maskable, sequences.keys[indices], epochs, seed=batches.mask_seed, vocabulary=VOCABULARY
    )
    batch = batches[update]
    assert batch["input_ids"].tolist() == masked.input_ids.tolist()
    assert batch["masked_positions"].tolist() == masked.positions.tolist()
    assert batch["masked_labels"].tolist() == masked.labels.tolist()
    assert batch["token_type_ids"].tolist() == rows.token_types.tolist()
    assert batch["next_sentence_label"].tolist() == sequences.is_random[indices].tolist()
    for name in ("input_ids", "masked_positions", "masked_labels", "token_type_ids", "next_sentence_label"):
        assert batch[name].dtype == torch.int64
    if batch["attention_mask"] is not None:
        assert batch["attention_mask"].tolist() == (rows.ids != PAD).tolist()


def test_no_attention_mask_without_padding():
    store = store_of([[[7] * 8] * 30, [[9] * 8] * 30])
    batches = make_batches(store, doc_sentences)  # four sentences a sequence, two in each document's last
    whole, padded = 0, 0
    for update in range(20):
        batch = batches[update]
        lengths = (batch["input_ids"] != PAD).sum(dim=1)
        if (lengths == batch["input_ids"].shape[1]).all():
            assert batch["attention_mask"] is None
            whole += 1
        else:
            assert batch["attention_mask"].sum() == batch["tokens"]
            padded += 1
    assert whole and padded


def test_any_item_without_the_earlier_ones_and_with_workers(store):
    batches = make_batches(store, sentence_pair, accumulate=2)
    items = list(range(10, 22))
    straight = [batches[item] for item in items]
    turned = make_batches(store, sentence_pair, accumulate=2)
    backwards = [turned[item] for item in reversed(items)][::-1]
    loader = torch.utils.data.DataLoader(batches, batch_size=None, sampler=items, num_workers=2)
    for one, two, three in zip(straight, backwards, loader, strict=True):
        assert one.keys() == two.keys() == three.keys()
        for name, value in one.items():
            for other in (two[name], three[name]):
                assert (value is None and other is None) or torch.equal(value, other)


def test_masks_change_with_the_epoch(store):
    """The same sequence in two epochs: same text, other masks."""
    sequences = make_sequences(store, doc_sentences)
    plan = UpdatePlan(lengths=sequences.lengths, keys=sequences.keys, batch_tokens=int(sequences.lengths.sum()), seed=1)
    made = {}
    for copies in (None, 1):
        masking = TokenMasking(copies=copies)
        batches = Batches(store, sequences, plan, masking, mask_seed=2, vocabulary=VOCABULARY)
        made[copies] = [batches[0], batches[1]]
    one, two = made[1]
    assert torch.equal(one["input_ids"], two["input_ids"])
    one, two = made[None]
    assert one["input_ids"].shape == two["input_ids"].shape
    assert not torch.equal(one["input_ids"], two["input_ids"])


def test_too_many_parts_are_refused(store):
    make_batches(store, accumulate=10)
    for wrong in (0, 11):
        words = rf"^trainer\.accumulate={wrong}: must be from 1 to 10 .*optim\.batch_tokens=400 "
        with pytest.raises(UserError, match=words):
            make_batches(store, accumulate=wrong)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_cuts_are_as_even_as_can_be(parts):
    """Against all ways of cutting 9 rows."""
    rng = np.random.default_rng(parts)
    for _ in range(30):
        lengths = np.sort(rng.integers(3, 30, size=9))
        cuts = even_cuts(lengths, parts)
        assert cuts[0] == 0 and cuts[-1] == 9 and len(cuts) == parts + 1
        assert all(a < b for a, b in pairwise(cuts))
        assert largest(lengths, cuts) == min(largest(lengths, [0, *inner, 9]) for inner in ways(1, 9, parts - 1))


def ways(low, high, count):
    """All ascending choices of `count` numbers from low to high - 1."""
    if not count:
        return [[]]
    return [[first, *rest] for first in range(low, high) for rest in ways(first + 1, high, count - 1)]


def largest(lengths, cuts):
    return max((b - a) * int(lengths[b - 1]) for a, b in pairwise(cuts))
