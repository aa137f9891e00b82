"""Does a run come out as it should? The first stage whose numbers leave their expected range is where to look."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import yaml

from ablate.config.paths import conf_dir
from ablate.errors import UserError
from ablate.runs.collect import Run
from ablate.runs.curves import read_curves

STAGES = ("corpus", "tokenizer", "first loss", "final loss", "task")
_WHERE_ASKED = ("tokenizer", "task")  # stages whose numbers a run has only where its evaluation asked for them


@dataclass(frozen=True, kw_only=True)
class Check:
    """One number against its range; `value` is None where the run does not have it."""

    stage: str
    name: str
    value: float | None
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the number is there and inside."""
        return self.value is not None and self.low <= self.value <= self.high


@cache
def expected() -> dict[str, Any]:
    """conf/expected.yaml."""
    return dict(yaml.safe_load((conf_dir() / "expected.yaml").read_text()))


def verify_run(run: Run, *, scale: str) -> list[Check]:
    """The checks of a finished run of an arm at a scale, in the order of the stages: the first that fails departs.

    Beside the run's metrics: `epoch_tokens` of a pass over the corpus, `chars_per_token` of the held-out text, and
    `train/mlm_loss`, the first row of the curve.

    Raises:
        UserError: nothing is expected of this scale, or the run is not finished.
    """
    if scale not in expected():
        raise UserError(f"{run.directory}: nothing is expected at scale {scale}; known: {', '.join(expected())}")
    if run.record is None:
        raise UserError(f"{run.directory}: {run.problem}")
    ranges = _merged(expected()[scale].get("all", {}), expected()[scale].get(run.arm, {}))
    numbers = _numbers(run)
    found = [
        Check(stage=stage, name=name, value=numbers.get(name), low=float(low), high=float(high))
        for stage in STAGES for name, (low, high) in ranges.get(stage, {}).items()
        if name in numbers or stage not in _WHERE_ASKED
    ]  # fmt: skip
    return sorted([*_exact(run, numbers), *found], key=lambda check: STAGES.index(check.stage))


def _exact(run: Run, numbers: Mapping[str, float]) -> list[Check]:
    """What follows from the config: vocabulary, and the loss of a uniform guess as the most that a first loss is."""
    size = run.identity.get("tokenizer", {}).get("vocab_size")
    if not size:
        return []
    highest = math.log(size) + 0.5
    return [Check(stage="tokenizer", name="train/mlm_loss", value=numbers.get("train/mlm_loss"), low=0.0, high=highest)]


def _numbers(run: Run) -> dict[str, float]:
    numbers = dict(run.metrics)
    if "train/tokens" in numbers and numbers.get("train/epochs"):
        numbers["epoch_tokens"] = numbers["train/tokens"] / numbers["train/epochs"]
    predictions = run.directory / "predictions" / "val_mlm.parquet"
    if predictions.exists():
        frame = pd.read_parquet(predictions)
        numbers["chars_per_token"] = float(frame["n_chars"].sum() / frame["n_masked"].sum())
    path = run.directory / "metrics.csv"
    if path.exists():
        curves = read_curves(path)
        if "train/mlm_loss" in curves:
            losses = curves["train/mlm_loss"].dropna()
            numbers |= {"train/mlm_loss": float(losses.iloc[0])} if len(losses) else {}
    return numbers


def _merged(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {stage: {**a.get(stage, {}), **b.get(stage, {})} for stage in {**a, **b}}
