"""What a report keeps of its runs, so that it can be rendered and judged again without them: runs.json, curves.csv.

runs.csv is the same metrics for people: a tidy table of the judged runs.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.config.science import digest
from ablate.errors import UserError
from ablate.files import write_text
from ablate.report.curves import read_back, write_all
from ablate.report.origins import Origin, Setting
from ablate.runs.collect import Run
from ablate.runs.record import Record
from ablate.studies.examples import COLUMNS as EXAMPLE_COLUMNS
from ablate.studies.families import judged_runs
from ablate.studies.foreign import COLUMNS, Examples, read_examples, write_examples
from ablate.studies.gate import recipe_of
from ablate.studies.study import Study, read_study

ARCHIVE, CURVES, TABLE = "runs.json", "curves.csv", "runs.csv"
EXAMPLES = "examples"  # predictions per example, in folders like those of the runs
VALUES = "examples.parquet"  # others' values per example
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A study with everything known of its runs. curves: with the columns arm, variant and seed, or empty.

    foreign: whether they are others' results; examples: their values per test example. places: how many folders of
    runs they were collected from.
    """

    name: str
    study: Study
    entries: tuple[Mapping[str, Any], ...]
    runs: tuple[Run, ...]
    curves: pd.DataFrame
    descriptions: dict[str, str]
    origins: Mapping[Path, Origin]
    setting: Setting
    foreign: bool = False
    examples: Examples = field(default_factory=dict)
    places: int = 1


def write_archive(folder: Path, archive: Archive, *, tasks: Collection[str] = ()) -> None:
    """Write runs.json, runs.csv, curves.csv and, of these tasks, every run's predictions where it has them."""
    recipes = {digest(recipe_of(run)): recipe_of(run) for run in archive.runs if run.identity}
    origins = list(dict.fromkeys(_line(asdict(one)) for one in archive.origins.values()))
    head = {
        "format": _FORMAT, "name": archive.name, "foreign": archive.foreign, "setting": asdict(archive.setting),
        "study": dict(archive.study.plain), "descriptions": archive.descriptions,
        "entries": [dict(entry) for entry in archive.entries],
        "recipes": recipes, "origins": [json.loads(line) for line in origins],
        **({"places": archive.places} if archive.places > 1 else {}),
    }  # fmt: skip
    lines = [f" {json.dumps(key)}: {_line(value)}" for key, value in head.items()]
    runs = ",\n".join(f"  {_line(_run_plain(run, archive.origins, origins))}" for run in archive.runs)
    text = "{\n" + ",\n".join([*lines, f' "runs": [\n{runs}\n ]']) + "\n}\n"
    write_text(folder / ARCHIVE, text)  # what it replaces may be the only copy
    _write_table(folder / TABLE, judged_runs(archive.study, archive.runs, foreign=archive.foreign))
    if len(archive.curves):
        write_all(folder / CURVES, archive.curves)
    else:
        (folder / CURVES).unlink(missing_ok=True)
    _keep_examples(folder, archive.runs, tasks)
    (folder / VALUES).unlink(missing_ok=True)
    if archive.examples:
        write_examples(folder / VALUES, archive.examples)


def read_archive(folder: Path) -> Archive:
    """What `write_archive` wrote.

    Raises:
        UserError: a corrupt file, or one of another version.
    """
    path = folder / ARCHIVE
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] != _FORMAT:
            raise UserError(f"{path}: has format {plain['format']}, this version reads {_FORMAT}")
        origins = [Origin(**one) for one in plain["origins"]]
        runs = [_run_back(one, folder, plain["recipes"]) for one in plain["runs"]]
        known = zip(runs, plain["runs"], strict=True)
        return Archive(
            name=plain["name"], study=read_study(plain["study"]), entries=tuple(plain["entries"]), runs=tuple(runs),
            curves=read_back(folder / CURVES), descriptions=plain["descriptions"], foreign=plain["foreign"],
            origins={run.directory: origins[one["origin"]] for run, one in known if one["origin"] is not None},
            setting=Setting(**plain["setting"]), places=plain.get("places", 1),
            examples=read_examples(folder / VALUES) if (folder / VALUES).is_file() else {},
        )  # fmt: skip
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{path} is corrupt ({error})") from error


def kept_runs(folder: Path) -> set[str]:
    """The finished runs, as `arm[.variant]/seed-0`, that a report keeps; none where it is no report, or of others."""
    try:
        plain = json.loads((folder / ARCHIVE).read_text(encoding="utf-8"))
        finished = [one for one in plain["runs"] if one["record"] is not None and not plain["foreign"]]
        return {_named(one["arm"], one["variant"], one["seed"]) for one in finished}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _named(arm: str, variant: str, seed: int) -> str:
    return f"{arm}{'.' if variant else ''}{variant}/seed-{seed}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _run_plain(run: Run, origins: Mapping[Path, Origin], lines: Sequence[str]) -> dict[str, Any]:
    origin, record = origins.get(run.directory), run.record
    problem = None if run.problem is None else run.problem.replace(f"{run.directory}", folder_name(run))
    return {
        "arm": run.arm, "variant": run.variant, "seed": run.seed, "state": run.state, "problem": problem,
        "recipe": digest(recipe_of(run)) if run.identity else None, "identity_seed": run.identity.get("seed"),
        "started": None if run.started is None else run.started.isoformat(), "hardware": run.hardware,
        "origin": None if origin is None else lines.index(_line(asdict(origin))),
        "record": None if record is None else _record_plain(record),
    }  # fmt: skip


def _record_plain(record: Record) -> dict[str, Any]:
    metrics = {k: v if math.isfinite(v) else str(v) for k, v in sorted(record.metrics.items())}
    return {
        "run_id": record.run_id, "study": record.study, "arm": record.arm, "seed": record.seed,
        "status": record.status, "reason": record.reason, "evaluation_id": record.evaluation_id,
        "evaluations": dict(sorted(record.evaluations.items())), "metrics": metrics,
    }  # fmt: skip


def _run_back(plain: Mapping[str, Any], folder: Path, recipes: Mapping[str, Any]) -> Run:
    record, recipe, started = plain["record"], plain["recipe"], plain["started"]
    if record is not None:
        record = Record(**{**record, "metrics": {k: float(v) for k, v in record["metrics"].items()}})
    return Run(
        directory=folder / EXAMPLES / _named(plain["arm"], plain["variant"], plain["seed"]),
        arm=plain["arm"], variant=plain["variant"], seed=plain["seed"], state=plain["state"],
        problem=plain["problem"], record=record,
        identity={} if recipe is None else {**recipes[recipe], "seed": plain["identity_seed"]},
        started=None if started is None else datetime.fromisoformat(started), hardware=plain["hardware"],
    )  # fmt: skip


def folder_name(run: Run) -> str:
    """`arm[.variant]/seed-0`."""
    return _named(run.arm, run.variant, run.seed)


def _write_table(path: Path, runs: Sequence[Run]) -> None:
    rows = [
        (run.arm, run.seed, metric, repr(value))
        for run in runs for metric, value in sorted(run.metrics.items())
    ]  # fmt: skip
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(path, index=False, lineterminator="\n")


def _keep_examples(folder: Path, runs: Sequence[Run], tasks: Collection[str]) -> None:
    for run in runs:
        for task in sorted(tasks):
            source = run.directory / "predictions" / f"{task}.parquet"
            kept = folder / EXAMPLES / folder_name(run) / "predictions" / source.name
            if source.is_file() and source != kept:
                frame = pd.read_parquet(source)
                if set(EXAMPLE_COLUMNS) <= set(frame.columns):
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    frame[list(EXAMPLE_COLUMNS)].to_parquet(kept, index=False, compression="zstd")
