"""Reading what a report is about: a study's folder, an earlier report's own files, or anybody's csv of results."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.config.science import difference
from ablate.config.studies import named_study, recipes_compared
from ablate.errors import UserError
from ablate.report.archive import ARCHIVE, EXAMPLES, Archive, read_archive
from ablate.report.curves import read_all
from ablate.report.describe import describe
from ablate.report.material import Material
from ablate.report.merge import merged
from ablate.report.origins import Setting, read_origins, read_setting
from ablate.runs.collect import Run, collect
from ablate.studies.families import judged_runs
from ablate.studies.foreign import read_foreign
from ablate.studies.gate import recipe_of
from ablate.studies.judge import Judgement, judge
from ablate.studies.registration import read_entries, registered_study
from ablate.studies.study import Study


@dataclass(frozen=True, kw_only=True)
class Collected:
    """A judged study, and all that is known of its runs (of every variant). home: the folder of an earlier report."""

    material: Material
    archive: Archive
    home: Path | None = None

    @property
    def default_folder(self) -> Path:
        """Where its report goes: where the earlier one is, or `reports/<the source's name>`."""
        return self.home or Path("reports") / self.archive.name


def read(
    *sources: Path, study: str | None = None, examples: Path | None = None, config_dirs: tuple[Path, ...] = ()
) -> Collected:
    """Everything that a report on a folder of runs, an earlier report or a csv needs.

    A folder is judged by the study registered in it, unless another is named; a csv needs one. Several sources are
    places that hold runs of one study. examples: a file beside a csv, with a value per test example.

    Raises:
        UserError: no such folder, file or study; no study to judge by; a corrupt archive; sources that do not belong
            together.
    """
    asked = None if study is None else named_study(study, config_dirs=config_dirs)
    read_one = [_source(where, asked, examples, config_dirs) for where in sources]
    archive = merged([one.archive for one in read_one], [str(where) for where in sources])
    material = _material(archive, [one.runs_in for one in read_one], config_dirs)
    return Collected(material=material, archive=archive, home=read_one[0].home)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """One place that holds runs. home: its folder, where it is an earlier report."""

    archive: Archive
    runs_in: Path
    home: Path | None = None


def _source(where: Path, asked: Study | None, examples: Path | None, config_dirs: tuple[Path, ...]) -> _Source:
    home = where.parent if where.name == ARCHIVE else where
    if examples is not None and (where.is_dir() or (home / ARCHIVE).is_file()):
        raise UserError(f"--examples {examples}: goes with a file of results; {where} keeps its own")
    if (home / ARCHIVE).is_file():
        kept = read_archive(home)
        archive = kept if asked is None else replace(kept, study=asked)
        return _Source(archive=archive, runs_in=home / EXAMPLES, home=home)
    if where.is_file():
        return _Source(archive=_of_csv(where, asked, examples), runs_in=where.parent)
    if where.is_dir():
        return _Source(archive=_of_folder(where, asked, config_dirs), runs_in=where)
    raise UserError(f"{where}: no such folder or file")


def _of_folder(folder: Path, asked: Study | None, config_dirs: tuple[Path, ...]) -> Archive:
    runs = collect(folder)
    if not runs:
        raise UserError(f"{folder}: holds no runs; give a study's folder, such as multirun/nsp")
    study = asked or registered_study(folder)
    entries = tuple(_without_places(entry) for entry in read_entries(folder))
    return Archive(
        name=folder.resolve().name, study=study, entries=entries, runs=tuple(runs),
        curves=read_all(runs), descriptions={arm: describe(arm, runs, config_dirs) for arm in study.arms},
        origins=read_origins(runs), setting=read_setting(runs),
    )  # fmt: skip


def _without_places(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A registration without the absolute paths of its command, which say where somebody's files lie."""
    command = [re.sub(r"(^|=)/.*", r"\1...", str(word)) for word in entry.get("command", ())]
    return {**entry, "command": command}


def _of_csv(path: Path, asked: Study | None, examples: Path | None) -> Archive:
    if asked is None:
        raise UserError(f"{path}: name the study to judge it by, --study NAME or --study FILE")
    found = read_foreign(path, examples=examples, metric=asked.only_metric)
    return Archive(
        name=path.stem, study=asked, entries=(), runs=tuple(found.runs), examples=found.examples,
        curves=pd.DataFrame(), origins={}, descriptions=dict.fromkeys(asked.arms, ""), setting=Setting(), foreign=True,
    )  # fmt: skip


def _material(archive: Archive, runs_in: Sequence[Path], config_dirs: tuple[Path, ...]) -> Material:
    study, runs, curves = archive.study, archive.runs, archive.curves
    recipes = recipes_compared(study, runs, config_dirs=config_dirs)
    judgement = judge(
        study, runs, recipes=recipes, entries=[dict(entry) for entry in archive.entries], foreign=archive.foreign,
        examples=archive.examples,
    )  # fmt: skip
    used = _in_order(judged_runs(study, runs, foreign=archive.foreign), study)
    if len(curves):
        judged = {(run.arm, run.variant) for run in used}
        drawn = [pair in judged for pair in zip(curves["arm"], curves["variant"], strict=True)]
        curves = curves[drawn].drop(columns="variant").reset_index(drop=True)
    return Material(
        judgement=_without_paths(judgement, runs_in), runs=tuple(used), curves=curves,
        descriptions=archive.descriptions, changes=_changes(study, used),
    )  # fmt: skip


def _in_order(runs: Sequence[Run], study: Study) -> list[Run]:
    place = {arm: i for i, arm in enumerate(study.arms)}
    return sorted(runs, key=lambda run: (place.get(run.arm, len(place)), run.arm, run.seed))


def _changes(study: Study, runs: Sequence[Run]) -> dict[str, dict[str, tuple[object, object]]]:
    """What each arm's recipe changes in the baseline's; arms of which nothing is known are left out."""
    recipes = {run.arm: recipe_of(run) for run in reversed(runs) if run.identity}
    baseline = recipes.get(study.baseline)
    if baseline is None:
        return {}
    return {arm: dict(difference(baseline, recipes[arm])) for arm in study.arms if arm in recipes}


def _without_paths(judgement: Judgement, folders: Sequence[Path]) -> Judgement:
    """The same wherever the runs lie: sentences name `arm/seed-0`, not the folder that it is in."""

    prefixes = sorted({f"{path}" for folder in folders for path in (folder.resolve(), folder)}, key=len, reverse=True)

    def plain(text: str) -> str:
        for prefix in prefixes:  # the longest first: one may be the end of another
            text = text.replace(f"{prefix}/", "")
        return text

    claims = [
        replace(one, notes=tuple(map(plain, one.notes)), verdict=replace(one.verdict, reason=plain(one.verdict.reason)))
        for one in judgement.claims
    ]
    return replace(judgement, claims=tuple(claims), notes=tuple(map(plain, judgement.notes)))
