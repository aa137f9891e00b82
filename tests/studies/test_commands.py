"""status, plan and verify: help without torch, mistakes in one line, and what they say of synthetic runs."""

import sys
import time

import pandas as pd
import pytest
from synthetic_runs import write_run

from ablate.runs.collect import collect, read_run
from ablate.studies.progress import progress_of, studies_under
from ablate.studies.verify import verify_run

MODULES = ("ablate.status", "ablate.plan", "ablate.verify")


@pytest.mark.parametrize("module", MODULES)
def test_help_is_quick_and_imports_no_torch(module, command):
    done = command("--help", module=module)
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout
    code = f"import runpy, sys; sys.argv = ['x', '--help']\ntry: runpy.run_module({module!r}, run_name='__main__')\n"
    code += "except SystemExit: assert 'torch' not in sys.modules and 'omegaconf' not in sys.modules"
    import subprocess

    from conftest import environment_of

    before = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment_of())
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - before < 15  # 0.1 s on a quiet machine


STUDY = (
    "# @package _global_\nstudy: {{name: {name}, baseline: bert, arms: [bert, {arm}], seeds: 2, claims: [{claim}]}}\n"
)
CLAIM = "{{id: c, says: s, kind: superiority, contrast: {arm} - bert, metric: val/mlm_loss, factors: [nsp]}}"
OWN = {
    "study/broken.yaml": "study: {name: broken\n  - oops: [",
    "study/confounded.yaml": STUDY.format(name="confounded", arm="roberta", claim=CLAIM.format(arm="roberta")),
    "study/asked.yaml": STUDY.format(name="asked", arm="easy", claim=CLAIM.format(arm="easy")),
    "exp/easy.yaml": "# @package _global_\nnsp: false\neval: {chars: 1000}\n",
    "r.csv": "arm,seed,metric,value\nbert,0,val/mlm_loss,1\n",
    "broken.yaml": "study: {name: broken\n  - oops: [",
    "unknown.yaml": "study: {name: '${nope}'}",
}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    for name, text in OWN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        ("ablate.status", ["nowhere"], "nowhere: no such folder"),
        ("ablate.status", ["."], "holds no runs"),
        ("ablate.verify", ["nowhere"], "nowhere: no such folder"),
        ("ablate.verify", ["."], "holds no finished runs"),
        ("ablate.plan", ["+study=nps"], "study=nps: no such option; nearest: nsp"),
        ("ablate.plan", ["+exp=bert"], "name a study"),
        ("ablate.plan", ["--config-dir", "{own}", "+study=broken"], "broken.yaml, line 2: is not YAML: "),
        ("ablate.plan", ["--config-dir", "{own}", "+study=confounded"], "claim c: confounded: the arms may differ in"),
        ("ablate.plan", ["--config-dir", "{own}", "+study=asked"], "arm easy: eval.chars=1000, where bert has 200000"),
        (
            "ablate.report",
            ["{own}/study/broken.csv", "--study", "{own}/broken.yaml"],
            "broken.yaml, line 2: is not YAML",
        ),
        ("ablate.report", ["{own}/study/broken.csv", "--study", "{own}/unknown.yaml"], "nope"),
        ("ablate.plan", ["+study=aa", "--noise", "x"], "--noise x: must be METRIC=SD"),
    ],
)
def test_mistakes_are_one_line(module, arguments, words, own, answer):
    done = answer(*(one.format(own=own) for one in arguments), module=module)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_plan_without_a_rehearsal_counts_runs_and_power(answer):
    done = answer("+study=aa", "scale=smoke", "--no-rehearsal", "--noise", "val/mlm_loss=1.0", module="ablate.plan")
    assert done.returncode == 0, done.stderr
    assert "aa: 20 runs, 0 done, 20 to do" in done.stdout
    assert "power below one half" in done.stdout


def test_a_plan_counts_the_teachers_that_a_sweep_trains_first(answer):
    done = answer("+study=distilroberta", "scale=smoke", "--no-rehearsal", module="ablate.plan")
    assert done.returncode == 0, done.stderr
    assert "distilroberta: 25 runs, 0 done, 25 to do" in done.stdout
    assert "and first the teachers: 10 runs of " in done.stdout


def test_a_plan_of_studies_together_counts_shared_runs_and_plans_each_family(answer):
    included = "study.include=[budget,roberta]"
    asked = ["+study=papers", included, "scale=smoke", "--no-rehearsal", "--noise", "val/mlm_loss=0.05"]
    done = answer(*asked, module="ablate.plan")
    assert done.returncode == 0, done.stderr
    assert "papers: 20 runs, 0 done, 20 to do" in done.stdout  # 3 and 2 arms, of which one is in both
    rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in done.stdout.splitlines() if "│" in line]
    assert [row for row in rows if all(row)] == [
        ["budget", "longer_is_better"], ["budget", "doubling_helps"],
        ["roberta", "same_architecture"], ["roberta", "better_recipe"],
    ]  # fmt: skip


def test_progress_counts_what_was_asked_for(tmp_path):
    folder = tmp_path / "x"
    write_run(folder, "bert", 0, {})
    write_run(folder, "bert", 1, {}, status="diverged")
    write_run(folder, "dynamic", 0, {"train/seconds": 40.0})
    (folder / "no_nsp" / "seed-0").mkdir(parents=True)
    progress = progress_of(collect(folder), {"bert": [0, 1, 2], "no_nsp": [0], "dynamic": [0, 1]})
    assert progress.states == {
        "bert": {0: "done", 1: "diverged", 2: "to do"}, "no_nsp": {0: "interrupted"},
        "dynamic": {0: "done", 1: "to do"},
    }  # fmt: skip
    assert progress.problems == ("bert seed 1 diverged: the loss is not finite",)
    assert progress.seconds_left == pytest.approx(10.0 + 40.0 + 25.0)  # an arm's own time, or else the mean of all
    assert progress.total == 6
    assert studies_under(tmp_path) == [folder]


GOOD = {"val/mlm_loss": 6.15, "val/unigram_loss": 5.9, "val/bits_per_char": 3.05, "train/epochs": 20480 / 4.4e6}


TASKS = {"probe/topic/accuracy": 0.26, "probe/topic/accuracy/bag_of_words": 0.466,
         "probe/pair_match/accuracy/bag_of_words": 0.726}  # fmt: skip


def checked_run(tmp_path, changes, first, chars=285):
    directory = write_run(tmp_path, "bert", 0, GOOD | changes)
    (directory / "metrics.csv").write_text(f"step,tokens,seconds,train/mlm_loss\n5,2560,1.0,{first}\n")
    (directory / "predictions").mkdir()
    frame = pd.DataFrame({"document": ["a", "b"], "n_masked": [60, 40], "n_chars": [chars - 100, 100]})
    frame.to_parquet(directory / "predictions" / "val_mlm.parquet")
    return verify_run(read_run(directory), scale="smoke")


@pytest.mark.parametrize(
    ("changes", "first", "chars", "stage"),
    [
        ({}, 6.9, 285, None),
        (TASKS, 6.9, 285, None),
        ({"val/mlm_loss": 5.0}, 6.9, 285, "final loss"),
        ({"val/unigram_loss": 7.0}, 6.9, 285, "corpus"),
        ({"train/epochs": 1.0}, 6.9, 285, "corpus"),
        ({}, 6.0, 285, "first loss"),
        ({}, 9.0, 285, "tokenizer"),
        ({}, 6.9, 400, "tokenizer"),
        (TASKS | {"probe/topic/accuracy": 0.9}, 6.9, 285, "task"),
        (TASKS | {"probe/topic/accuracy/bag_of_words": 0.9}, 6.9, 285, "task"),
    ],
)
def test_verify_names_the_stage_that_departs(tmp_path, changes, first, chars, stage):
    wrong = [check.stage for check in checked_run(tmp_path, changes, first, chars) if not check.holds]
    assert wrong[:1] == ([] if stage is None else [stage])


def test_verify_names_the_earliest_of_several_stages(tmp_path):
    everything = TASKS | {"val/unigram_loss": 7.0, "val/mlm_loss": 5.0, "probe/topic/accuracy": 0.9}
    wrong = [check.stage for check in checked_run(tmp_path, everything, 9.0, 400) if not check.holds]
    assert list(dict.fromkeys(wrong)) == ["corpus", "tokenizer", "first loss", "final loss", "task"]
