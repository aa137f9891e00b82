"""Others' results: a csv of arm, seed, metric, value as if it were runs. Nothing is known of how they were made."""

from pathlib import Path

import pandas as pd

from ablate.errors import UserError
from ablate.runs.collect import Run
from ablate.runs.record import Record

COLUMNS = ("arm", "seed", "metric", "value")
FINETUNING = "finetuning_seed"  # optional: such rows are averaged within their seed


def read_results(path: Path) -> list[Run]:
    """The runs of a csv; W&B's export (a row per run, a column per metric, with columns arm and seed) works too.

    Raises:
        UserError: a missing file or column, a value that is no number, or a measurement that is there twice.
    """
    try:
        frame = pd.read_csv(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as csv ({str(error).strip()})") from error
    return runs_of(_long(frame, path), path)


def runs_of(frame: pd.DataFrame, path: Path) -> list[Run]:
    """Runs from rows of arm, seed, metric, value; `path` is named in messages.

    Raises:
        UserError: as `read_results`.
    """
    seeds = _numbers(frame, "seed", path)
    if (seeds != seeds.round()).any() or seeds.isna().any():
        raise UserError(f"{path}: column seed: whole numbers are needed")
    frame = frame.assign(
        arm=frame["arm"].astype(str).str.strip(), seed=seeds.astype(int), value=_numbers(frame, "value", path),
        metric=frame["metric"].astype(str).str.strip(),
    )  # fmt: skip
    keys = ["arm", "seed", "metric", *([FINETUNING] if FINETUNING in frame.columns else [])]
    twice = frame[frame.duplicated(keys)]
    if len(twice):
        row = twice.iloc[0]
        raise UserError(
            f"{path}: {row['metric']} of {row['arm']}, seed {row['seed']} is there twice; runs of one seed that differ "
            f"in fine-tuning only need a column {FINETUNING}"
        )
    means = frame.groupby(["arm", "seed", "metric"], sort=True)["value"].mean()
    grouped: dict[tuple[str, int], dict[str, float]] = {}
    for arm, seed, metric, value in means.reset_index().itertuples(index=False):
        grouped.setdefault((str(arm), int(seed)), {})[str(metric)] = float(value)
    return [_run(path, arm, seed, metrics) for (arm, seed), metrics in grouped.items()]


def _long(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    if set(COLUMNS) <= set(frame.columns):
        return frame[[*COLUMNS, *([FINETUNING] if FINETUNING in frame.columns else [])]]
    lacking = [name for name in ("arm", "seed") if name not in frame.columns]
    wide = [name for name in frame.columns if "/" in str(name) and pd.api.types.is_numeric_dtype(frame[name])]
    if lacking or not wide:
        raise UserError(
            f"{path}: needs the columns {', '.join(COLUMNS)} (or arm, seed and a column per metric); "
            f"has {', '.join(map(str, frame.columns[:12]))}"
        )
    return frame.melt(id_vars=["arm", "seed"], value_vars=wide, var_name="metric", value_name="value").dropna()


def _numbers(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    numbers = pd.to_numeric(frame[column], errors="coerce")
    bad = frame[numbers.isna() & frame[column].notna() & (frame[column].astype(str).str.lower() != "nan")]
    if len(bad):
        raise UserError(f"{path}: row {int(bad.index[0]) + 2}: {column}={bad.iloc[0][column]} is not a number")
    return numbers


def _run(path: Path, arm: str, seed: int, metrics: dict[str, float]) -> Run:
    record = Record(
        run_id="", study=path.stem, arm=arm, seed=seed, status="ok", reason="", evaluation_id="",
        metrics=metrics,
    )  # fmt: skip
    return Run(directory=path, arm=arm, variant="", seed=seed, state="done", record=record)
