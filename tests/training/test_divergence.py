"""When a run counts as diverged."""

import math

import pytest

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
