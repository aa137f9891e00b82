"""Embedded tasks: balanced, without repeats or leaks, and the same for every run."""

import random
from collections import Counter
from functools import partial

import numpy as np
import pytest

from ablate.data.documents import Document
from ablate.data.sources.near_duplicates import shingles
from ablate.data.store import read_fingerprint
from ablate.errors import UserError
from ablate.evaluation.baselines import baselines
from ablate.evaluation.embedded import NotEnoughText, balanced, embedded_task, passages, without_repeats
from ablate.evaluation.embedded_tasks import pair_match, sentence_order, topic, word_swap
from ablate.evaluation.tasks import HeldOutText

NAMES = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
MAKERS = {"topic": topic, "pair_match": pair_match, "sentence_order": sentence_order, "word_swap": word_swap}


class Text:
    """A source of made-up modules in eight groups, each with words of its own."""

    name = "made-up"

    def __init__(self, *, version="1", groups=True, modules=40):
        self.version, self.groups, self.modules = version, groups, modules

    def key(self):
        return f"{self.version}{self.groups}{self.modules}"

    def documents(self):
        rng = random.Random(self.version)
        common = ["".join(rng.choices("bdfgklmnprst", k=4)) for _ in range(900)]
        for index, name in enumerate(NAMES):
            own = common[100 * index : 100 * index + 100]
            for module in range(self.modules):
                split = "train" if module % 5 == 0 else "validation"
                text = "\n\n".join(paragraph(rng, own, common) for _ in range(6))
                yield Document(f"{name}.m{module}", text, split, name if self.groups else "")


def paragraph(rng, own, common):
    def sentence():
        words = rng.choices(own, k=5) + rng.choices(common, k=rng.randint(2, 6))
        rng.shuffle(words)
        return " ".join(words).capitalize() + "."

    return " ".join(sentence() for _ in range(4))


def task(name, **changes):
    labels = [str(i) for i in range(8 if name == "topic" else 2)]
    pair = name in ("pair_match", "sentence_order")
    return embedded_task(name=name, make=MAKERS[name], labels=labels, pair=pair, train=600, test=300, **changes)


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    return HeldOutText(Text(), tmp_path_factory.mktemp("cache"))


def texts_of(frame):
    return [text for column in ("first", "second") if column in frame for text in frame[column]]


@pytest.mark.parametrize("name", MAKERS)
def test_examples_are_balanced_and_occur_once(held_out, name):
    train, tests = task(name).load(held_out)
    test = tests[name]
    for frame in (train, test):
        counts = frame["label"].value_counts()
        assert counts.nunique() == 1
        assert len(frame) >= 100
    everything = texts_of(train) + texts_of(test)
    assert len({text.lower().strip(".") for text in everything}) == len(everything)


@pytest.mark.parametrize("name", MAKERS)
def test_modules_are_on_one_side_and_come_from_held_out_text(held_out, name):
    train, tests = task(name).load(held_out)
    sides = [set(frame["group"].str.partition("#")[0]) for frame in (train, tests[name])]
    assert not sides[0] & sides[1]
    validation = {d.id for d in held_out.source.documents() if d.split == "validation"}
    assert sides[0] | sides[1] <= validation


def test_no_run_of_eight_words_crosses_the_sides(held_out):
    cut = passages([d for d in held_out.source.documents() if d.split == "validation"])
    texts = [" ".join(" ".join(p) for p in passage.paragraphs) for passage in cut]
    hashes, owners = shingles(texts)
    of_train = np.array([passage.train for passage in cut])[owners]
    assert not set(hashes[of_train].tolist()) & set(hashes[~of_train].tolist())
    assert 0.5 < np.mean([passage.train for passage in cut]) < 0.8


@pytest.mark.parametrize("name", MAKERS)
def test_examples_depend_on_the_text_alone(held_out, tmp_path, name):
    first, again = task(name).load(held_out), task(name).load(HeldOutText(Text(), tmp_path))
    other = task(name).load(HeldOutText(Text(version="2"), tmp_path))
    assert first[0].equals(again[0])
    assert first[1][name].equals(again[1][name])
    assert not first[0].equals(other[0])


def test_labels_say_what_was_done(held_out):
    sentences = {}
    for document in held_out.source.documents():
        for part in document.text.split("\n\n"):
            lines = [line + "." for line in part.rstrip(".").split(". ")]
            sentences |= {line: (document.id, part, i) for i, line in enumerate(lines)}
    order = task("sentence_order").load(held_out)[0]
    for row in order.itertuples():
        assert (sentences[row.first][2] < sentences[row.second][2]) == bool(row.label)
    match = task("pair_match").load(held_out)[0]
    for row in match.itertuples():
        inside = row.second in sentences[row.first][1]
        assert inside == bool(row.label)
    swap = task("word_swap").load(held_out)[0]
    for row in swap.itertuples():
        assert (row.first in sentences) == bool(row.label)
    library = task("topic").load(held_out)[0]
    for row in library.itertuples():
        assert row.group.startswith(sorted(NAMES)[row.label])


def test_swapped_sentences_hold_the_same_words(held_out):
    written = Counter(
        tuple(sorted((s + ".").split()))
        for d in held_out.source.documents() for p in d.text.split("\n\n") for s in p.rstrip(".").split(". ")
    )  # fmt: skip
    swap = task("word_swap").load(held_out)[0]
    for row in swap[swap["label"] == 0].itertuples():
        assert tuple(sorted(row.first.split())) in written
        assert row.first.split()[0][0].isupper()
        assert row.first.endswith(".")


def test_baselines_need_no_encoder(held_out):
    scores = {}
    for name in MAKERS:
        made = task(name)
        data = made.data(held_out)
        scores |= baselines(made, data, cache=held_out.cache, fingerprint=data.fingerprint())
    assert scores["topic/accuracy/majority"] == pytest.approx(1 / 8)
    assert scores["topic/accuracy/bag_of_words"] > 0.9  # each group has words of its own
    assert scores["word_swap/accuracy/majority"] == 0.5
    assert abs(scores["word_swap/accuracy/bag_of_words"] - 0.5) < 0.1  # swapped words are the same words


def test_text_without_groups_has_no_topics(tmp_path):
    bare = HeldOutText(Text(groups=False), tmp_path)
    with pytest.raises(NotEnoughText, match="needs 8 groups of documents; this source has 0"):
        task("topic").load(bare)
    assert len(task("word_swap").load(bare)[0]) > 100


def test_too_little_text_is_said(tmp_path):
    with pytest.raises(NotEnoughText, match=r"fewer than 100"):
        task("sentence_order").load(HeldOutText(Text(modules=2), tmp_path))
    assert pair_match([]).empty


def test_a_changed_corpus_is_not_taken_for_the_pinned_one(tmp_path):
    with pytest.raises(UserError, match=r"the corpus has changed since these runs began.*data.refresh=true"):
        task("word_swap").load(HeldOutText(Text(), tmp_path, fingerprint="another"))


def test_a_cache_that_has_not_read_the_pinned_corpus_reads_it(tmp_path):
    pinned = HeldOutText(Text(), tmp_path, fingerprint=read_fingerprint(Text()))
    assert len(task("word_swap").load(pinned)[0]) > 100


def test_balancing_takes_a_subset_by_hash(held_out):
    frame = without_repeats(word_swap(passages([d for d in held_out.source.documents() if d.split == "validation"])))
    small, large = (set(balanced(frame, size)["id"]) for size in (100, 400))
    assert small <= large
    assert (len(small), len(large)) == (100, 400)


def test_other_arguments_of_a_maker_are_other_examples(held_out):
    def shouted(passages, *, loud=False):
        frame = MAKERS["sentence_order"](passages)
        return frame.assign(first=frame["first"].str.upper()) if loud else frame

    firsts = []
    for make in (shouted, partial(shouted), partial(shouted, loud=False), partial(shouted, loud=True)):
        made = embedded_task(name="shouted", make=make, labels=["0", "1"], pair=True, train=600, test=300)
        firsts.append(made.load(held_out)[0]["first"].tolist())
    assert firsts[0] == firsts[1] == firsts[2] != firsts[3]
    assert [text.upper() for text in firsts[0]] == firsts[3]
