"""Subsets and splits of training examples."""

from itertools import pairwise

import pandas as pd
from evaluation.keywords import keyword_frame, keyword_task

from ablate.evaluation.tasks import nested


def test_smaller_subsets_lie_inside_larger_ones():
    frame = keyword_frame(200, seed=3)
    sizes = (10, 50, 120, 200, None)
    subsets = [set(nested(frame, size)["id"]) for size in sizes]
    assert [len(s) for s in subsets] == [10, 50, 120, 200, 200]
    assert all(a <= b for a, b in pairwise(subsets))


def test_a_subset_does_not_depend_on_the_order_of_rows():
    frame = keyword_frame(200, seed=3)
    assert set(nested(frame, 40)["id"]) == set(nested(frame.sample(frac=1, random_state=0), 40)["id"])


def test_development_is_a_tenth_of_train_and_apart_from_it():
    data = keyword_task().data(None)
    assert len(data.development) == 24
    assert not set(data.development["id"]) & set(data.train["id"])
    assert len(data.train) + len(data.development) == 240


def test_development_takes_whole_groups():
    frame = keyword_frame(240, seed=1).assign(group=[f"module{i // 6}" for i in range(240)])
    task = keyword_task()
    grouped = task.__class__(**{**task.__dict__, "load": lambda _: (frame, {"keyword": frame})}).data(None)
    assert len(grouped.development) == 24
    assert not set(grouped.development["group"]) & set(grouped.train["group"])


def test_the_fingerprint_changes_with_any_label():
    data = keyword_task().data(None)
    changed = data.tests["keyword"].assign(label=lambda f: f["label"].where(f.index != 7, 1 - f["label"]))
    assert data.fingerprint() == keyword_task().data(None).fingerprint()
    other = type(data)(data.train, data.development, {"keyword": pd.DataFrame(changed)})
    assert other.fingerprint() != data.fingerprint()
