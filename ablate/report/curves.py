"""The curves of all runs as one table, thin enough to draw and to keep beside a report."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ablate.files import write_text
from ablate.runs.collect import Run
from ablate.runs.curves import read_curves

KEYS = ["arm", "variant", "seed"]
_ROWS = 100  # per run, besides those with an evaluation
_DIGITS = "%.8g"


def read_all(runs: Sequence[Run]) -> pd.DataFrame:
    """A row per kept step with arm, variant, seed and what was logged; empty without any metrics.csv.

    Numbers are rounded to eight digits, so that a report comes out the same from the runs and from its own curves.csv.
    """
    frames = [frame for run in runs if (frame := _of_run(run)) is not None]
    return _typed(pd.concat(frames, ignore_index=True)) if frames else pd.DataFrame()


def write_all(path: Path, curves: pd.DataFrame) -> None:
    """curves.csv, as `read_back` takes it."""
    write_text(path, curves.to_csv(index=False, lineterminator="\n", float_format=_DIGITS))


def read_back(path: Path) -> pd.DataFrame:
    """What `read_all` gave; empty without the file."""
    if not path.is_file():
        return pd.DataFrame()
    # as text: every version of pandas then reads floats exactly, and an arm may be called `null`
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""]).fillna({"variant": ""})
    return _typed(frame.astype({"seed": int, "step": int}))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({name: float for name in frame.columns if name not in (*KEYS, "step")})


def _of_run(run: Run) -> pd.DataFrame | None:
    path = run.directory / "metrics.csv"
    if not path.is_file():
        return None
    try:
        frame = read_curves(path)
    except (OSError, ValueError):
        return None
    frame = _thinned(frame)
    for name in frame.select_dtypes("float").columns:
        frame[name] = [float(_DIGITS % value) for value in frame[name]]
    frame.insert(0, "seed", run.seed)
    frame.insert(0, "variant", run.variant)
    frame.insert(0, "arm", run.arm)
    return frame


def _thinned(frame: pd.DataFrame) -> pd.DataFrame:
    stride = max(math.ceil(len(frame) / _ROWS), 1)
    evaluated = frame[[name for name in frame.columns if name.startswith("val/")]].notna().any(axis=1)
    kept = evaluated | (pd.Series(range(len(frame)), index=frame.index) % stride == 0)
    return frame[kept].copy()
