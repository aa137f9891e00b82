"""ablate from a notebook: find a study, load what ran, judge it. Values in and out, nothing is printed."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ablate.config.studies import arm_recipes, named_study
from ablate.errors import UserError
from ablate.runs.collect import Run, collect
from ablate.studies.exact import Recipes
from ablate.studies.foreign import read_results
from ablate.studies.judge import Judgement, write_verdicts
from ablate.studies.judge import judge as judge_runs
from ablate.studies.registration import read_entries, registered_study
from ablate.studies.study import Study
from ablate.studies.verdict_table import render

__all__ = ["Judgement", "Study", "judge", "load", "render", "study", "write_verdicts"]


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


def judge(where: str | Path, study: Study | str | None = None, *, config_dir: Path | None = None) -> Judgement:
    """Verdicts on a study's folder, or on a csv of anybody's results.

    A folder is judged by the study that is registered in it, unless another is given; a csv needs one.

    Raises:
        UserError: no such folder, file or study; no study to judge by.
    """
    path, directories = Path(where), (config_dir,) if config_dir else ()
    runs, foreign = _runs(path), path.is_file()
    if isinstance(study, str):
        study = named_study(study, config_dirs=directories)
    if study is None:
        if foreign:
            raise UserError(f"{path}: name the study to judge it by")
        study = registered_study(path)
    recipes = _recipes(study, runs, directories)
    entries = [] if foreign else read_entries(path)
    return judge_runs(study, runs, recipes=recipes, entries=entries, foreign=foreign)


def _runs(path: Path) -> list[Run]:
    if path.is_file():
        return read_results(path)
    if not path.is_dir():
        raise UserError(f"{path}: no such folder or file")
    return collect(path)


def _recipes(study: Study, runs: Sequence[Run], config_dirs: tuple[Path, ...]) -> Recipes:
    """What exact claims compare: the recipes that were run; composed where none was."""
    needed = {arm for claim in study.claims if claim.kind == "exact" for arm in claim.arms}
    ran = {run.arm: run.identity for run in runs if run.identity}
    composed = arm_recipes(study, [], config_dirs=config_dirs, arms=needed - set(ran))
    return {**composed, **ran}
