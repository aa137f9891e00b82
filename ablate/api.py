"""ablate from a notebook: find a study, load what ran, judge it, report it. Values in and out, nothing is printed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.config.compose import compose_one, plain
from ablate.config.studies import named_study, recipes_compared
from ablate.errors import UserError
from ablate.runs.collect import Run, collect
from ablate.runs.record import Record
from ablate.studies.foreign import read_foreign, read_results
from ablate.studies.judge import Judgement, write_verdicts
from ablate.studies.judge import judge as judge_runs
from ablate.studies.registration import read_entries, registered_study
from ablate.studies.study import Study
from ablate.studies.verdict_table import render

__all__ = [
    "Judgement", "Record", "Study", "compose", "judge", "load", "render", "report", "run", "study", "write_verdicts",
]  # fmt: skip


def compose(overrides: Sequence[str] = (), *, config_dir: Path | None = None) -> dict[str, Any]:
    """The whole recipe that a command line stands for: `compose(["+exp=no_nsp", "scale=smoke"])`.

    Raises:
        UserError: a mistake in an override.
    """
    return plain(compose_one(list(overrides), config_dirs=(config_dir,) if config_dir else ()))


def run(overrides: Sequence[str] = (), *, config_dir: Path | None = None) -> Record:
    """Run one arm with one seed, or find it finished, as `python -m ablate` does; its teacher first.

    Raises:
        UserError: what was asked for cannot be run.
    """
    from ablate.sweep import plan_jobs, run_planned

    (job,) = plan_jobs(list(overrides), multirun=False, config_dirs=(config_dir,) if config_dir else ())
    return run_planned(job, with_teacher=True)


def study(name: str, overrides: Sequence[str] = (), *, config_dir: Path | None = None) -> Study:
    """The study of a name in conf/study, or of a file; overrides as on the command line.

    Raises:
        UserError: no such study, or a mistake in it.
    """
    return named_study(name, list(overrides), config_dirs=(config_dir,) if config_dir else ())


def load(where: str | Path) -> pd.DataFrame:
    """One row per run of a study's folder (or of a csv of results) and a column per metric.

    Besides the metrics: arm, variant, seed, state, problem (a sentence, or None) and directory.

    Raises:
        UserError: no such folder or file.
    """
    rows = [
        {"arm": r.arm, "variant": r.variant, "seed": r.seed, "state": r.state, "problem": r.problem,
         "directory": str(r.directory), **r.metrics}
        for r in _runs(Path(where))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def judge(
    where: str | Path, study: Study | str | None = None, *, examples: str | Path | None = None,
    config_dir: Path | None = None,
) -> Judgement:  # fmt: skip
    """Verdicts on a study's folder, or on a file of anybody's results (csv, parquet, or a W&B export).

    A folder is judged by the study that is registered in it, unless another is given; a file needs one. examples:
    another file, with a value per arm, seed and test example, which makes the test one of seeds crossed with examples.

    Raises:
        UserError: no such folder, file or study; no study to judge by.
    """
    path, directories = Path(where), (config_dir,) if config_dir else ()
    if isinstance(study, str):
        study = named_study(study, config_dirs=directories)
    if path.is_file():
        if study is None:
            raise UserError(f"{path}: name the study to judge it by")
        foreign = read_foreign(path, examples=Path(examples) if examples else None, metric=study.only_metric)
        recipes = recipes_compared(study, foreign.runs, config_dirs=directories)
        return judge_runs(study, foreign.runs, recipes=recipes, foreign=True, examples=foreign.examples)
    if examples is not None:
        raise UserError(f"{path}: examples go with a file of results; runs of ours keep their own in predictions/")
    runs = _runs(path)
    if study is None:
        study = registered_study(path)
    recipes = recipes_compared(study, runs, config_dirs=directories)
    return judge_runs(study, runs, recipes=recipes, entries=read_entries(path))


def report(
    where: str | Path | Sequence[str | Path], study: str | None = None, *, out: str | Path | None = None,
    examples: str | Path | None = None, config_dir: Path | None = None,
) -> Path:  # fmt: skip
    """Write the report on a study's folder, an earlier report or a csv (which needs a study); the path of its page.

    where: several are places that hold runs of one study. out: a folder; without one `reports/<the source's name>`.
    examples: as in `judge`.

    Raises:
        UserError: as `judge`, or a folder that holds something else.
    """
    from ablate.report.collect import read  # draws, so matplotlib is needed from here on only
    from ablate.report.write import write_report

    values = None if examples is None else Path(examples)
    sources = [Path(one) for one in ([where] if isinstance(where, str | Path) else where)]
    if not sources:
        raise UserError("where: name a study's folder, a report's folder or a csv")
    collected = read(*sources, study=study, examples=values, config_dirs=(config_dir,) if config_dir else ())
    return write_report(collected, Path(out or collected.default_folder)).folder / "index.html"


def _runs(path: Path) -> list[Run]:
    if path.is_file():
        return read_results(path)
    if not path.is_dir():
        raise UserError(f"{path}: no such folder or file")
    return collect(path)
