"""status, plan and verify: help without torch, mistakes in one line, and what they say of synthetic runs."""

import sys
import time

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


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        ("ablate.status", ["nowhere"], "nowhere: no such folder"),
        ("ablate.status", ["."], "holds no runs"),
        ("ablate.verify", ["nowhere"], "nowhere: no such folder"),
        ("ablate.verify", ["."], "holds no finished runs"),
        ("ablate.plan", ["+study=nps"], "study=nps: no such option; nearest: nsp"),
        ("ablate.plan", ["+exp=bert"], "name a study"),
        ("ablate.plan", ["+study=aa", "--noise", "x"], "--noise x: must be METRIC=SD"),
    ],
)
def test_mistakes_are_one_line(module, arguments, words, command):
    done = command(*arguments, module=module)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_plan_without_a_rehearsal_counts_runs_and_power(command):
    done = command("+study=aa", "scale=smoke", "--no-rehearsal", "--noise", "val/mlm_loss=1.0", module="ablate.plan")
    assert done.returncode == 0, done.stderr
    assert "aa: 20 runs, 0 done, 20 to do" in done.stdout
    assert "power below one half" in done.stdout


def test_progress_counts_what_was_asked_for(tmp_path):
    folder = tmp_path / "x"
    write_run(folder, "bert", 0, {})
    write_run(folder, "bert", 1, {}, status="diverged")
    (folder / "no_nsp" / "seed-0").mkdir(parents=True)
    progress = progress_of(collect(folder), {"bert": [0, 1, 2], "no_nsp": [0]})
    assert progress.states == {
        "bert": {0: "done", 1: "diverged", 2: "to do"}, "no_nsp": {0: "interrupted"},
    }  # fmt: skip
    assert progress.problems == ("bert seed 1 diverged: the loss is not finite",)
    assert progress.seconds_left == pytest.approx(2 * 10.0)
    assert progress.total == 4
    assert studies_under(tmp_path) == [folder]


GOOD = {"val/mlm_loss": 6.15, "val/unigram_loss": 5.9, "val/bits_per_char": 3.05, "train/epochs": 20480 / 4.4e6}


@pytest.mark.parametrize(
    ("changes", "first", "stage"),
    [
        ({}, 6.9, None),
        ({"val/mlm_loss": 5.0}, 6.9, "final loss"),
        ({"val/unigram_loss": 7.0}, 6.9, "corpus"),
        ({"train/epochs": 1.0}, 6.9, "corpus"),
        ({}, 6.0, "first loss"),
        ({}, 9.0, "tokenizer"),
    ],
)
def test_verify_names_the_stage_that_departs(tmp_path, changes, first, stage):
    directory = write_run(tmp_path, "bert", 0, GOOD | changes)
    (directory / "metrics.csv").write_text(f"step,tokens,seconds,train/mlm_loss\n5,2560,1.0,{first}\n")
    wrong = [check.stage for check in verify_run(read_run(directory), scale="smoke") if not check.holds]
    assert wrong[:1] == ([] if stage is None else [stage])
