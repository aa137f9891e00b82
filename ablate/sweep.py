"""The jobs of a command line: checked before any starts, each turned into an outcome that never raises."""

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ablate.command import FAULT, MISTAKE, OK, check_writable
from ablate.config.build import check_targets, make
from ablate.config.checks import check
from ablate.config.compose import compose_jobs, compose_one, without_hydra, without_seed
from ablate.config.downstream import check_questions
from ablate.config.finished import is_finished, is_trained
from ablate.config.naming import place_of, source_keys
from ablate.config.packing import Planned, key_of
from ablate.config.paths import given_dirs
from ablate.config.reference import cfg_of
from ablate.config.registering import register_study
from ablate.config.teaching import check_teaching, teacher_job
from ablate.errors import UserError, one_line
from ablate.runs.directory import Occupied, Place
from ablate.runs.record import RESULT, Record, UnreadableRecord, read_result, write_failure
from ablate.training.fit import choose_device

ROOTS = ("multirun", "outputs")


_PLANNED: dict[frozenset[str], Planned] = {}  # the jobs of this process's command line, for the launcher
_OUTCOMES: dict[Path, int] = {}  # how its jobs ended, by their directories
_ASKED: list[list[str]] = []  # what each of them is asked with, in their order, for the sweeper


def planned_jobs() -> dict[frozenset[str], Planned]:
    """The jobs of the command line that was planned, by their overrides."""
    return _PLANNED


def plan(overrides: list[str], *, multirun: bool, config_dirs: tuple[Path, ...] = ()) -> list[Place]:
    """Where each job of a command line will run; every one is composed and checked, and a study is registered.

    Raises:
        UserError: a mistake in any of them, before any has started.
    """
    jobs = plan_jobs(overrides, multirun=multirun, config_dirs=config_dirs)
    _check_launched(jobs, multirun=multirun)
    for root in {job.place.root for job in jobs}:
        check_writable(root, key="hydra.sweep.dir" if multirun else "hydra.run.dir")
    if multirun:
        register_study(jobs)
    _OUTCOMES.clear()
    _PLANNED.clear()
    _PLANNED.update({job.key: job for job in jobs})
    _ASKED[:] = [[one for one in job.overrides if key_of([one])] for job in jobs]
    return [job.place for job in jobs]


def plan_jobs(overrides: list[str], *, multirun: bool, config_dirs: tuple[Path, ...] = ()) -> list[Planned]:
    """The jobs of a command line, composed and checked; nothing is written.

    Raises:
        UserError: a mistake in any of them.
    """
    jobs = compose_jobs(overrides, multirun=multirun, config_dirs=config_dirs)
    if not jobs:
        raise UserError(f"{' '.join(overrides)}: stands for no run: a range or a glob in it is empty")
    reference = compose_one([], config_dirs=config_dirs)
    checked: set[tuple[str, ...]] = set()
    for one in jobs:
        recipe = without_seed(one.overrides)
        if recipe not in checked:
            check(without_hydra(one.cfg), reference)
            check_targets(one.cfg)
            check_teaching(one.cfg)
            check_questions(one.cfg)
            checked.add(recipe)
    places = [place_of(one.cfg, one.cfg.hydra, one.overrides, multirun=multirun) for one in jobs]
    planned = [
        Planned(one.cfg, place, tuple(one.overrides), config_dirs) for one, place in zip(jobs, places, strict=True)
    ]
    _check_apart(planned)
    return _with_teachers(planned, multirun=multirun, checked=checked, reference=reference)


def _check_launched(jobs: list[Planned], *, multirun: bool) -> None:
    """What a launcher would stumble over, once for each job: no text where it is said to be, keys of its own."""
    cfg = jobs[0].cfg
    if not multirun and "arms" in cfg.study and not any(key.startswith("+exp=") for key in jobs[0].overrides):
        raise UserError(
            f"+study={cfg.study.name}: has several arms and seeds; run it with -m, or one of its arms with +exp=..."
        )
    launcher = cfg.hydra.launcher
    ours = _is_ours(launcher)
    for key in ("jobs", "threads") if ours else ():
        value, null = launcher[key], key == "jobs"
        if not (isinstance(value, int) and value >= 1) and not (null and value is None):
            raise UserError(f"hydra.launcher.{key}={value}: must be a whole number from 1{', or null' * null}")
    if ours:
        choose_device(cfg.trainer.accelerator)
    sources = {repr(source_keys(job.cfg)): job for job in jobs}
    for job in sources.values():
        make(job.cfg, "data")().key()


def _check_apart(jobs: list[Planned]) -> None:
    """Texts of one name have one directory: the second would be taken for the first."""
    sources: dict[Path, dict[str, Any]] = {}
    for job in jobs:
        here = source_keys(job.cfg)
        first = sources.setdefault(job.place.directory, here)
        for key, value in here.items():
            if value != first.get(key):
                raise UserError(
                    f"data.{key}={first.get(key)},{value}: both would be {job.place.directory}; "
                    "run them one after the other, each with a data.name of its own"
                )


def _with_teachers(
    jobs: list[Planned], *, multirun: bool, checked: set[tuple[str, ...]], reference: DictConfig
) -> list[Planned]:
    """The jobs with the runs that teach them, which are checked like any other; composed once for all seeds."""
    known: dict[tuple[str, ...], Planned | None] = {}
    for job in jobs:
        recipe = without_seed(list(job.overrides))
        if recipe not in known:
            known[recipe] = teacher_job(job, multirun=multirun)
    stages = teachers_of(replace(jobs[0], teacher=teacher) for teacher in known.values())
    for one in (one for stage in stages for one in stage):
        if without_seed(list(one.overrides)) not in checked:
            check(without_hydra(one.cfg), reference)
            check_targets(one.cfg)
    return [replace(job, teacher=_at_seed(known[without_seed(list(job.overrides))], job)) for job in jobs]


def _at_seed(teacher: Planned | None, student: Planned) -> Planned | None:
    """The teacher of one of the student's seeds: the same recipe, and its own seed where that is to be the same."""
    if teacher is None or student.cfg.teacher.seed != "same":
        return teacher
    cfg, seed = teacher.cfg.copy(), student.cfg.seed
    cfg.seed = seed
    overrides = (*without_seed(list(teacher.overrides)), f"seed={seed}")
    moved = replace(teacher, cfg=cfg, place=replace(teacher.place, seed=seed), overrides=overrides)
    return replace(moved, teacher=_at_seed(teacher.teacher, moved))


def planned_job(cfg: DictConfig, hydra_cfg: Any) -> Planned:
    """The job that Hydra hands over, as it was planned; planned now where another process did that."""
    multirun = str(hydra_cfg.mode).endswith("MULTIRUN")
    overrides, folders = list(hydra_cfg.overrides.task), given_dirs(hydra_cfg)
    known = planned_jobs().get(key_of(overrides))
    if known is not None and not multirun:
        return known
    job = Planned(cfg, place_of(cfg, hydra_cfg, overrides, multirun=multirun), tuple(overrides), folders)
    return replace(job, teacher=teacher_job(job, multirun=multirun))


def outcome(cfg: DictConfig, hydra_cfg: Any) -> int:
    """Run one of Hydra's jobs, after its teacher where it is a single run: in a sweep teachers are jobs of their own.

    0 done, 2 the user's mistake, 1 a fault or a diverged run. A fault leaves failure.json.
    """
    try:
        job = planned_job(cfg, hydra_cfg)
    except UserError as error:
        print(f"ablate: {error}", file=sys.stderr)
        return MISTAKE
    return outcome_of(job, with_teacher=not str(hydra_cfg.mode).endswith("MULTIRUN"))


def outcome_of(job: Planned, *, with_teacher: bool) -> int:
    """Run one planned job; as `outcome`."""
    try:
        record = run_planned(job, with_teacher=with_teacher)
        code = OK if record.status == "ok" else FAULT
    except UserError as error:
        code = _mistake(job.place, error, keep=not with_teacher)
    except Exception as error:  # whatever it is, the sweep goes on and the record says what it was
        code = _fault(job.place, error)
    return ended(job.place, code)


def ended(place: Place, code: int) -> int:
    """Note how a job ended, the worst of those that share a directory; returns the code."""
    _OUTCOMES[place.directory] = max(code, _OUTCOMES.get(place.directory, OK))
    return code


def run_planned(job: Planned, *, with_teacher: bool) -> Record:
    """Run a job, or find it finished; its teacher before it where that is asked for and one has to be run.

    Raises:
        UserError: it cannot be run, or its teacher cannot.
    """
    from ablate.experiment import run

    if with_teacher and job.teacher is not None and comes_first(job.teacher, job):
        print(f"ablate: its teacher first: {job.teacher.place.arm}, seed {job.teacher.place.seed}", file=sys.stderr)
        run_planned(job.teacher, with_teacher=True)
    cfg = cfg_of(job)
    return run(replace(job, cfg=cfg), roots=run_roots(job.place))


def comes_first(teacher: Planned, student: Planned) -> bool:
    """Whether a teacher is to be run: trained for a student that is not yet, or asked what its student is asked."""
    return not is_finished(teacher) and (is_trained(teacher) or not is_trained(student))


def run_roots(place: Place) -> list[Path]:
    """Where a finished run may be found and shared: the run's own root, then those of this folder."""
    return [place.root, *(Path(r) for r in ROOTS if Path(r) != place.root)]


def teachers_of(
    jobs: Iterable[Planned], *, only: Callable[[Planned, Planned], bool] | None = None
) -> list[list[Planned]]:
    """The runs that teach the jobs, in stages: those of a stage are taught by the stages before it only.

    `only` says of a teacher and its student whether the teacher, and its own teachers in turn, are among them; all are
    without it.
    """
    stages: list[dict[Path, Planned]] = []
    for job in jobs:
        line, student = [], job
        while student.teacher is not None and (only is None or only(student.teacher, student)):
            student = student.teacher
            line.append(student)
        for depth, one in enumerate(reversed(line)):
            stages += [{}] if len(stages) == depth else []
            stages[depth].setdefault(one.place.directory, one)
    return [list(stage.values()) for stage in stages]


def batches(size: int | None = None) -> list[list[list[str]]]:
    """What this command line's jobs are asked with, in batches; each is launched when the one before is through.

    The teachers that have to run are among them. ablate's own launcher knows whom a job waits for and is given all at
    once, a teacher that is also an arm at the teacher's place; another launcher, or batches of a size that is asked
    for, are given the teachers before, in stages.
    """
    jobs = list(_PLANNED.values())
    stages = teachers_of(jobs, only=comes_first)
    for one in (one for stage in stages for one in stage):
        _PLANNED.setdefault(one.key, one)
    if size or not jobs or not _is_ours(jobs[0].cfg.hydra.launcher):
        size = size or max(len(_ASKED), 1)
        apart = [[list(one.overrides) for one in stage] for stage in stages]
        return [*apart, *(_ASKED[i : i + size] for i in range(0, len(_ASKED), size))]
    teachers = {one.place.directory: list(one.overrides) for stage in stages for one in stage}
    at = [(_PLANNED[key_of(asked)].place.directory, asked) for asked in _ASKED]
    first = teachers | {directory: asked for directory, asked in at if directory in teachers}
    return [[*first.values(), *(asked for directory, asked in at if directory not in teachers)]]


def _is_ours(launcher: DictConfig) -> bool:
    """Whether jobs are launched by ablate; another launcher may run them elsewhere."""
    return str(launcher.get("_target_")).endswith("SubprocessLauncher")


def outcome_at(place: Place) -> int:
    """How the job of a directory ended; from its record where another program ran it, or none had to."""
    if place.directory in _OUTCOMES:
        return _OUTCOMES[place.directory]
    try:
        record = read_result(place.directory)
    except UnreadableRecord:
        return FAULT
    return OK if record is not None and record.status == "ok" else FAULT


_DISK_FULL = ("No space left", "PytorchStreamWriter failed", "Disk quota exceeded")  # torch's writer has no errno


def _mistake(place: Place, error: UserError, *, keep: bool) -> int:
    """Say it, and of a sweep keep it for `ablate.status`, where the directory is the run's own and not finished."""
    print(f"ablate: {error}", file=sys.stderr)
    if keep and not isinstance(error, Occupied) and not (place.directory / RESULT).exists():
        with contextlib.suppress(OSError):
            place.directory.mkdir(parents=True, exist_ok=True)
            write_failure(place.directory, run_id="", error=str(error), traceback="")
    return MISTAKE


def _fault(place: Place, error: Exception) -> int:
    if any(text in str(error) for text in _DISK_FULL):
        print(
            f"ablate: {place.directory}: no space left on the disk; free some, and the same command goes on",
            file=sys.stderr,
        )
        return MISTAKE
    kind = one_line(error)
    place.directory.mkdir(parents=True, exist_ok=True)
    write_failure(place.directory, run_id="", error=kind, traceback=traceback.format_exc())
    where = place.directory / "failure.json"
    print(
        f"ablate: {place.directory} failed: {kind} (traceback in {where}); the same command retries it", file=sys.stderr
    )
    return FAULT
