"""A sweep on this machine: finished runs are passed over, the others run in processes of their own."""

import os
import sys
from dataclasses import replace

from rich.console import Console

from ablate.config.compose import compose_jobs
from ablate.config.finished import is_finished
from ablate.config.naming import place_of
from ablate.config.packing import Planned, key_of, pack, unpack
from ablate.config.teaching import teacher_job
from ablate.runs.launcher import Task, run_tasks
from ablate.runs.live import Board
from ablate.sweep import ended, outcome_at, outcome_of, planned_jobs
from ablate.training.fit import choose_device


def launch(job_overrides: list[list[str]], *, jobs: int | None, threads: int) -> list[int]:
    """Run the jobs of a sweep; the outcome of each, in their order."""
    planned = [_planned(overrides) for overrides in job_overrides]
    outcomes = {id(one): outcome_at(one.place) for one in planned if is_finished(one)}
    to_do = [one for one in planned if id(one) not in outcomes]
    console = Console(file=sys.stderr, highlight=False)
    if outcomes:
        console.print(f"{len(outcomes)} of {len(planned)} runs are finished and skipped", highlight=False)
    tasks = [Task(place=one.place, packed=pack(one)) for one in to_do]
    at = {task.place.directory: task for task in tasks}
    for task, one in zip(tasks, to_do, strict=True):
        task.after = None if one.teacher is None else at.get(one.teacher.place.directory)
    at_once = min(jobs or default_jobs(planned), max(len(tasks), 1))
    with Board(console, tasks, skipped=len(outcomes), jobs=at_once) as board:
        found = run_tasks(tasks, jobs=at_once, threads=threads, changed=board.changed, tick=board.tick)
    outcomes |= {id(one): ended(one.place, code) for one, code in zip(to_do, found, strict=True)}
    return [outcomes[id(one)] for one in planned]


def default_jobs(planned: list[Planned]) -> int:
    """One per core that this process may use; one in all where runs share a GPU."""
    if planned and choose_device(planned[0].cfg.trainer.accelerator).type != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_packed(text: str) -> int:
    """What a worker does with its job: runs it, and returns its outcome."""
    return outcome_of(unpack(text), with_teacher=False)


def _planned(overrides: list[str]) -> Planned:
    """The job as it was planned; composed now where another program launches it."""
    known = planned_jobs().get(key_of(overrides))
    if known is not None:
        return known
    cfg = compose_jobs(overrides)[0].cfg
    job = Planned(cfg, place_of(cfg, cfg.hydra, overrides, multirun=True), tuple(overrides))
    return replace(job, teacher=teacher_job(job, multirun=True))
