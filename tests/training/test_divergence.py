"""When a run counts as diverged."""

import math

import pytest

from ablate.runs.collect import read_run
from ablate.training.divergence import Diverged, check


@pytest.mark.parametrize("loss", [0.0, 7.0, 13.9])
def test_ordinary_losses_pass(loss):
    check(loss, update=3, uniform_loss=7.0)


@pytest.mark.parametrize(
    ("loss", "says"), [(math.nan, "became nan"), (math.inf, "became inf"), (14.1, "exploded to 14.10")]
)
def test_others_end_the_run_with_the_reason(loss, says):
    with pytest.raises(Diverged, match=f"{says}.*at update 3"):
        check(loss, update=3, uniform_loss=7.0)


def test_a_run_that_diverges_says_what_it_used(run_tiny, tmp_path):
    record, directory = run_tiny("optim=adamw", "optim.lr=1e6", "schedule.warmup=0", "trainer.log_every=1")
    assert record.status == "diverged"
    assert 0 < record.metrics["train/tokens"] <= 4096 and record.metrics["train/flops"] > 0
    assert not any(name.startswith("val/") for name in record.metrics)
    assert read_run(directory).metrics == {}  # no claim sees them
