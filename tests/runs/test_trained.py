"""Where a run's model is: its own folder, another run's, or nowhere, in one line."""

import json

import pytest
from synthetic_runs import edit, write_run

from ablate.errors import UserError
from ablate.runs.trained import trained_folder


def with_model(directory):
    (directory / "model").mkdir(parents=True)
    (directory / "model" / "config.json").write_text("{}")
    return directory


def test_a_run_its_folder_and_a_foreign_folder(tmp_path):
    run = with_model(write_run(tmp_path, "bert", 0, {}))
    folder, record = trained_folder(run)
    assert folder == run / "model" and record is not None and record.arm == "bert"
    assert trained_folder(run / "model") == (run / "model", None)


def test_a_shared_run_leads_to_the_one_that_was_trained(tmp_path):
    trained = with_model(write_run(tmp_path / "a", "bert", 0, {}))
    shared = write_run(tmp_path / "b", "bert", 0, {})
    edit(shared / "result.json", shared_from=str(trained))
    folder, record = trained_folder(shared)
    assert folder == trained / "model" and record is not None and record.study == "b"
    edit(shared / "result.json", shared_from=str(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"^teacher\.path=.* shared from .*gone, which is no longer there$"):
        trained_folder(shared, key="teacher.path")


def test_what_has_no_model(tmp_path):
    diverged = write_run(tmp_path, "bert", 0, {}, status="diverged")
    with pytest.raises(UserError, match=r"^teacher\.path=.* this run diverged: the loss is not finite$"):
        trained_folder(diverged, key="teacher.path")
    unfinished = write_run(tmp_path, "bert", 1, {})
    (unfinished / "result.json").unlink()
    with pytest.raises(UserError, match=r"^model=.* has no model folder \(unfinished"):
        trained_folder(unfinished)
    (unfinished / "result.json").write_text(json.dumps({"status": "ok"}))
    with pytest.raises(UserError, match="is not a run's record"):
        trained_folder(unfinished)
    with pytest.raises(UserError, match=r"^teacher\.path=.* no such folder"):
        trained_folder(tmp_path / "nothing", key="teacher.path")
