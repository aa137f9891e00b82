"""Masking: exact counts, uniform and independent places, 80/10/10, and a result that hangs on the row alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from synthetic_store import MASK, make_vocabulary

from ablate.data.hashing import mix
from ablate.data.masking import Masked, TokenMasking
from ablate.errors import UserError

VOCABULARY = make_vocabulary()


def make_rows(num=200, width=64, seed=0, shortest=3):
    """Rows of random tokens: specials at both ends, padding after a random length, a few [UNK] inside."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(shortest, width + 1, size=num)
    ids = rng.integers(5, VOCABULARY.size, size=(num, width))
    ids[rng.random(ids.shape) < 0.02] = VOCABULARY.unk
    columns = np.arange(width)
    ids[:, 0] = VOCABULARY.cls
    ids[columns == lengths[:, None] - 1] = VOCABULARY.sep
    ids[columns >= lengths[:, None]] = VOCABULARY.pad
    keys = rng.integers(0, 2**63, size=num, dtype=np.uint64)
    return ids, ~VOCABULARY.special[ids], keys, rng.integers(0, 30, size=num)


def run(masking, ids, maskable, keys, epochs, seed=7):
    return masking(ids, maskable, keys, epochs, seed=seed, vocabulary=VOCABULARY)


def chosen(masked: Masked):
    where = np.zeros(masked.input_ids.size, dtype=bool)
    where[masked.positions] = True
    return where.reshape(masked.input_ids.shape)


def assert_same(one: Masked, two: Masked):
    assert one.input_ids.tolist() == two.input_ids.tolist()
    assert one.positions.tolist() == two.positions.tolist()
    assert one.labels.tolist() == two.labels.tolist()


# ---- token masking ----


@pytest.mark.parametrize("rate", [0.01, 0.15, 0.3, 0.5, 1.0])
def test_exactly_the_rounded_rate_and_never_a_special(rate):
    ids, maskable, keys, epochs = make_rows()
    masked = run(TokenMasking(rate=rate), ids, maskable, keys, epochs)
    where = chosen(masked)
    assert not (where & VOCABULARY.special[ids]).any()
    for row in range(len(ids)):
        count = int(maskable[row].sum())
        assert where[row].sum() == (min(count, max(1, round(rate * count))) if count else 0)


def test_labels_are_what_stood_there_and_the_rest_is_untouched():
    ids, maskable, keys, epochs = make_rows()
    before = ids.copy()
    masked = run(TokenMasking(), ids, maskable, keys, epochs)
    assert (ids == before).all()
    assert (np.diff(masked.positions) > 0).all()
    assert (masked.labels == ids.reshape(-1)[masked.positions]).all()
    assert (masked.input_ids[~chosen(masked)] == ids[~chosen(masked)]).all()


def test_positions_follow_the_hash():
    """The k smallest of mix(seed, copy, key, position), one row and one position at a time."""
    ids, maskable, keys, epochs = make_rows(num=20)
    where = chosen(run(TokenMasking(copies=10), ids, maskable, keys, epochs))
    for row in range(len(ids)):
        places = np.flatnonzero(maskable[row]).tolist()
        places.sort(key=lambda p: int(mix(7, int(epochs[row]) % 10, int(keys[row]), p)))
        count = max(1, round(0.15 * len(places))) if places else 0
        assert set(places[:count]) == set(np.flatnonzero(where[row]).tolist())


def test_rows_without_text_and_empty_batches():
    ids = np.array([[VOCABULARY.cls, VOCABULARY.sep], [VOCABULARY.cls, 17]])
    maskable = ~VOCABULARY.special[ids]
    keys, epochs = np.arange(2, dtype=np.uint64), np.zeros(2, np.int64)
    for masking in (TokenMasking(), TokenMasking(whole_word=True)):
        assert run(masking, ids, maskable, keys, epochs).positions.tolist() == [3]
        assert len(run(masking, ids[:1], maskable[:1], keys[:1], epochs[:1]).positions) == 0


def full_rows(num, width, seed=0):
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, VOCABULARY.size, size=(num, width))
    return ids, np.ones(ids.shape, dtype=bool), rng.integers(0, 2**63, size=num, dtype=np.uint64)


def test_places_are_uniform():
    ids, maskable, keys = full_rows(20_000, 40)
    counts = chosen(run(TokenMasking(), ids, maskable, keys, np.zeros(len(ids), np.int64))).sum(axis=0)
    # Exactly 6 of 40 per row: places are negatively correlated, which shrinks chi-square by (39 / 40) / (1 - 6 / 40).
    statistic = ((counts - 3000) ** 2 / 3000).sum() * (39 / 40) / (1 - 6 / 40)
    assert 0.001 < stats.chi2.sf(statistic, 39) < 0.999


def test_copies_seeds_and_sequences_are_independent():
    ids, maskable, keys = full_rows(5000, 40)
    zero = np.zeros(len(ids), np.int64)
    first = chosen(run(TokenMasking(), ids, maskable, keys, zero))
    others = {
        "epoch": chosen(run(TokenMasking(), ids, maskable, keys, zero + 1)),
        "seed": chosen(run(TokenMasking(), ids, maskable, keys, zero, seed=8)),
        "sequence": chosen(run(TokenMasking(), ids, maskable, keys + np.uint64(1), zero)),
    }
    # The overlap of two independent choices of 6 of 40 is hypergeometric, rows apart.
    expected = stats.hypergeom(40, 6, 6)
    for name, other in others.items():
        overlap = (first & other).sum(axis=1)
        assert abs(overlap.mean() - expected.mean()) < 4 * expected.std() / np.sqrt(len(ids)), name
        assert abs(overlap.var() / expected.var() - 1) < 0.15, name


@pytest.mark.parametrize(("mask_share", "random_share"), [(0.8, 0.1), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.7, 0.3)])
def test_shares_of_mask_random_and_kept(mask_share, random_share):
    ids, maskable, keys = full_rows(4000, 60)
    masking = TokenMasking(mask_share=mask_share, random_share=random_share)
    masked = run(masking, ids, maskable, keys, np.zeros(len(ids), np.int64))
    inputs, total = masked.input_ids.reshape(-1)[masked.positions], len(masked.positions)
    ordinary = VOCABULARY.size - 5
    kept = 1 - mask_share - random_share
    shares = [
        ((inputs == MASK).sum(), mask_share),
        (((inputs != MASK) & (inputs != masked.labels)).sum(), random_share * (1 - 1 / ordinary)),
        ((inputs == masked.labels).sum(), kept + random_share / ordinary),
    ]
    for count, share in shares:
        share = min(max(share, 0.0), 1.0)
        assert abs(count - share * total) <= 4.5 * np.sqrt(total * share * (1 - share)) + 1e-6


def test_actions_do_not_hang_on_the_place_or_each_other():
    ids, maskable, keys = full_rows(20_000, 40)
    masked = run(TokenMasking(), ids, maskable, keys, np.zeros(len(ids), np.int64))
    is_mask = masked.input_ids.reshape(-1)[masked.positions] == MASK
    table = np.zeros((40, 2))
    np.add.at(table, (masked.positions % 40, is_mask.astype(int)), 1)
    assert 0.001 < stats.chi2_contingency(table).pvalue < 0.999
    per_row = is_mask.reshape(-1, 6).sum(axis=1)  # binomial(6, 0.8) if independent
    counts = np.bincount(per_row, minlength=7)
    expected = stats.binom(6, 0.8).pmf(np.arange(7)) * len(ids)
    assert stats.chisquare(counts[2:], expected[2:] * counts[2:].sum() / expected[2:].sum()).pvalue > 0.001


def test_random_tokens_are_uniform_over_ordinary_ids():
    ids, maskable, keys = full_rows(6000, 60)
    masking = TokenMasking(mask_share=0.0, random_share=1.0)
    masked = run(masking, ids, maskable, keys, np.zeros(len(ids), np.int64))
    counts = np.bincount(masked.input_ids.reshape(-1)[masked.positions], minlength=VOCABULARY.size)
    assert not counts[:5].any() and counts[5:].all()
    assert 0.001 < stats.chisquare(counts[5:]).pvalue < 0.999


@pytest.mark.parametrize("whole_word", [False, True])
def test_a_row_hangs_on_itself_alone(whole_word):
    """Not on padding, on the other rows, or on their order."""
    masking = TokenMasking(whole_word=whole_word)
    ids, maskable, keys, epochs = make_rows(num=60)
    together = run(masking, ids, maskable, keys, epochs)
    wide = np.pad(ids, ((0, 0), (0, 37)), constant_values=VOCABULARY.pad)
    padded = run(masking, wide, np.pad(maskable, ((0, 0), (0, 37))), keys, epochs)
    assert (padded.input_ids[:, :64] == together.input_ids).all()
    assert (chosen(padded)[:, :64] == chosen(together)).all()
    assert not chosen(padded)[:, 64:].any()
    order = np.random.default_rng(1).permutation(len(ids))
    turned = run(masking, ids[order], maskable[order], keys[order], epochs[order])
    assert (turned.input_ids == together.input_ids[order]).all()
    for row in range(len(ids)):
        one = slice(row, row + 1)
        alone = run(masking, ids[one], maskable[one], keys[one], epochs[one])
        assert (alone.input_ids[0] == together.input_ids[row]).all()
        assert (chosen(alone)[0] == chosen(together)[row]).all()


@pytest.mark.parametrize("whole_word", [False, True])
def test_static_is_dynamic_until_the_copies_repeat(whole_word):
    ids, maskable, keys, _ = make_rows()
    static, dynamic = TokenMasking(copies=10, whole_word=whole_word), TokenMasking(whole_word=whole_word)
    made = {}
    for epoch in range(25):
        epochs = np.full(len(ids), epoch)
        made[epoch] = run(static, ids, maskable, keys, epochs)
        moving = run(dynamic, ids, maskable, keys, epochs)
        if epoch < 10:
            assert_same(made[epoch], moving)
        else:
            assert_same(made[epoch], made[epoch - 10])
            assert moving.positions.tolist() != made[epoch].positions.tolist()
    assert made[0].positions.tolist() != made[1].positions.tolist()


# ---- whole words ----


def words_of(ids, maskable):
    """Lists of the positions of each word in one row."""
    words = []
    for position in range(len(ids)):
        if not maskable[position]:
            continue
        if VOCABULARY.continues[ids[position]] and position and maskable[position - 1]:
            words[-1].append(position)
        else:
            words.append([position])
    return words


@pytest.mark.parametrize("rate", [0.03, 0.15, 0.4])
def test_whole_words_follow_berts_greedy_loop(rate):
    ids, maskable, keys, epochs = make_rows(num=300)
    where = chosen(run(TokenMasking(rate=rate, whole_word=True), ids, maskable, keys, epochs))
    truncated = 0
    for row in range(len(ids)):
        words = words_of(ids[row], maskable[row])
        words.sort(key=lambda word: int(mix(7, int(epochs[row]), int(keys[row]), word[0])))
        count = sum(map(len, words))
        budget = max(1, round(rate * count)) if count else 0
        taken = []
        for word in words:
            if len(taken) + len(word) <= budget:
                taken += word
        if words and not taken:
            taken, truncated = words[0][:budget], truncated + 1
        assert sorted(taken) == np.flatnonzero(where[row]).tolist()
    assert truncated or rate > 0.03


def test_whole_words_are_whole_and_near_the_rate():
    ids, maskable, keys, epochs = make_rows(num=500, shortest=40)
    where = chosen(run(TokenMasking(whole_word=True), ids, maskable, keys, epochs))
    for row in range(len(ids)):
        for word in words_of(ids[row], maskable[row]):
            assert len({bool(where[row, position]) for position in word}) == 1
    exact = chosen(run(TokenMasking(), ids, maskable, keys, epochs)).sum()
    assert 0.97 * exact < where.sum() <= exact


# ---- mistakes ----


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 0.0}, r"masking\.rate=0\.0"),
        ({"rate": 1.5}, r"masking\.rate=1\.5"),
        ({"rate": float("nan")}, r"masking\.rate=nan"),
        ({"mask_share": -0.1}, r"masking\.mask_share=-0\.1"),
        ({"random_share": 1.1}, r"masking\.random_share=1\.1"),
        ({"mask_share": 0.8, "random_share": 0.3}, r"masking\.mask_share=0\.8 and masking\.random_share=0\.3"),
        ({"copies": 0}, r"masking\.copies=0"),
    ],
)
def test_mistakes_are_named(wrong, message):
    with pytest.raises(UserError, match=message):
        TokenMasking(**wrong)
    with pytest.raises(UserError, match=message):
        replace(TokenMasking(), **wrong)
