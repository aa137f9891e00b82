"""The jobs of a command line: checked before any starts, each turned into an outcome that never raises."""

import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ablate.config.build import check_targets
from ablate.config.checks import check
from ablate.config.compose import compose_jobs, compose_one, without_hydra
from ablate.config.naming import arm_name, study_name
from ablate.config.reference import with_flops
from ablate.errors import UserError
from ablate.runs.directory import Place
from ablate.runs.record import UnreadableRecord, read_result, write_failure

OK, FAULT, MISTAKE = 0, 1, 2
ROOTS = ("multirun", "outputs")


def plan(overrides: list[str], *, multirun: bool, config_dirs: tuple[Path, ...] = ()) -> list[Place]:
    """Where each job of a command line will run; every one is composed and checked.

    Raises:
        UserError: a mistake in any of them, before any has started.
    """
    jobs = compose_jobs(overrides, multirun=multirun, config_dirs=config_dirs)
    reference = compose_one([], config_dirs=config_dirs)
    places = []
    for one in jobs:
        check(without_hydra(one.cfg), reference)
        check_targets(one.cfg)
        places.append(place_of(one.cfg, one.cfg.hydra, one.overrides, multirun=multirun))
    for root in {place.root for place in places}:
        _check_writable(root, key="hydra.sweep.dir" if multirun else "hydra.run.dir")
    return places


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
    place = place_of(cfg, hydra_cfg, list(hydra_cfg.overrides.task), multirun=multirun)
    try:
        from ablate.experiment import run

        cfg = with_flops(cfg, list(hydra_cfg.overrides.task), config_dirs=_given_dirs(hydra_cfg))
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


def _fault(place: Place, error: Exception) -> int:
    kind = f"{type(error).__name__}: {error}".split("\n")[0]
    place.directory.mkdir(parents=True, exist_ok=True)
    write_failure(place.directory, run_id="", error=kind, traceback=traceback.format_exc())
    where = place.directory / "failure.json"
    print(
        f"ablate: {place.directory} failed: {kind} (traceback in {where}); the same command retries it", file=sys.stderr
    )
    return FAULT
