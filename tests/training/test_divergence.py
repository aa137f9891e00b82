"""When a run counts as diverged."""

import math

import numpy as np
import pytest

from ablate.runs.collect import read_run
from ablate.runs.curves import read_curves
from ablate.training.divergence import Diverged, check, check_end


@pytest.mark.parametrize("loss", [0.0, 7.0, 13.9])
def test_ordinary_losses_pass(loss):
    check(loss, update=3, uniform_loss=7.0)


@pytest.mark.parametrize(
    ("loss", "says"), [(math.nan, "became nan"), (math.inf, "became inf"), (14.1, "exploded to 14.10")]
)
def test_others_end_the_run_with_the_reason(loss, says):
    with pytest.raises(Diverged, match=f"{says}.*at update 3"):
        check(loss, update=3, uniform_loss=7.0)


LEARNT = [*np.linspace(8.4, 4.6, 30), *np.full(10, 4.6)]


@pytest.mark.parametrize(
    "losses",
    [LEARNT, [7.0], [8.3, 6.5, 6.4, 6.35, 7.0], [8.4, 6.5, *[4.6] * 9, 6.5],
     [*LEARNT, *np.full(10, 5.0)], [6.6, 6.5, 6.95], [*LEARNT[:-1], 9.0],
     [*LEARNT[:20], 9.0, *LEARNT[20:]]],
    ids=["learnt", "one row", "a short curve", "one bad row of few", "a little lost",
         "hardly moved", "one bad row", "a spike on the way"],
)  # fmt: skip
def test_what_is_no_collapse(losses):
    check_end(losses)


def test_a_run_that_falls_back_to_word_frequencies_has_collapsed():
    with pytest.raises(Diverged, match=r"collapsed to 6\.48 nats at the end, from 4\.60 at its lowest .each over 5"):
        check_end([*LEARNT, *np.full(10, 6.48)])


def test_the_end_of_every_training_is_checked(run_tiny, monkeypatch):
    """With thresholds that any run crosses; no evaluation follows, and the curve is kept."""
    monkeypatch.setattr("ablate.training.divergence._NOISE", -1.0)
    monkeypatch.setattr("ablate.training.divergence.COLLAPSED", -1.0)
    record, directory = run_tiny("trainer.log_every=1")
    assert record.status == "diverged" and record.reason.startswith("the training loss collapsed to ")
    assert not any(name.startswith("val/") for name in record.metrics)
    assert read_curves(directory / "metrics.csv")["train/loss"].count() == record.metrics["train/updates"]


def test_a_run_that_diverges_says_what_it_used(run_tiny, tmp_path):
    record, directory = run_tiny("optim=adamw", "optim.lr=1e6", "schedule.warmup=0", "trainer.log_every=1")
    assert record.status == "diverged"
    assert 0 < record.metrics["train/tokens"] <= 4096 and record.metrics["train/flops"] > 0
    assert not any(name.startswith("val/") for name in record.metrics)
    assert read_run(directory).metrics == {}  # no claim sees them
