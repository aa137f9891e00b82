"""Sweeps through the command line whose runs depend on one another: teachers, and studies that include others."""

import json

import pytest

from ablate.runs.directory import Place
from ablate.sweep import ended, outcome_at

pytestmark = pytest.mark.timeout(900)

SCALED = ".scale.batch-8.scale.tokens-1024.tokenizer.vocab_size-150"
BROKEN = "def start(model, *, std, seed):\n    raise RuntimeError('the disk caught fire')\n"
FILES = {
    "exp/broken_teacher.yaml": "init: {_target_: broken.start}",
    "exp/lost_student.yaml": "defaults: [/exp/student_soft@_here_]\nteacher: {exp: broken_teacher}",
    "study/taught.yaml": "study: {name: taught, baseline: student_soft, seeds: 1, "
                         "arms: [student_soft, student_mix, lost_student]}",
    "study/text.yaml": "defaults: [{override /budget: bytes}]\n"
                       "study: {name: text, baseline: cased, seeds: 1, arms: [cased, cased__lr_d10]}",
    "study/both.yaml": "study: {name: both, include: [taught, text]}",
}  # fmt: skip


@pytest.fixture
def sweep(command, tiny, tmp_path):
    """Run `-m +study=both` with the groups above; the finished process."""
    (tmp_path / "broken.py").write_text(BROKEN)
    for name, text in FILES.items():
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# @package _global_\n{text}\n")

    def call(*overrides):
        return command("-m", "+study=both", "--config-dir", "own", *tiny, "eval=none", "scale.tokens=1024", *overrides)

    return call


def written(tmp_path, name):
    """Files of this name in run directories, by arm; what the tiny scale overrides is left out of the name."""
    found = tmp_path.glob(f"multirun/*/*/seed-0/{name}")
    return {path.parent.parent.name.replace(SCALED, ""): path for path in found}


def results(tmp_path):
    return {arm: path.stat().st_mtime_ns for arm, path in written(tmp_path, "result.json").items()}


def test_a_teacher_is_trained_once_and_one_that_fails_fails_its_students_only(sweep, tmp_path):
    first = sweep("hydra/launcher=basic")  # one process for all runs, whose start takes longer than they do
    assert first.returncode == 1, first.stderr
    done = results(tmp_path)
    assert set(done) == {
        "budget_x2", "student_soft", "student_mix", "cased.budget-bytes", "cased__lr_d10.budget-bytes",
    }  # fmt: skip
    assert done["budget_x2"] < min(done["student_soft"], done["student_mix"])
    lost = {arm: json.loads(path.read_text())["error"] for arm, path in written(tmp_path, "failure.json").items()}
    assert lost["broken_teacher"] == "RuntimeError: the disk caught fire"
    assert lost["lost_student"].endswith(
        f"its teacher (broken_teacher{SCALED}, seed 0) failed: RuntimeError: the disk caught fire"
    )
    provenance = {arm: json.loads(path.read_text()) for arm, path in written(tmp_path, "provenance.json").items()}
    assert len(provenance["budget_x2"]["sessions"]) == 1  # for two students
    assert {arm for arm, one in provenance.items() if one["identity"]["budget"]["match"] == "bytes"} == {
        "cased.budget-bytes", "cased__lr_d10.budget-bytes",
    }  # fmt: skip

    (tmp_path / "broken.py").write_text("from ablate.models.init import by_name as start\n")
    again = sweep()  # each in a process of its own
    assert again.returncode == 0, again.stderr
    assert again.stderr.count(f"broken_teacher{SCALED} seed 0: done") == 1
    assert "4 of 6 runs are finished and skipped" in again.stderr
    after = results(tmp_path)
    assert {arm: after[arm] for arm in done} == done
    assert after["broken_teacher"] < after["lost_student"]


def test_of_jobs_that_share_a_directory_the_worst_counts(tmp_path):
    place = Place(root=tmp_path, study="adhoc", arm="bert", seed=0)
    assert (ended(place, 1), ended(place, 0), outcome_at(place)) == (1, 0, 1)


def test_a_run_of_a_sweep_that_cannot_start_says_why_afterwards(command, tiny, tmp_path):
    wrong = [one for one in tiny if not one.startswith("tokenizer.vocab_size")]
    done = command("-m", "+exp=bert", *wrong, "tokenizer.vocab_size=5000", "hydra/launcher=basic")
    assert done.returncode == 2, done.stderr
    (failure,) = tmp_path.glob("multirun/*/*/seed-0/failure.json")
    assert json.loads(failure.read_text())["error"].startswith("tokenizer.vocab_size=5000: larger than the corpus")
