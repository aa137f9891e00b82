"""Weights & Biases' export of a run table (csv from the page, or json of name, state, config and summary) as runs."""

import ast
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.errors import UserError
from ablate.runs.collect import Run, State
from ablate.runs.record import Record

ARM = ("arm", "config.arm", "JobType", "Job Type", "job_type", "Group", "group")  # the first that is filled in
SEED = ("seed", "config.seed", "random_seed", "config.random_seed")
_NESTED = ("config", "summary", "summary_metrics")
_STATES: dict[str, State] = {"finished": "done", "running": "running", "pending": "running"}
_SEEDED = re.compile(r"^(?P<arm>.*?)[-_. ]*(?:seed|s)?[-_. =]*(?P<seed>\d+)$", re.IGNORECASE)


def is_wandb(columns: Collection[Any]) -> bool:
    """Whether a table is such an export, by the columns that each has."""
    names = {str(name).lower() for name in columns}
    return "name" in names and ("state" in names or "summary" in names) and not {"arm", "metric", "value"} <= names


def runs_of_wandb(frame: pd.DataFrame, path: Path) -> list[Run]:
    """One run per row; the arm is its column `arm`, job type or group, else the name before the seed at its end.

    Every number of config and summary is a metric under its own name. A crashed run stands beside a finished one of the
    same arm and seed without harm.

    Raises:
        UserError: a run whose arm or seed is not known, or two finished runs of one arm and seed.
    """
    chosen: dict[tuple[str, int], Run] = {}
    for row in _rows(frame):
        run = _run(row, path)
        other = chosen.get((run.arm, run.seed))
        if other is not None and other.state == run.state == "done":
            raise UserError(f"{path}: {run.arm}, seed {run.seed} is there twice, and both runs are finished")
        if other is None or run.state == "done":
            chosen[run.arm, run.seed] = run
    return [chosen[key] for key in sorted(chosen)]


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Flat rows: what is nested in config and summary gets its own key."""
    for plain in frame.to_dict(orient="records"):
        row = {str(key): value for key, value in plain.items() if key not in _NESTED}
        for group in _NESTED:
            nested = _dictionary(plain.get(group))
            row |= {f"config.{key}" if group == "config" else key: value for key, value in _flat(nested).items()}
        yield row


def _dictionary(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            try:
                value = ast.literal_eval(value)
            except (SyntaxError, ValueError):
                return {}
    return value if isinstance(value, Mapping) else {}


def _flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, Mapping) and set(value) == {"value"}:  # how config files spell a value
            value = value["value"]
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _run(row: Mapping[str, Any], path: Path) -> Run:
    name = str(row.get("Name", row.get("name", "")))
    arm, seed = _arm_and_seed(row, name, path)
    stated = str(row.get("State", row.get("state", "finished"))).lower()
    state: State = _STATES.get(stated, "failed")
    names: dict[str, Any] = {"directory": path, "arm": arm, "variant": "", "seed": seed}
    if state != "done":
        return Run(**names, state=state, problem=f"W&B says that {name} is {stated}")
    metrics = {key: number for key, value in row.items() if (number := _number(value)) is not None}
    record = Record(
        run_id="", study=path.stem, arm=arm, seed=seed, status="ok", reason="", evaluation_id="", metrics=metrics
    )
    return Run(**names, state="done", record=record)


def _arm_and_seed(row: Mapping[str, Any], name: str, path: Path) -> tuple[str, int]:
    ends = _SEEDED.match(name)
    arm = next((str(row[key]).strip() for key in ARM if _filled(row.get(key))), ends["arm"] if ends else "")
    given = next((row[key] for key in SEED if _filled(row.get(key))), ends["seed"] if ends else None)
    seed = _number(given)
    if not arm:
        raise UserError(f"{path}: run {name}: its arm is not known; give a column arm, a job type or a group")
    if seed is None or not seed.is_integer() or seed < 0:
        raise UserError(f"{path}: run {name}: its seed is not known; give a column seed (a whole number)")
    return arm, int(seed)


def _filled(value: Any) -> bool:
    return value is not None and value == value and str(value).strip() not in ("", "-")


def _number(value: Any) -> float | None:
    """A number, `NaN` and `Infinity` included; None for an empty cell, text, and true or false."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        try:
            return float(value) if value.strip() else None
        except ValueError:
            return None
    return None if isinstance(value, float) and math.isnan(value) else float(value)
