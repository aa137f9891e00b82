"""Figures, their table, and sides that measure in turns."""

import itertools

import pandas as pd
import pytest

from benchmarks.figures import Figure, circumstances, ratio, write
from benchmarks.turns import Side, in_turns

CLOCK = {
    "date": "2026-01-01", "code": "abc", "processor": "p", "threads": "1", "python": "3", "packages": "torch 2",
}  # fmt: skip


@pytest.mark.parametrize(
    ("values", "target", "met"),
    [([5, 7, 6], ">= 6", "yes"), ([5, 5, 9], ">= 6", "no"), ([1], "<= 2", "yes"), ([1], "", "")],
)
def test_the_median_is_held_against_the_target(values, target, met):
    figure = Figure.of("b", "w", values, unit="x", target=target)
    assert (figure.median, figure.low, figure.high) == (sorted(values)[len(values) // 2], min(values), max(values))
    assert figure.met == met


def test_ratios_are_of_the_same_round():
    assert ratio("b", "w", [2, 9], [1, 3]).median == 2.5


def test_rows_of_other_benchmarks_stay(tmp_path):
    write([Figure.of("a", "first", [1], unit="s"), Figure.of("b", "old", [1], unit="s")], CLOCK, tmp_path)
    write([Figure.of("b", "new", [1234.5], unit="s", target="<= 2")], CLOCK | {"date": "2026-02-02"}, tmp_path)
    table = pd.read_csv(tmp_path / "speed.csv")
    assert table["what"].tolist() == ["first", "new"]
    assert table["date"].tolist() == ["2026-01-01", "2026-02-02"]
    assert "| new | 1,234 s | 1,234 to 1,234 | 1 | <= 2 | no |" in (tmp_path / "README.md").read_text()


def test_figures_of_another_processor_stay_beside(tmp_path):
    for processor, seconds in (("p", 1.0), ("q", 2.0), ("q", 3.0)):
        write([Figure.of("a", "first", [seconds], unit="s")], CLOCK | {"processor": processor}, tmp_path)
    table = pd.read_csv(tmp_path / "speed.csv")
    assert list(zip(table["processor"], table["median"], strict=True)) == [("p", 1.0), ("q", 3.0)]
    page = (tmp_path / "README.md").read_text()
    assert page.index("## p") < page.index("| first | 1 s") < page.index("## q") < page.index("| first | 3 s")
    assert "date 2026-01-01; code abc; threads 1; python 3; packages torch 2." in page


def test_circumstances_name_processor_and_packages():
    about = circumstances(threads=2)
    assert "torch" in about["packages"]
    assert "cores" in about["processor"]


def counting(start):
    numbers = itertools.count(start)
    return lambda: {"value": float(next(numbers))}


def failing():
    raise ValueError("no such side")


def test_sides_measure_once_a_round_and_the_first_round_is_thrown_away():
    found = in_turns({"a": Side(counting, {"start": 0}), "b": Side(counting, {"start": 10})}, rounds=2, threads=1)
    assert {name: [one["value"] for one in all_of] for name, all_of in found.items()} == {"a": [1, 2], "b": [11, 12]}


def test_a_side_that_fails_says_how():
    with pytest.raises(RuntimeError, match="no such side"):
        in_turns({"a": Side(failing)}, rounds=1, threads=1)
