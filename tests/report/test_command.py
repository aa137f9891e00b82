"""The command: quick help, mistakes in one line, exit codes, the csv of others, comparison."""

import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from conftest import environment_of
from synthetic_report import call

from ablate.report import write


def test_help_is_quick_and_imports_neither_torch_nor_matplotlib():
    code = "import runpy, sys; sys.argv = ['x', '--help']\n"
    code += "try: runpy.run_module('ablate.report', run_name='__main__')\n"
    code += "except SystemExit: assert not {'torch', 'matplotlib', 'pandas', 'omegaconf'} & set(sys.modules)"
    before = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment_of())
    assert done.returncode == 0, done.stderr
    assert "--fail-on" in done.stdout
    assert time.perf_counter() - before < 15  # 0.1 s on a quiet machine


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a study's folder"),
        (["nowhere"], "nowhere: no such folder or file"),
        (["."], "holds no runs"),
        (["x.csv"], "name the study to judge it by"),
        (["x.csv", "--study", "nps"], "nearest: nsp"),
        (["x.csv", "--fail-on", "refuted"], "--fail-on refuted: no such verdict; verdicts: supported"),
        (["x.csv", "--study", "nsp", "--against", "nowhere"], "not the verdicts of a report"),
        (["x.csv", "--gallery"], "--gallery: takes --out only, not source"),
        (["x.csv", "--study", "budget", "--examples", "nowhere.csv"], "nowhere.csv: no such file"),
        (["x.csv", "--study", "budget", "--examples", "x.csv"], "x.csv: values per example need the columns"),
        (["x.csv", "--study", "nsp", "--examples", "wide.csv"], "wide.csv: has no column metric"),
        ([".", "--examples", "x.csv"], "--examples x.csv: goes with a file of results; . keeps its own"),
        (["--gallery"], "reports: holds no reports"),
        (["broken"], "runs.json is corrupt"),
        (["--nonsense"], "see --help"),
    ],
)
def test_mistakes_are_one_line(answer, tmp_path, arguments, words):
    (tmp_path / "x.csv").write_text("arm,seed,metric,value\nbert,0,embedded/mean,0.5\n")
    (tmp_path / "wide.csv").write_text("arm,seed,example,value\nbert,0,a,0.5\n")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "runs.json").write_text("{")
    done = answer(*arguments, module="ablate.report")
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    """Somebody's numbers for two arms of a study of their own."""
    folder = tmp_path_factory.mktemp("csv")
    rows = [
        (arm, seed, "my/score", level + 0.01 * seed + 0.003 * (arm == "new") * (seed % 3))
        for arm, level in (("old", 0.5), ("new", 0.6)) for seed in range(6)
    ]  # fmt: skip
    pd.DataFrame(rows, columns=["arm", "seed", "metric", "value"]).to_csv(folder / "theirs.csv", index=False)
    (folder / "theirs.yaml").write_text(STUDY)
    return folder / "theirs.csv"


STUDY = """
study:
  name: theirs
  question: Is the new one better?
  baseline: old
  arms: [old, new]
  seeds: 6
  claims:
    - {id: better, says: the new one is better, kind: superiority, contrast: new - old, metric: my/score,
       higher_is_better: true, factors: [model]}
"""


def test_results_of_others_become_a_report(csv, tmp_path, capsys):
    out = tmp_path / "theirs"
    assert call(csv, "--study", csv.with_suffix(".yaml"), "--out", out) == 0
    assert str(out / "index.html") in capsys.readouterr().out
    page = (out / "index.html").read_text()
    assert "Nothing is known of how these results were made" in page
    assert "Is the new one better?" in page
    assert call(out, "--out", out) == 0  # and again from its own files
    assert (out / "index.html").read_text() == page


def test_values_per_example_are_crossed_with_seeds_and_kept(csv, tmp_path):
    rng = np.random.default_rng(0)
    means = pd.read_csv(csv).set_index(["arm", "seed"])["value"]
    spread = rng.normal(0, 0.01, 50)
    rows = [
        (arm, seed, example, value)
        for (arm, seed), mean in means.items()
        for example, value in enumerate(mean + spread - spread.mean())
    ]
    values = tmp_path / "values.csv"
    pd.DataFrame(rows, columns=["arm", "seed", "example", "value"]).to_csv(values, index=False)
    asked, out = ["--study", csv.with_suffix(".yaml")], tmp_path / "theirs"
    assert call(csv, *asked, "--examples", values, "--out", out) == 0
    (claim,) = json.loads((out / "verdicts.json").read_text())["claims"]
    assert claim["method"] == "crossed seeds x examples"
    page = (out / "index.html").read_text()
    again = page.replace("<wbr>", "")
    assert "python -m ablate.report ." in again and "--study theirs" not in again  # conf/ has no study of that name
    assert call(out) == 0  # again, without the files
    assert (out / "index.html").read_text() == page
    assert call(csv, *asked, "--examples", out / "examples.parquet", "--out", tmp_path / "again") == 0
    assert json.loads((tmp_path / "again" / "verdicts.json").read_text())["claims"] == [claim]
    assert call(csv, *asked, "--out", out) == 0  # and nothing is left of them in a report without
    assert json.loads((out / "verdicts.json").read_text())["claims"][0]["method"] == "one-sample t"


def test_fail_on_gives_exit_code_3(csv, tmp_path, capsys):
    study = csv.with_suffix(".yaml")
    arguments = [csv, "--study", study, "--out", tmp_path / "r"]
    assert call(*arguments, "--fail-on", "contradicted,inconclusive") == 0
    assert call(*arguments, "--fail-on", "contradicted, supported") == 3
    assert "better is supported" in capsys.readouterr().err


def test_against_an_older_report_the_page_says_what_changed_and_why(csv, tmp_path, capsys):
    study = csv.with_suffix(".yaml")
    assert call(csv, "--study", study, "--out", tmp_path / "old") == 0
    stricter = tmp_path / "stricter.yaml"
    stricter.write_text(STUDY.replace("higher_is_better", "threshold: 0.2, higher_is_better"))
    capsys.readouterr()
    assert call(csv, "--study", stricter, "--out", tmp_path / "new", "--against", tmp_path / "old") == 0
    assert "better: supported -> contradicted (claim: threshold none -> 0.2)" in capsys.readouterr().out
    for name in ("index.html", "report.md"):
        text = (tmp_path / "new" / name).read_text()
        assert "What changed since old" in text
        assert "claim: threshold none" in text


@pytest.mark.parametrize("moment", ["write_archive", "write_verdicts", "render_page", "render_markdown"])
def test_an_interrupted_report_is_made_again(csv, tmp_path, monkeypatch, moment):
    asked = [csv, "--study", csv.with_suffix(".yaml"), "--out", tmp_path / "r"]

    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(write, moment, interrupted)
        call(*asked)
    assert call(*asked) == 0
    assert (tmp_path / "r" / "index.html").is_file()


def test_a_report_without_verdicts_is_still_one(csv, tmp_path):
    asked = [csv, "--study", csv.with_suffix(".yaml"), "--out", tmp_path / "r"]
    assert call(*asked) == 0
    (tmp_path / "r" / "verdicts.json").unlink()
    left = tmp_path / "r" / "figures" / "left.svg"
    left.touch()
    assert call(*asked) == 0
    assert not left.exists()


def test_a_folder_of_something_else_is_left_alone(csv, nsp, tmp_path, answer):
    (tmp_path / "index.html").write_text("mine")
    for out, words in ((tmp_path, "is no report's"), (nsp, "holds runs"), (csv, "is a file")):
        done = answer(csv, "--study", csv.with_suffix(".yaml"), "--out", out, module="ablate.report")
        assert done.returncode == 2
        assert words in done.stderr
    assert (tmp_path / "index.html").read_text() == "mine"


def test_figures_of_an_earlier_report_do_not_outlive_it(csv, tmp_path):
    arguments = [csv, "--study", csv.with_suffix(".yaml"), "--out", tmp_path / "r"]
    call(*arguments)
    old, mine = tmp_path / "r" / "figures" / "gone.svg", tmp_path / "r" / "figures" / "notes.txt"
    old.write_text("<svg/>")
    mine.write_text("mine")
    call(*arguments)
    assert not old.exists()
    assert mine.exists()
    assert json.loads((tmp_path / "r" / "verdicts.json").read_text())["claims"][0]["verdict"] == "supported"
