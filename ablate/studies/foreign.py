"""Others' results, from tables, as if they were runs of ours. Nothing is known of how they were made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ablate.errors import UserError
from ablate.runs.collect import Run
from ablate.runs.record import Record
from ablate.studies.metrics import is_known
from ablate.studies.wandb_export import is_wandb, runs_of_wandb

COLUMNS = ("arm", "seed", "metric", "value")
EXAMPLE = "example"  # optional: a value per test example; its mean is the seed's
FINETUNING = "finetuning_seed"  # optional: such rows are averaged within their seed
_ROUNDING = 0.01  # by which a stated value may differ from the mean of its examples

Examples = Mapping[tuple[str, str, int], pd.Series]  # values by example, sorted, for (metric, arm, seed)


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """What somebody measured: runs without directories, and where they gave them, values per test example."""

    runs: list[Run]
    examples: Examples = field(default_factory=dict)


def read_foreign(path: Path, *, examples: Path | None = None, metric: str | None = None) -> Foreign:
    """Results from a csv, parquet or json file, and their values per test example from the same or another one.

    metric: that of example values whose file has no column `metric`.

    Raises:
        UserError: as `read_results`; examples without a metric; examples that do not average to the stated value.
    """
    frame = _table(path)
    if EXAMPLE in frame.columns:
        if examples is not None:
            raise UserError(f"--examples {examples}: {path} has values per example itself")
        return _with_examples(frame, path, metric)
    runs = _runs(frame, path)
    if examples is None:
        return Foreign(runs=runs)
    values = read_examples(examples, metric=metric)
    _check_means(runs, values, examples)
    return Foreign(runs=runs, examples=values)


def read_results(path: Path) -> list[Run]:
    """The runs of a table of arm, seed, metric, value; of one with a column per metric; or of a W&B export.

    Raises:
        UserError: a missing file or column, a value that is no number, or a measurement that is there twice.
    """
    return read_foreign(path).runs


def runs_of(frame: pd.DataFrame, path: Path) -> list[Run]:
    """Runs from rows of arm, seed, metric, value; `path` is named in messages.

    Raises:
        UserError: as `read_results`.
    """
    frame = _typed(frame, path)
    _check_once(frame, ["arm", "seed", "metric"], path)
    return _grouped(_means(frame, ["arm", "seed", "metric"]), path)


def read_examples(path: Path, *, metric: str | None = None) -> Examples:
    """Values per test example from a table with the columns arm, seed, metric, example and value.

    Raises:
        UserError: as `read_foreign`.
    """
    return _examples(_table(path), path, metric)


def write_examples(path: Path, examples: Examples) -> None:
    """A parquet file that `read_examples` takes."""
    parts = [
        pd.DataFrame({"metric": metric, "arm": arm, "seed": seed, EXAMPLE: values.index, "value": values.to_numpy()})
        for (metric, arm, seed), values in examples.items()
    ]
    pd.concat(parts, ignore_index=True).to_parquet(path, index=False, compression="zstd")


def aligned(
    examples: Examples, metric: str, runs: list[tuple[str, int]], *, like: tuple[str, int]
) -> np.ndarray | None:
    """`(num_runs, num_examples)` in the order of the runs; None where one has other examples than the run `like`."""
    reference = examples.get((metric, *like))
    found = [examples.get((metric, *run)) for run in runs]
    if reference is None or any(one is None or not one.index.equals(reference.index) for one in found):
        return None
    return np.stack([one.to_numpy(dtype=np.float64) for one in found if one is not None])


def _table(path: Path) -> pd.DataFrame:
    readers: dict[str, Any] = {".parquet": pd.read_parquet, ".json": _json}
    try:
        return pd.DataFrame(readers.get(path.suffix, _csv)(path))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{path}: cannot be read as {path.suffix.lstrip('.') or 'csv'} ({reason})") from error


def _json(path: Path) -> pd.DataFrame:
    return pd.DataFrame(json.loads(path.read_bytes()))


def _csv(path: Path) -> pd.DataFrame:
    """A csv; a W&B export as text, in which `NaN` is a measurement and an empty cell is none."""
    names = pd.read_csv(path, nrows=0).columns
    return pd.read_csv(path, dtype=str, keep_default_na=False) if is_wandb(names) else pd.read_csv(path)


def _runs(frame: pd.DataFrame, path: Path) -> list[Run]:
    return runs_of_wandb(frame, path) if is_wandb(frame.columns) else runs_of(_long(frame, path), path)


def _long(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    finetuning = [FINETUNING] if FINETUNING in frame.columns else []
    if set(COLUMNS) <= set(frame.columns):
        return frame[[*COLUMNS, *finetuning]]
    lacking = [name for name in ("arm", "seed") if name not in frame.columns]
    wide = [name for name in frame.columns if _holds_metric(frame[name])]
    if lacking or not wide:
        raise UserError(
            f"{path}: needs the columns {', '.join(COLUMNS)} (or arm, seed and a column per metric); "
            f"has {', '.join(map(str, frame.columns[:12]))}"
        )
    return frame.melt(
        id_vars=["arm", "seed", *finetuning], value_vars=wide, var_name="metric", ignore_index=False
    ).dropna(subset=["value"])  # fmt: skip


def _holds_metric(column: pd.Series) -> bool:
    """Whether it is called like a metric and has numbers; what else stands in it is a mistake, and said."""
    name = str(column.name)
    return ("/" in name or is_known(name)) and bool(pd.to_numeric(column, errors="coerce").notna().any())


def _examples(frame: pd.DataFrame, path: Path, metric: str | None) -> Examples:
    if "metric" not in frame.columns:
        if metric is None:
            raise UserError(f"{path}: has no column metric, and the study's claims are about several (or none)")
        frame = frame.assign(metric=metric)
    lacking = [name for name in (*COLUMNS, EXAMPLE) if name not in frame.columns]
    if lacking:
        raise UserError(f"{path}: values per example need the columns {', '.join(COLUMNS)}, {EXAMPLE}; {lacking[0]} is "
                        "not there")  # fmt: skip
    frame = _typed(frame, path)
    _check_once(frame, ["arm", "seed", "metric", EXAMPLE], path)
    means = _means(frame, ["metric", "arm", "seed", EXAMPLE])
    found: dict[tuple[str, str, int], pd.Series] = {}
    for key, part in means.groupby(level=[0, 1, 2]):
        assert isinstance(key, tuple)
        found[str(key[0]), str(key[1]), int(key[2])] = part.droplevel([0, 1, 2])
    return found


def _means(frame: pd.DataFrame, keys: list[str]) -> "pd.Series[float]":
    """The mean value for each of the keys' combinations, over fine-tunings; none where one of these has none."""
    groups = frame.assign(missing=frame["value"].isna()).groupby(keys, sort=True)
    return groups["value"].mean().mask(groups["missing"].any())


def _with_examples(frame: pd.DataFrame, path: Path, metric: str | None) -> Foreign:
    """Rows with an example, and those without one, which are results of their own."""
    apart = frame[EXAMPLE].isna()
    values = _examples(frame[~apart], path, metric)
    stated = _runs(frame[apart].drop(columns=EXAMPLE), path) if apart.any() else []
    _check_means(stated, values, path)
    found = {(run.arm, run.seed): dict(run.metrics) for run in stated}
    for (name, arm, seed), of_run in values.items():
        found.setdefault((arm, seed), {})[name] = float(of_run.mean(skipna=False))
    return Foreign(runs=[_run(path, *key, metrics) for key, metrics in sorted(found.items())], examples=values)


def _check_means(runs: list[Run], examples: Examples, path: Path) -> None:
    stated = {(metric, run.arm, run.seed): value for run in runs for metric, value in run.metrics.items()}
    for key, values in examples.items():
        mean = float(values.mean())
        if key in stated and abs(mean - stated[key]) > _ROUNDING * max(1.0, abs(stated[key])):
            metric, arm, seed = key
            raise UserError(
                f"{path}: the examples of {metric}, {arm}, seed {seed} average to {mean:.4g}, the results say "
                f"{stated[key]:.4g}; a metric that is no mean needs pseudo-values"
            )


_LARGEST = 2**53  # above it, and at infinity, a number read from text need not be the one that was written


def _typed(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    seeds = _numbers(frame, "seed", path)
    if (seeds != seeds.round()).any() or seeds.isna().any() or (seeds.abs() > _LARGEST).any():
        raise UserError(f"{path}: column seed: whole numbers are needed")
    return frame.assign(
        arm=frame["arm"].astype(str).str.strip(), seed=seeds.astype(int), value=_numbers(frame, "value", path),
        metric=frame["metric"].astype(str).str.strip(),
    )  # fmt: skip


def _check_once(frame: pd.DataFrame, keys: list[str], path: Path) -> None:
    twice = frame[frame.duplicated([*keys, *([FINETUNING] if FINETUNING in frame.columns else [])])]
    if len(twice):
        row = twice.iloc[0]
        example = f", example {row[EXAMPLE]}," if EXAMPLE in keys else ""
        raise UserError(
            f"{path}: {row['metric']} of {row['arm']}, seed {row['seed']}{example} is there twice; runs of one seed "
            f"that differ in fine-tuning only need a column {FINETUNING}"
        )


def _numbers(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    numbers = pd.to_numeric(frame[column], errors="coerce")
    bad = frame[numbers.isna() & frame[column].notna() & (frame[column].astype(str).str.lower() != "nan")]
    if len(bad):
        raise UserError(f"{path}: row {int(bad.index[0]) + 2}: {column}={bad.iloc[0][column]} is not a number")
    return numbers


def _grouped(means: pd.Series, path: Path) -> list[Run]:
    grouped: dict[tuple[str, int], dict[str, float]] = {}
    for arm, seed, metric, value in means.reset_index().itertuples(index=False):
        grouped.setdefault((str(arm), int(seed)), {})[str(metric)] = float(value)
    return [_run(path, arm, seed, metrics) for (arm, seed), metrics in grouped.items()]


def _run(path: Path, arm: str, seed: int, metrics: dict[str, float]) -> Run:
    record = Record(
        run_id="", study=path.stem, arm=arm, seed=seed, status="ok", reason="", evaluation_id="",
        metrics=metrics,
    )  # fmt: skip
    return Run(directory=path, arm=arm, variant="", seed=seed, state="done", record=record)
