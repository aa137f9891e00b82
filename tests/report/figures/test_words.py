"""Names as figures show them: drawable, short, wrapped, and labels that keep apart."""

import numpy as np
import pytest

from ablate.report.figures.words import arm_labels, drawn, short, spread, wrapped


def test_what_the_font_lacks_is_replaced():
    assert drawn("no_nsp ∅ ± α") == "no_nsp ∅ ± α"
    assert drawn("a🙂b\u202e漢") == "a�b�"
    assert drawn(" a\n\tb ") == "a b"


def test_the_middle_gives_way():
    assert short("distilbert_no_ce", 20) == "distilbert_no_ce"
    assert short("x" * 300, 34) == "x" * 22 + "…" + "x" * 11
    assert len(short("abc" * 100, 10)) == 10
    assert len(short("W" * 100, 20)) < 15  # wide letters take more room


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("bert", ["bert"]),
        ("sentence_pair_no_nsp", ["sentence_", "pair_no_nsp"]),
        ("mean of tasks", ["mean of", "tasks"]),
        ("a" * 20, ["a" * 12, "a" * 8]),
    ],
)
def test_lines_break_after_underscores_and_spaces(text, lines):
    assert wrapped(text, 12).split("\n") == lines


@pytest.mark.parametrize("text", ["_" * 50, "a_" * 200, "word " * 80, "", "🙂" * 99, "x" * 25 + "_y"])
def test_no_text_outgrows_its_lines(text):
    lines = wrapped(text, 12, lines=3).split("\n")
    assert len(lines) <= 3 and max(map(len, lines)) <= 13


def test_labels_keep_their_order_and_their_distance():
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 12):
        wanted = rng.uniform(0, 1, n)
        placed = spread(list(wanted), gap=0.05, low=0.0, high=1.0)
        assert list(np.argsort(placed)) == list(np.argsort(wanted))
        assert min(placed) >= 0 and max(placed) <= 1
        assert n == 1 or np.diff(sorted(placed)).min() > 0.05 - 1e-9
    assert spread([0.5, 0.9], gap=0.05, low=0.0, high=1.0) == [0.5, 0.9]  # what does not collide stays
    assert spread([], gap=0.1, low=0.0, high=1.0) == []


def test_too_many_labels_share_the_room():
    placed = spread([0.5] * 50, gap=0.1, low=0.0, high=1.0)
    assert (min(placed), max(placed)) == (pytest.approx(0), pytest.approx(1))


@pytest.mark.parametrize(
    ("arms", "labels"),
    [
        (["few__a", "few__b"], ["few__a", "few__b"]),  # there is room
        (["few_tokens__dynamic_masking", "few_tokens__static_masking_x1", "few_tokens"],
         ["…dynamic_masking", "…static_masking_x1", "few_tokens"]),
        (["few_tokens__dynamic_masking"], ["few_tokens__…asking"]),
        (["x" * 30, "y" * 30], ["x" * 13 + "…" + "x" * 7, "y" * 13 + "…" + "y" * 7]),  # nothing is shared
    ],
)  # fmt: skip
def test_what_all_arms_share_gives_way_first(arms, labels):
    assert arm_labels(arms, 21) == labels
