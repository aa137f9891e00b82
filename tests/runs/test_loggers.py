"""The loggers beside metrics.csv, for real: TensorBoard's event files, Weights & Biases offline."""

import importlib.util
import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from waiting import holds_soon

from ablate.runs.curves import read_curves


def test_tensorboard_gets_every_row_of_the_curve(run_tiny):
    _, directory = run_tiny("logger=tensorboard", "trainer.log_every=4")
    events = EventAccumulator(str(directory)).Reload()
    written = [(e.step, e.value) for e in events.Scalars("train/loss")]
    rows = read_curves(directory / "metrics.csv").dropna(subset="train/loss")
    assert [step for step, _ in written] == rows["step"].tolist()
    assert [value for _, value in written] == pytest.approx(rows["train/loss"].tolist(), rel=1e-6)


@pytest.mark.filterwarnings("ignore")  # wandb's own
def test_wandb_works_offline_with_no_account(run_tiny, monkeypatch):
    assert importlib.util.find_spec("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_API_KEY", "")
    record, directory = run_tiny("logger=wandb")
    assert record.status == "ok"
    (written,) = directory.glob("wandb/offline-run-*/run-*.wandb")
    for text in (record.study, record.arm, record.run_id, "val/mlm_loss", "copies"):
        assert holds_soon(written, text), text
    assert json.loads((directory / "result.json").read_text())["status"] == "ok"
