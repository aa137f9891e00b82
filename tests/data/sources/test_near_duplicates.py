"""Repeats and shared text, against sets of strings."""

import itertools
import random

import numpy as np

from ablate.data.sources.near_duplicates import SHINGLE, clusters, held_out, shingles, without_repeats, words_of


def grams(text):
    words = words_of(text)
    return [" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)]


def texts(*, seed, count):
    """Random texts over few words, some holding a piece of another."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        words = [f"w{rng.randrange(300)}" for _ in range(rng.randrange(0, 60))]
        if made and rng.random() < 0.4:
            other = rng.choice(made).split()
            start = rng.randrange(len(other) + 1)
            words[3:3] = other[start : start + rng.randrange(4, 14)]
        made.append(" ".join(words))
    return made


def test_shingles_are_the_word_8_grams():
    sample = [*texts(seed=0, count=200), "", "One, two; THREE four five six seven Eight!"]
    hashes, owners = shingles(sample)
    expected = [(index, gram) for index, text in enumerate(sample) for gram in grams(text)]
    assert owners.tolist() == [index for index, _ in expected]
    names = {}
    for value, (_, gram) in zip(hashes.tolist(), expected, strict=True):
        assert names.setdefault(gram, value) == value
    assert len(set(names.values())) == len(names)  # equal grams have equal hashes, others differ


def test_no_text_no_shingles():
    hashes, owners = shingles(["too short", ""])
    assert len(hashes) == len(owners) == 0
    assert clusters(["too short", ""]).tolist() == [0, 1]


def test_clusters_are_the_components_of_shared_shingles():
    sample = texts(seed=1, count=120)
    labels = clusters(sample)
    sets = [set(grams(text)) for text in sample]
    expected = list(range(len(sample)))
    for a, b in itertools.combinations(range(len(sample)), 2):
        if sets[a] & sets[b]:
            old, new = expected[b], expected[a]
            expected = [new if label == old else label for label in expected]
    assert 1 < len(set(expected)) < len(sample)
    for a, b in itertools.combinations(range(len(sample)), 2):
        assert (labels[a] == labels[b]) == (expected[a] == expected[b])


def test_repeats_go_and_the_first_copy_stays():
    long = "One two three four five six seven eight nine ten."
    documents = [
        [["The first."], [long, "And more."]],
        [["the FIRST"], ["Something new.", long], [long.replace("ten", "eleven") + " It differs a lot in its end."]],
        [[long]],
    ]
    assert without_repeats(documents) == [
        [["The first."], [long, "And more."]],
        [["Something new."], [long.replace("ten", "eleven") + " It differs a lot in its end."]],
        [],
    ]


def test_held_out_takes_whole_small_clusters_up_to_the_fraction():
    rng = np.random.RandomState(0)
    labels = rng.randint(0, 400, size=2000)
    labels[:900] = 400  # half the corpus hangs together
    sizes = rng.randint(100, 1000, size=2000)
    ids = [f"m{index}" for index in range(2000)]
    chosen = held_out(ids, sizes=sizes, labels=labels, fraction=0.1)
    assert not chosen[:900].any()
    assert set(labels[chosen]).isdisjoint(labels[~chosen])
    assert 0.09 < sizes[chosen].sum() / sizes.sum() <= 0.1
    order = rng.permutation(2000)
    relabelled = rng.permutation(401)[labels[order]]
    again = held_out([ids[i] for i in order], sizes=sizes[order], labels=relabelled, fraction=0.1)
    assert again.tolist() == chosen[order].tolist()
