"""The jobs of a command line: checked before any starts, each turned into an outcome that never raises."""

import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ablate.config.build import check_targets
from ablate.config.checks import check
from ablate.config.compose import compose_jobs, compose_one, without_hydra, without_seed
from ablate.config.naming import arm_name, study_name
from ablate.config.packing import Planned
from ablate.config.reference import with_flops
from ablate.config.registering import register_study
from ablate.errors import UserError
from ablate.runs.directory import Place
from ablate.runs.record import UnreadableRecord, read_result, write_failure

OK, FAULT, MISTAKE = 0, 1, 2
ROOTS = ("multirun", "outputs")


_PLANNED: dict[frozenset[str], Planned] = {}  # the jobs of this process's command line, for the launcher


def planned_jobs() -> dict[frozenset[str], Planned]:
    """The jobs of the command line that was planned, by their overrides."""
    return _PLANNED


def plan(overrides: list[str], *, multirun: bool, config_dirs: tuple[Path, ...] = ()) -> list[Place]:
    """Where each job of a command line will run; every one is composed and checked, and a study is registered.

    Raises:
        UserError: a mistake in any of them, before any has started.
    """
    jobs = plan_jobs(overrides, multirun=multirun, config_dirs=config_dirs)
    for root in {job.place.root for job in jobs}:
        _check_writable(root, key="hydra.sweep.dir" if multirun else "hydra.run.dir")
    if multirun:
        register_study(jobs)
    _PLANNED.update({job.key: job for job in jobs})
    return [job.place for job in jobs]


def plan_jobs(overrides: list[str], *, multirun: bool, config_dirs: tuple[Path, ...] = ()) -> list[Planned]:
    """The jobs of a command line, composed and checked; nothing is written.

    Raises:
        UserError: a mistake in any of them.
    """
    jobs = compose_jobs(overrides, multirun=multirun, config_dirs=config_dirs)
    reference = compose_one([], config_dirs=config_dirs)
    checked: set[tuple[str, ...]] = set()
    for one in jobs:
        recipe = without_seed(one.overrides)
        if recipe not in checked:
            check(without_hydra(one.cfg), reference)
            check_targets(one.cfg)
            checked.add(recipe)
    places = [place_of(one.cfg, one.cfg.hydra, one.overrides, multirun=multirun) for one in jobs]
    return [Planned(one.cfg, place, tuple(one.overrides), config_dirs) for one, place in zip(jobs, places, strict=True)]


def _check_writable(root: Path, *, key: str) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise UserError(f"{key}={root}: cannot be written ({error.strerror})") from error


def place_of(cfg: DictConfig, hydra_cfg: Any, overrides: list[str], *, multirun: bool) -> Place:
    """The run's root, study, arm and seed."""
    root = Path(hydra_cfg.sweep.dir if multirun else hydra_cfg.run.dir)
    return Place(root=root, study=study_name(cfg), arm=arm_name(overrides), seed=cfg.seed)


def outcome(cfg: DictConfig, hydra_cfg: Any) -> int:
    """Run one job: 0 done, 2 the user's mistake, 1 a fault or a diverged run. A fault leaves failure.json."""
    multirun = str(hydra_cfg.mode).endswith("MULTIRUN")
    overrides = list(hydra_cfg.overrides.task)
    place = place_of(cfg, hydra_cfg, overrides, multirun=multirun)
    return outcome_at(cfg, place, overrides, config_dirs=_given_dirs(hydra_cfg))


def outcome_at(cfg: DictConfig, place: Place, overrides: list[str], *, config_dirs: tuple[Path, ...]) -> int:
    """Run one job at its place; as `outcome`."""
    try:
        from ablate.experiment import run

        cfg = with_flops(cfg, overrides, config_dirs=config_dirs)
        record = run(cfg, place, roots=[place.root, *(Path(r) for r in ROOTS if Path(r) != place.root)])
    except UserError as error:
        print(f"ablate: {error}", file=sys.stderr)
        return MISTAKE
    except Exception as error:  # whatever it is, the sweep goes on and the record says what it was
        return _fault(place, error)
    return OK if record.status == "ok" else FAULT


def recorded_outcome(place: Place) -> int:
    """The outcome of a job that another process ran, from its record."""
    try:
        record = read_result(place.directory)
    except UnreadableRecord:
        return FAULT
    return OK if record is not None and record.status == "ok" else FAULT


def _given_dirs(hydra_cfg: Any) -> tuple[Path, ...]:
    return tuple(Path(source.path) for source in hydra_cfg.runtime.config_sources if source.provider == "command-line")


_DISK_FULL = ("No space left", "PytorchStreamWriter failed", "Disk quota exceeded")  # torch's writer has no errno


def _fault(place: Place, error: Exception) -> int:
    if any(text in str(error) for text in _DISK_FULL):
        print(
            f"ablate: {place.directory}: no space left on the disk; free some, and the same command goes on",
            file=sys.stderr,
        )
        return MISTAKE
    kind = f"{type(error).__name__}: {error}".split("\n")[0]
    place.directory.mkdir(parents=True, exist_ok=True)
    write_failure(place.directory, run_id="", error=kind, traceback=traceback.format_exc())
    where = place.directory / "failure.json"
    print(
        f"ablate: {place.directory} failed: {kind} (traceback in {where}); the same command retries it", file=sys.stderr
    )
    return FAULT
