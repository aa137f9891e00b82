"""Who may write in a run's directory, and what is found there or elsewhere."""

import json
import multiprocessing
import shutil
import threading
import time

import pytest
import torch
from filelock import FileLock

from ablate.errors import UserError
from ablate.runs.directory import LOCK, Occupied, check_same_run, held, write_before
from ablate.runs.record import read_failure, read_result, write_failure, write_json


def hold(directory, ready, release):
    with held(directory):
        ready.set()
        release.wait(20)


def test_a_second_process_is_refused_in_one_line_while_the_first_holds_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / "run", ready, release))
    process.start()
    try:
        assert ready.wait(60)
        with pytest.raises(UserError, match="another process is running this run"), held(tmp_path / "run"):
            pass
    finally:
        release.set()
        process.join()
    with held(tmp_path / "run"):
        pass


def test_a_look_at_the_lock_does_not_refuse_a_run_that_starts(tmp_path):
    """`ablate.status` takes the lock for an instant, to see whether anybody has it."""
    looking = threading.Event()

    def look():
        with FileLock(tmp_path / LOCK).acquire(timeout=0):
            looking.set()
            time.sleep(0.2)

    other = threading.Thread(target=look)
    other.start()
    assert looking.wait(20)
    with held(tmp_path):
        other.join()


def test_another_runs_directory_is_refused_with_the_keys_that_differ(tmp_path):
    write_json(
        tmp_path / "provenance.json", {"run_id": "a", "identity": {"nsp": True, "optim": {"lr": 0.1}, "seed": 0}}
    )
    check_same_run(tmp_path, "a", {})
    with pytest.raises(UserError) as error:
        check_same_run(tmp_path, "b", {"nsp": False, "optim": {"lr": 0.2}, "seed": 0})
    assert "nsp: True -> False, optim.lr: 0.1 -> 0.2" in str(error.value)
    assert "seed" not in str(error.value).split("differing keys")[1]


def test_a_corrupt_provenance_is_said(tmp_path):
    (tmp_path / "provenance.json").write_text("{")
    with pytest.raises(UserError, match="corrupt"):
        check_same_run(tmp_path, "a", {})


def test_a_finished_run_is_skipped_and_nothing_is_written(run_tiny):
    first, directory = run_tiny()
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file() and path.name != ".lock"}
    again, _ = run_tiny()
    assert again == first
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_the_same_run_under_another_name_is_shared(run_tiny):
    baseline, there = run_tiny()
    shared, here = run_tiny("+exp=static_masking")
    assert here != there
    assert shared.shared_from == str(there)
    assert (shared.arm.split(".")[0], shared.metrics, shared.run_id) == (
        "static_masking",
        baseline.metrics,
        baseline.run_id,
    )
    assert read_result(here) == shared
    assert not (here / "model").exists()
    for name in (".hydra/config.yaml", "metrics.csv", "provenance.json", "predictions/val_mlm.parquet"):
        assert (here / name).exists(), name
    again, _ = run_tiny("+exp=static_masking")
    assert again == shared


def test_a_shared_run_is_not_asked_more_once_its_model_is_gone(run_tiny):
    _, there = run_tiny()
    run_tiny("+exp=static_masking")
    shutil.rmtree(there)
    with pytest.raises(UserError, match=r"its model is that of .*, which is no longer there; delete"):
        run_tiny("+exp=static_masking", "eval.format_chars=2000")


def test_a_directory_of_another_recipe_is_left_as_it_is(run_tiny):
    _, directory = run_tiny()
    path = directory / "provenance.json"
    known = json.loads(path.read_text())
    write_json(path, {**known, "run_id": "other", "identity": {**known["identity"], "nsp": False}})
    (directory / "result.json").unlink()
    before = {p: p.read_bytes() for p in directory.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match="nsp: False -> True"):
        run_tiny()
    assert before == {p: p.read_bytes() for p in before}


def test_a_record_of_another_run_is_left_as_it_is(run_tiny):
    _, directory = run_tiny("budget.amount=1024")
    (directory / "provenance.json").unlink()
    path = directory / "result.json"
    write_json(path, {**json.loads(path.read_text()), "run_id": "other"})
    before = {p: p.read_bytes() for p in directory.rglob("*") if p.is_file()}
    with pytest.raises(Occupied, match=r"result\.json is the record of another run \(other, not \w+\); .*delete"):
        run_tiny("budget.amount=1024")
    assert before == {p: p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_a_run_that_is_tried_again_has_not_failed_yet(tmp_path):
    write_failure(tmp_path, run_id="r", error="OSError: x", traceback="...")
    write_before(tmp_path, config="", run_id="r", what={}, fingerprint="f", device=torch.device("cpu"))
    assert read_failure(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", '{"run_id": 3}'])
def test_a_corrupt_result_is_run_again(run_tiny, text):
    first, directory = run_tiny("budget.amount=1024")
    (directory / "result.json").write_text(text)
    again, _ = run_tiny("budget.amount=1024")
    assert again.metrics["val/mlm_loss"] == first.metrics["val/mlm_loss"]
    assert read_result(directory) == again


def test_checkpoints_go_when_the_run_is_complete(run_tiny):
    _, directory = run_tiny("trainer.checkpoint_minutes=0")
    assert not (directory / "checkpoints").exists()
    names = {path.name for path in directory.iterdir()} - {".lock"}
    assert names == {".hydra", "result.json", "metrics.csv", "provenance.json", "model", "predictions", "run.log"}


def test_another_text_of_the_same_name_is_refused(run_tiny, texts, tmp_path):
    def asked(place, *rest):
        return (f"data.path={place}", "data.name=mine", "budget.amount=512", *rest)

    moved, other = tmp_path / "moved", tmp_path / "other"
    for copy in (moved, other):
        shutil.copytree(texts, copy)
    (other / "new.txt").write_text("The cat sees the dog near the old mill. The dog sees the cat by the sea.")
    first, _ = run_tiny(*asked(texts))
    with pytest.raises(UserError, match=rf"data\.path={other} \(there {texts}\).* another corpus called mine"):
        run_tiny(*asked(other))
    with pytest.raises(UserError, match=r"data\.separator=%% \(there None\).*\(data\.name="):
        run_tiny(*asked(texts, "data.separator='%%'"))
    assert run_tiny(*asked(moved))[0] == first
    assert run_tiny(*asked(other, "data.refresh=true", "seed=1"))[0].status == "ok"


def test_the_corpus_is_pinned_and_a_change_is_opt_in(run_tiny, texts, tmp_path):
    mine = tmp_path / "texts"
    shutil.copytree(texts, mine)
    here = (f"data.path={mine}", "data.name=mine", "budget.amount=512")
    first, _ = run_tiny(*here)
    (mine / "new.txt").write_text("The cat sees the dog near the old mill. The dog sees the cat by the sea.")
    pinned, _ = run_tiny(*here, "seed=1")
    assert json.loads((tmp_path / "corpus.json").read_text()).keys() == {"mine"}
    fingerprints = [
        json.loads(path.read_text())["data_fingerprint"] for path in sorted(tmp_path.rglob("provenance.json"))
    ]
    assert len(set(fingerprints)) == 1
    assert first.status == pinned.status == "ok"
    adopted, directory = run_tiny(*here, "data.refresh=true", "seed=2")
    assert json.loads((directory / "provenance.json").read_text())["data_fingerprint"] != fingerprints[0]
    assert adopted.status == "ok"
